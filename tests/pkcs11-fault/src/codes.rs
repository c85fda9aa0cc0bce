//! Return codes by their names in the standard.

use cryptoki_sys as sys;
use cryptoki_sys::CK_RV;

/// Reads `CKR_DEVICE_ERROR`, `0x30` or `48`.
pub(crate) fn parse(text: &str) -> Option<CK_RV> {
    if let Some(name) = text.strip_prefix("CKR_") {
        return by_name(name);
    }
    match text.strip_prefix("0x") {
        Some(digits) => CK_RV::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

macro_rules! named_codes {
    ($($name:ident = $constant:ident)*) => {
        fn by_name(name: &str) -> Option<CK_RV> {
            match name {
                $(stringify!($name) => Some(sys::$constant),)*
                _ => None,
            }
        }
    };
}

named_codes! {
    OK = CKR_OK
    HOST_MEMORY = CKR_HOST_MEMORY
    SLOT_ID_INVALID = CKR_SLOT_ID_INVALID
    GENERAL_ERROR = CKR_GENERAL_ERROR
    FUNCTION_FAILED = CKR_FUNCTION_FAILED
    ARGUMENTS_BAD = CKR_ARGUMENTS_BAD
    CANT_LOCK = CKR_CANT_LOCK
    ATTRIBUTE_READ_ONLY = CKR_ATTRIBUTE_READ_ONLY
    ATTRIBUTE_TYPE_INVALID = CKR_ATTRIBUTE_TYPE_INVALID
    ATTRIBUTE_VALUE_INVALID = CKR_ATTRIBUTE_VALUE_INVALID
    ACTION_PROHIBITED = CKR_ACTION_PROHIBITED
    DATA_LEN_RANGE = CKR_DATA_LEN_RANGE
    DEVICE_ERROR = CKR_DEVICE_ERROR
    DEVICE_MEMORY = CKR_DEVICE_MEMORY
    DEVICE_REMOVED = CKR_DEVICE_REMOVED
    FUNCTION_CANCELED = CKR_FUNCTION_CANCELED
    FUNCTION_NOT_SUPPORTED = CKR_FUNCTION_NOT_SUPPORTED
    KEY_HANDLE_INVALID = CKR_KEY_HANDLE_INVALID
    KEY_TYPE_INCONSISTENT = CKR_KEY_TYPE_INCONSISTENT
    KEY_FUNCTION_NOT_PERMITTED = CKR_KEY_FUNCTION_NOT_PERMITTED
    MECHANISM_INVALID = CKR_MECHANISM_INVALID
    MECHANISM_PARAM_INVALID = CKR_MECHANISM_PARAM_INVALID
    OBJECT_HANDLE_INVALID = CKR_OBJECT_HANDLE_INVALID
    OPERATION_ACTIVE = CKR_OPERATION_ACTIVE
    OPERATION_NOT_INITIALIZED = CKR_OPERATION_NOT_INITIALIZED
    PIN_INCORRECT = CKR_PIN_INCORRECT
    PIN_EXPIRED = CKR_PIN_EXPIRED
    PIN_LOCKED = CKR_PIN_LOCKED
    SESSION_CLOSED = CKR_SESSION_CLOSED
    SESSION_COUNT = CKR_SESSION_COUNT
    SESSION_HANDLE_INVALID = CKR_SESSION_HANDLE_INVALID
    SESSION_READ_ONLY = CKR_SESSION_READ_ONLY
    TEMPLATE_INCOMPLETE = CKR_TEMPLATE_INCOMPLETE
    TEMPLATE_INCONSISTENT = CKR_TEMPLATE_INCONSISTENT
    TOKEN_NOT_PRESENT = CKR_TOKEN_NOT_PRESENT
    TOKEN_NOT_RECOGNIZED = CKR_TOKEN_NOT_RECOGNIZED
    TOKEN_WRITE_PROTECTED = CKR_TOKEN_WRITE_PROTECTED
    USER_ALREADY_LOGGED_IN = CKR_USER_ALREADY_LOGGED_IN
    USER_NOT_LOGGED_IN = CKR_USER_NOT_LOGGED_IN
    USER_PIN_NOT_INITIALIZED = CKR_USER_PIN_NOT_INITIALIZED
    DOMAIN_PARAMS_INVALID = CKR_DOMAIN_PARAMS_INVALID
    CURVE_NOT_SUPPORTED = CKR_CURVE_NOT_SUPPORTED
    CRYPTOKI_NOT_INITIALIZED = CKR_CRYPTOKI_NOT_INITIALIZED
    CRYPTOKI_ALREADY_INITIALIZED = CKR_CRYPTOKI_ALREADY_INITIALIZED
    FUNCTION_REJECTED = CKR_FUNCTION_REJECTED
    VENDOR_DEFINED = CKR_VENDOR_DEFINED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_numbers() {
        assert_eq!(parse("CKR_DEVICE_ERROR"), Some(0x30));
        assert_eq!(parse("0x30"), Some(0x30));
        assert_eq!(parse("48"), Some(0x30));
        assert_eq!(parse("0x8000002f"), Some(0x8000_002f));
    }

    #[test]
    fn refuses_what_is_neither() {
        for text in [
            "",
            "CKR_",
            "CKR_NO_SUCH_CODE",
            "DEVICE_ERROR",
            "0x",
            "-1",
            "0xzz",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
