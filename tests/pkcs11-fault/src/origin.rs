//! What a module says of where a key comes from, changed after the real one has answered.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_PTR, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_FALSE, CK_RV, CK_ULONG,
    CK_UNAVAILABLE_INFORMATION, CKA_ALWAYS_SENSITIVE, CKA_LOCAL, CKA_NEVER_EXTRACTABLE,
    CKR_ATTRIBUTE_TYPE_INVALID, CKR_OK,
};

use crate::rules::Origin;

/// What a token notes of the past of a key by itself.
const OF_THE_PAST: [CK_ATTRIBUTE_TYPE; 3] =
    [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE];

/// Changes an answer, and gives the code that goes with it.
///
/// # Safety
///
/// `template` is null or points to `count` attributes, each with a place for as much as it says.
pub(crate) unsafe fn put(
    origin: Origin,
    template: CK_ATTRIBUTE_PTR,
    count: CK_ULONG,
    code: CK_RV,
) -> CK_RV {
    let Ok(count) = usize::try_from(count) else {
        return code;
    };
    if code != CKR_OK || template.is_null() {
        return code;
    }
    // SAFETY: the caller promises that there are as many attributes.
    let attributes = unsafe { std::slice::from_raw_parts_mut(template, count) };
    let of_the_past = |attribute: &&mut CK_ATTRIBUTE| OF_THE_PAST.contains(&attribute.type_);
    let mut changed = code;
    for attribute in attributes.iter_mut().filter(of_the_past) {
        match origin {
            Origin::Denied if attribute.type_ == CKA_LOCAL && !attribute.pValue.is_null() => {
                // SAFETY: the place is there, and the real module has just written a truth value.
                unsafe { attribute.pValue.cast::<CK_BBOOL>().write(CK_FALSE) };
            }
            Origin::Denied => {}
            Origin::Withheld => {
                attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
                changed = CKR_ATTRIBUTE_TYPE_INVALID;
            }
        }
    }
    changed
}
