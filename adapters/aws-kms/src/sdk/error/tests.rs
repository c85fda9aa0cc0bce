//! How what AWS says is told.

use super::*;

fn answer(status: u16, code: &'static str, message: &'static str) -> ServiceAnswer<'static> {
    ServiceAnswer {
        status,
        code,
        message,
        request_id: "r1",
        hint: None,
    }
}

fn trouble(status: u16, code: &'static str) -> Trouble {
    match answer(status, code, "no").refusal() {
        Refusal::Trouble(trouble, _) => trouble,
        other => panic!("{code}: {other:?}"),
    }
}

#[test]
fn tells_what_the_service_says_of_a_key() {
    let refusal = |code| answer(400, code, "no").refusal();
    assert!(matches!(refusal("NotFoundException"), Refusal::NotFound));
    assert!(matches!(refusal("InvalidArnException"), Refusal::NotFound));
    assert!(matches!(refusal("DisabledException"), Refusal::Disabled));
    assert!(matches!(
        refusal("KMSInvalidStateException"),
        Refusal::InvalidState(_)
    ));
    assert!(matches!(
        refusal("AlreadyExistsException"),
        Refusal::AlreadyExists
    ));
}

#[test]
fn tells_the_causes_of_trouble_apart() {
    for (status, code, expected) in [
        (400, "ThrottlingException", Trouble::Throttled(None)),
        (400, "LimitExceededException", Trouble::Throttled(None)),
        (429, "", Trouble::Throttled(None)),
        (400, "AccessDeniedException", Trouble::PermissionDenied),
        (400, "ExpiredTokenException", Trouble::CredentialsRefused),
        (
            400,
            "UnrecognizedClientException",
            Trouble::CredentialsRefused,
        ),
        (
            403,
            "InvalidSignatureException",
            Trouble::CredentialsRefused,
        ),
        (401, "", Trouble::CredentialsRefused),
        (403, "", Trouble::PermissionDenied),
        (500, "KMSInternalException", Trouble::Failing),
        (503, "", Trouble::Failing),
        (400, "ValidationException", Trouble::Unexpected),
        (404, "UnknownOperationException", Trouble::Unexpected),
    ] {
        assert_eq!(trouble(status, code), expected, "{status} {code}");
    }
}

#[test]
fn a_key_that_keeps_us_out_is_told_from_permissions_that_we_lack() {
    let of = |reason| answer(400, "AccessDeniedException", reason).refusal();
    assert!(matches!(
        of("User x is not authorized because no resource-based policy allows the action"),
        Refusal::DeniedByKey(_)
    ));
    assert!(matches!(
        of("User x is not authorized because no identity-based policy allows the action"),
        Refusal::Trouble(Trouble::PermissionDenied, _)
    ));
}

#[test]
fn what_is_said_of_a_signature_is_not_repeated() {
    let said = "The canonical string should have been 'x-amz-security-token:throw-away'";
    let refusal = || answer(403, "InvalidSignatureException", said).refusal();
    let shown = format!("{:?} {:?}", refusal(), refusal().told());
    assert!(shown.contains("InvalidSignatureException"), "{shown}");
    assert!(!shown.contains("throw-away"), "{shown}");
}

#[test]
fn finds_the_cause_of_a_call_without_an_answer() {
    #[derive(Debug, thiserror::Error)]
    #[error("dispatch failure")]
    struct Dispatch(#[source] io::Error);
    let of = |inner| without_answer(&Dispatch(inner));
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    assert_eq!(of(refused), Trouble::Unreachable);
    let cut = io::Error::from(io::ErrorKind::ConnectionReset);
    assert_eq!(of(cut), Trouble::Silent);
    let untrusted = rustls::Error::from(rustls::CertificateError::UnknownIssuer);
    let wrapped_twice = io::Error::other(io::Error::other(untrusted));
    assert_eq!(of(wrapped_twice), Trouble::Untrusted);
    for broken in [
        rustls::Error::DecryptError,
        rustls::Error::AlertReceived(rustls::AlertDescription::InternalError),
    ] {
        let trouble = of(io::Error::other(broken));
        assert_eq!(trouble, Trouble::Silent, "the request may have arrived");
        assert!(trouble.leaves_doubt());
    }
}
