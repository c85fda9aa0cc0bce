//! A PKCS#11 module that forwards every call to a real one and fails by rule.
//!
//! The tests of the PKCS#11 adapter load it in the place of the real module to see what the adapter
//! makes of return codes, lost replies, delays, hangs and wrong handles. It is a fixture, built by
//! `scripts/build-fault-module` and never shipped. Three variables control it:
//!
//! * `P11FAULT_REAL` names the real module, and must be set;
//! * `P11FAULT_RULES` names the file of [rules](rules), which is read again at each gated call;
//! * `P11FAULT_TRACE` names a file that gets [one line](trace) for each gated call.
//!
//! Only the function list of PKCS#11 2.40 is offered, so that every real module is seen through the
//! same list. A rule that cannot be read ends the process: a test whose fault never happens would
//! pass for the wrong reason.

#![expect(
    non_snake_case,
    reason = "the functions carry the names of the PKCS#11 standard"
)]

mod book;
mod codes;
mod gate;
mod module;
mod origin;
mod rules;
mod trace;
mod wrappers;

use cryptoki_sys::{
    CK_FUNCTION_LIST_PTR_PTR, CK_RV, CKR_ARGUMENTS_BAD, CKR_LIBRARY_LOAD_FAILED, CKR_OK,
};

/// Hands out the functions of this module, after it has loaded the real one.
///
/// # Safety
///
/// `list` is null or points to where a pointer may be written.
// SAFETY: a loader looks this name up in one module at a time; nothing links against it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    let Some(module) = module::loaded() else {
        return CKR_LIBRARY_LOAD_FAILED;
    };
    // SAFETY: the caller promises that the pointer, which is not null, may be written to.
    unsafe { list.write((&raw const module.list).cast_mut()) };
    CKR_OK
}
