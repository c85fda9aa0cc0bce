//! In which modules `C_Sign` is found, told of real ones. None of them is initialised here.

use std::env::consts::ARCH;
use std::path::Path;

use signer_pkcs11_one_call::OneCallSign;

#[test]
fn a_module_with_one_list_of_functions_is_asked_by_one_call() {
    let softhsm = Path::new("/usr/lib/softhsm/libsofthsm2.so");
    assert!(OneCallSign::load(softhsm).unwrap().is_some());
}

/// The sessions of one list mean nothing to the functions of another there.
#[test]
fn a_module_that_lists_its_functions_anew_for_each_user_is_left_to_the_binding() {
    let proxy = format!("/usr/lib/{ARCH}-linux-gnu/p11-kit-proxy.so");
    assert!(OneCallSign::load(Path::new(&proxy)).unwrap().is_none());
}

#[test]
fn a_file_that_is_no_module_is_refused() {
    for path in ["/nowhere.so", "/etc/passwd"] {
        assert!(OneCallSign::load(Path::new(path)).is_err(), "{path}");
    }
}
