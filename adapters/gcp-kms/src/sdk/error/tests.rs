use super::*;

fn of_status(code: Code) -> Refusal {
    let status = Status::default().set_code(code).set_message("said");
    Error::service(status).into()
}

/// Header fields, of a type that only the library names.
fn empty<T: Default>() -> T {
    T::default()
}

fn error_of(refusal: Refusal) -> KeyProviderError {
    refusal.into()
}

#[test]
fn each_canonical_code_has_one_meaning() {
    assert!(matches!(of_status(Code::NotFound), Refusal::NotFound));
    assert!(matches!(
        of_status(Code::AlreadyExists),
        Refusal::AlreadyThere
    ));
    assert!(matches!(
        of_status(Code::FailedPrecondition),
        Refusal::WrongState(_)
    ));
    assert!(matches!(
        of_status(Code::InvalidArgument),
        Refusal::Invalid(_)
    ));
    for (code, trouble) in [
        (Code::Unauthenticated, Trouble::CredentialsRefused),
        (Code::PermissionDenied, Trouble::PermissionDenied),
        (Code::ResourceExhausted, Trouble::Throttled(None)),
        (Code::DeadlineExceeded, Trouble::Silent),
        (Code::Unavailable, Trouble::Failing),
        (Code::Internal, Trouble::Failing),
        (Code::Aborted, Trouble::Failing),
        (Code::Unknown, Trouble::Unexpected),
        (Code::Unimplemented, Trouble::Unexpected),
        (Code::DataLoss, Trouble::Unexpected),
    ] {
        match of_status(code) {
            Refusal::Trouble(found, _) => assert_eq!(found, trouble, "{code}"),
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn an_answer_that_is_not_of_the_service_is_told_by_its_status() {
    for (code, trouble) in [
        (401, Trouble::CredentialsRefused),
        (403, Trouble::PermissionDenied),
        (429, Trouble::Throttled(None)),
        (502, Trouble::Failing),
        (404, Trouble::Unexpected),
        (302, Trouble::Unexpected),
    ] {
        let page = "<html>a page of a proxy</html>".into();
        match Refusal::from(Error::http(code, empty(), page)) {
            Refusal::Trouble(found, cause) => {
                assert_eq!(found, trouble, "{code}");
                assert!(!cause.to_string().contains("html"), "{cause}");
            }
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn only_what_passes_is_tried_again() {
    for (code, is_passing) in [
        (Code::Unavailable, true),
        (Code::DeadlineExceeded, true),
        (Code::ResourceExhausted, false),
        (Code::Unauthenticated, false),
        (Code::NotFound, false),
        (Code::FailedPrecondition, false),
    ] {
        assert_eq!(of_status(code).is_passing(), is_passing, "{code}");
    }
}

#[test]
fn refused_credentials_are_the_operators_and_a_token_service_that_is_down_passes() {
    let refused = CredentialsError::from_msg(false, "refused");
    let refused = Refusal::from(Error::authentication(refused));
    assert!(refused.asks_for_renewal());
    let sentence = error_of(refused).to_string();
    assert!(sentence.contains("credentials are missing"), "{sentence}");

    let down = CredentialsError::from_msg(true, "down");
    let down = Refusal::from(Error::authentication(down));
    assert!(down.asks_for_renewal());
    match error_of(down) {
        KeyProviderError::ProviderUnavailable {
            context,
            outcome_unknown,
            ..
        } => {
            assert!(context.contains("signing in"), "{context}");
            assert!(!outcome_unknown);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_that_who_issues_tokens_repeats_is_told_but_its_error_code() {
    let message = "failed to refresh, body=<{\"error\":\"invalid_grant\",\
                   \"error_description\":\"hidden-refresh-token is expired\"}>";
    let error = CredentialsError::from_msg(false, message);
    let told = told_of_sign_in(&error).to_string();
    assert_eq!(told, "failed to refresh: invalid_grant");
    for quoted in [
        "hidden",
        "{\"error\":\"hidden token\"}",
        "{\"error\":{\"message\":\"hidden\"}}",
        "[\"hidden",
    ] {
        let error = CredentialsError::from_msg(false, format!("failed, body=<{quoted}>"));
        assert_eq!(told_of_sign_in(&error).to_string(), "failed");
    }
}

#[test]
fn a_long_description_is_cut() {
    let status = Status::default()
        .set_code(Code::Internal)
        .set_message("\u{e4}".repeat(5000));
    let Refusal::Trouble(_, cause) = Refusal::from(Error::service(status)) else {
        panic!("it is trouble");
    };
    assert!(cause.to_string().chars().count() < 310);
}

#[test]
fn finds_a_cause_that_an_io_error_is_made_of() {
    let certificate = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let connecting = io::Error::other(io::Error::other(certificate));
    let refusal = Refusal::from(Error::connect(connecting));
    assert!(matches!(refusal, Refusal::Trouble(Trouble::Untrusted, _)));
    let refusal = Refusal::from(Error::connect(io::Error::from(
        io::ErrorKind::ConnectionRefused,
    )));
    assert!(matches!(refusal, Refusal::Trouble(Trouble::Unreachable, _)));
}
