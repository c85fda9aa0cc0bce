use super::*;

fn answer(code: RvError) -> KeyProviderError {
    Fault::refused("signing")(Error::Pkcs11(code, Function::Sign)).into_answer(false)
}

#[test]
fn what_may_pass_is_unavailable_and_tried_again() {
    for code in [
        RvError::ObjectHandleInvalid,
        RvError::KeyHandleInvalid,
        RvError::GeneralError,
        RvError::UserNotLoggedIn,
        RvError::SessionHandleInvalid,
        RvError::SessionClosed,
        RvError::OperationActive,
        RvError::OperationNotInitialized,
        RvError::UserPinNotInitialized,
        RvError::DeviceError,
        RvError::FunctionFailed,
        RvError::FunctionCanceled,
        RvError::VendorDefined(0x8000_002f),
        RvError::UnknownErrorCode(0x208),
        RvError::CryptokiNotInitialized,
        RvError::DeviceRemoved,
        RvError::TokenNotPresent,
        RvError::TokenNotRecognized,
        RvError::SlotIdInvalid,
    ] {
        assert_eq!(remedy_for(code), Remedy::TryAgain, "{code}");
        let answer = answer(code);
        let expected = matches!(answer, KeyProviderError::ProviderUnavailable { .. });
        assert!(expected, "{code}: {answer:?}");
    }
}

#[test]
fn a_token_without_room_is_left_alone_for_longer() {
    for code in [
        RvError::SessionCount,
        RvError::HostMemory,
        RvError::DeviceMemory,
    ] {
        assert_eq!(remedy_for(code), Remedy::Wait, "{code}");
        let KeyProviderError::ProviderUnavailable { retry_after, .. } = answer(code) else {
            panic!("{code}");
        };
        assert_eq!(retry_after, RETRY_ROOM);
    }
}

#[test]
fn a_refused_pin_is_for_the_operator_and_never_tried_again() {
    for code in [
        RvError::PinIncorrect,
        RvError::PinLocked,
        RvError::PinExpired,
        RvError::PinInvalid,
        RvError::PinLenRange,
    ] {
        assert_eq!(remedy_for(code), Remedy::LatchPin, "{code}");
        assert!(matches!(
            answer(code),
            KeyProviderError::Misconfigured { .. }
        ));
    }
}

#[test]
fn what_no_repetition_cures_is_for_the_operator() {
    for code in [
        RvError::MechanismInvalid,
        RvError::MechanismParamInvalid,
        RvError::CurveNotSupported,
        RvError::DomainParamsInvalid,
        RvError::TemplateIncomplete,
        RvError::TemplateInconsistent,
        RvError::AttributeReadOnly,
        RvError::AttributeSensitive,
        RvError::AttributeTypeInvalid,
        RvError::AttributeValueInvalid,
        RvError::KeyTypeInconsistent,
        RvError::KeyFunctionNotPermitted,
        RvError::KeySizeRange,
        RvError::ActionProhibited,
        RvError::DataInvalid,
        RvError::DataLenRange,
        RvError::TokenWriteProtected,
        RvError::SessionReadOnly,
        RvError::CantLock,
        RvError::NeedToCreateThreads,
        RvError::FunctionRejected,
        RvError::FunctionNotSupported,
    ] {
        assert_eq!(remedy_for(code), Remedy::Operator, "{code}");
        assert!(matches!(
            answer(code),
            KeyProviderError::Misconfigured { .. }
        ));
    }
}

#[test]
fn no_code_of_a_module_says_that_a_key_is_not_there() {
    for code in [RvError::ObjectHandleInvalid, RvError::KeyHandleInvalid] {
        assert!(!matches!(answer(code), KeyProviderError::KeyNotFound));
    }
}

#[test]
fn the_log_names_functions_and_codes_as_the_standard_does() {
    let says = |code| ModuleSaid(&Error::Pkcs11(code, Function::Login)).to_string();
    assert_eq!(
        says(RvError::PinIncorrect),
        "C_Login answered CKR_PIN_INCORRECT"
    );
    let cause = said(&Error::Pkcs11(RvError::ArgumentsBad, Function::SignInit));
    assert_eq!(
        format!("{cause:?}"),
        "\"C_SignInit answered CKR_ARGUMENTS_BAD\""
    );
    assert_eq!(
        says(RvError::VendorDefined(0x8000_002f)),
        "C_Login answered CKR_VENDOR_DEFINED 0x8000002f"
    );
    assert_eq!(
        says(RvError::UnknownErrorCode(0x208)),
        "C_Login answered 0x208"
    );
}

#[test]
fn a_wrong_signature_and_a_doubtful_token_are_unavailable() {
    for fault in [
        Fault::WrongSignature,
        Fault::LoggedOut,
        Fault::doubtful("looking"),
    ] {
        let answer = fault.into_answer(true);
        assert!(matches!(
            answer,
            KeyProviderError::ProviderUnavailable {
                outcome_unknown: true,
                ..
            }
        ));
    }
}

#[test]
fn what_is_too_early_is_unavailable_for_the_length_of_the_pause() {
    let pause = Duration::from_secs(12);
    let fault = Fault::TooEarly {
        context: "waiting",
        pause,
        source: None,
    };
    let KeyProviderError::ProviderUnavailable {
        retry_after,
        outcome_unknown,
        ..
    } = fault.into_answer(true)
    else {
        panic!("not unavailable");
    };
    assert_eq!((retry_after, outcome_unknown), (pause, true));
}

#[test]
fn a_pause_is_told_by_what_is_behind_it() {
    let refused = Fault::refused("opening a session")(Error::Pkcs11(
        RvError::DeviceRemoved,
        Function::OpenSession,
    ));
    assert_eq!(
        refused.to_string(),
        "opening a session: C_OpenSession answered CKR_DEVICE_REMOVED"
    );
    let answer = refused
        .not_before(Duration::from_secs(9))
        .into_answer(false);
    let KeyProviderError::ProviderUnavailable {
        context,
        retry_after,
        source,
        ..
    } = answer
    else {
        panic!("not unavailable");
    };
    assert_eq!(
        (context, retry_after),
        ("opening a session", Duration::from_secs(9))
    );
    assert_eq!(
        source.unwrap().to_string(),
        "C_OpenSession answered CKR_DEVICE_REMOVED"
    );
}
