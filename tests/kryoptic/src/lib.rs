//! Kryoptic, a software token written in Rust, as a PKCS#11 module that a process can load.
//!
//! The crate on the registry is a library without the three symbols by which a loader enters a
//! module; this one adds them and nothing else. It serves the tests of the PKCS#11 adapter as the
//! second real module beside `SoftHSM`, and is never shipped.

use kryoptic_lib::fns::general::{fn_get_function_list, fn_get_interface, fn_get_interface_list};
use kryoptic_lib::pkcs11::{
    CK_FLAGS, CK_FUNCTION_LIST_PTR_PTR, CK_INTERFACE_PTR, CK_INTERFACE_PTR_PTR, CK_RV,
    CK_ULONG_PTR, CK_UTF8CHAR_PTR, CK_VERSION_PTR,
};

/// Hands out the functions of PKCS#11 2.40.
// SAFETY: no other object of the process defines this name but a PKCS#11 module, and a loader looks
// it up in one module at a time.
#[unsafe(no_mangle)]
pub extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    fn_get_function_list(list)
}

/// Lists the interfaces, which is how a caller learns of PKCS#11 3.x.
// SAFETY: as for `C_GetFunctionList`.
#[unsafe(no_mangle)]
pub extern "C" fn C_GetInterfaceList(interfaces: CK_INTERFACE_PTR, count: CK_ULONG_PTR) -> CK_RV {
    fn_get_interface_list(interfaces, count)
}

/// Hands out one interface by its name and version.
// SAFETY: as for `C_GetFunctionList`.
#[unsafe(no_mangle)]
pub extern "C" fn C_GetInterface(
    name: CK_UTF8CHAR_PTR,
    version: CK_VERSION_PTR,
    interface: CK_INTERFACE_PTR_PTR,
    flags: CK_FLAGS,
) -> CK_RV {
    fn_get_interface(name, version, interface, flags)
}
