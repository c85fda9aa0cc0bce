//! Each thing that the vault or its library says, and what comes of it.

use azure_core::http::headers::Headers;

use super::*;

/// What the library makes of an answer of the vault.
fn answered(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Error {
    let status = StatusCode::from(status);
    let mut found = Headers::new();
    for (name, value) in headers {
        found.insert(HeaderName::from_static(name), *value);
    }
    let kind = ErrorKind::HttpResponse {
        status,
        error_code: None,
        raw_response: Some(Box::new(RawResponse::from_bytes(
            status,
            found,
            body.to_owned(),
        ))),
    };
    Error::with_message(kind, "the vault has said no")
}

fn context(refusal: Refusal) -> &'static str {
    match refusal.plain() {
        KeyProviderError::ProviderUnavailable { context, .. }
        | KeyProviderError::Misconfigured { context, .. } => context,
        KeyProviderError::KeyNotFound => "not found",
        KeyProviderError::KeyRetired => "retired",
        KeyProviderError::RotationInProgress => "rotation",
    }
}

fn of(status: u16, body: &str) -> &'static str {
    context(Refusal::of(&answered(status, body, &[])))
}

#[test]
fn a_disabled_key_and_a_missing_permission_are_told_apart() {
    let body = |inner: &str| {
        format!(
            r#"{{"error":{{"code":"Forbidden","message":"m","innererror":{{"code":"{inner}"}}}}}}"#
        )
    };
    assert_eq!(of(403, &body("KeyDisabled")), "retired");
    let other_spelling = body("KeyDisabled").replace("innererror", "innerError");
    assert_eq!(of(403, &other_spelling), "retired");
    let denied = Trouble::PermissionDenied.context();
    assert_eq!(of(403, &body("ForbiddenByRbac")), denied);
    assert_eq!(of(403, &body("ForbiddenByFirewall")), denied);
    assert_eq!(
        of(
            403,
            r#"{"error":{"code":"Forbidden","message":"KeyDisabled"}}"#
        ),
        denied
    );
    assert_eq!(of(403, ""), denied);
}

#[test]
fn every_status_has_its_cause() {
    for (status, expected) in [
        (401, Trouble::CredentialsRefused),
        (403, Trouble::PermissionDenied),
        (408, Trouble::Silent),
        (429, Trouble::Throttled(None)),
        (500, Trouble::Failing),
        (503, Trouble::Failing),
        (302, Trouble::Unexpected),
        (400, Trouble::Unexpected),
        (418, Trouble::Unexpected),
    ] {
        assert_eq!(of(status, "{}"), expected.context(), "{status}");
    }
}

#[test]
fn only_the_vault_itself_can_tell_that_there_is_no_such_key() {
    let of_the_vault = r#"{"error":{"code":"KeyNotFound","message":"m"}}"#;
    assert_eq!(of(404, of_the_vault), "not found");
    let unexpected = Trouble::Unexpected.context();
    for foreign in [
        "",
        "{}",
        "<html>404 page not found</html>",
        r#"{"error":{"code":"ResourceNotFound","message":"KeyNotFound"}}"#,
        r#"{"error":"KeyNotFound"}"#,
    ] {
        assert_eq!(of(404, foreign), unexpected, "{foreign}");
    }
}

#[test]
fn a_name_that_is_deleted_is_the_operators_and_one_that_is_on_its_way_is_waited_for() {
    let body = |inner: &str| {
        format!(
            r#"{{"error":{{"code":"Conflict","message":"m","innererror":{{"code":"{inner}"}}}}}}"#
        )
    };
    assert_eq!(
        of(409, &body("ObjectIsDeletedButRecoverable")),
        NAME_IS_DELETED
    );
    for inner in ["ObjectIsBeingDeleted", "ObjectIsBeingRecovered"] {
        let refusal = Refusal::of(&answered(409, &body(inner), &[]));
        assert!(matches!(
            refusal.plain(),
            KeyProviderError::ProviderUnavailable {
                outcome_unknown: false,
                ..
            }
        ));
    }
}

#[test]
fn the_vault_says_how_long_it_wants_to_be_left_alone() {
    let wait = |headers: &[_]| match Refusal::of(&answered(429, "", headers)).plain() {
        KeyProviderError::ProviderUnavailable { retry_after, .. } => retry_after.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!(wait(&[("retry-after", "7")]), 7);
    assert_eq!(wait(&[("retry-after", "soon")]), 1);
    assert_eq!(wait(&[]), 1);
}

#[test]
fn what_may_pass_at_once_is_tried_again_and_nothing_else() {
    let may_pass = |status| Refusal::of(&answered(status, "", &[])).may_pass();
    let passing = [500, 502, 503, 504, 408].map(may_pass);
    assert_eq!(passing, [true; 5]);
    let staying = [400, 401, 403, 404, 409, 429].map(may_pass);
    assert_eq!(staying, [false; 6]);
    for kind in [ErrorKind::Io, ErrorKind::Connection] {
        assert!(Refusal::of(&Error::with_message(kind, "broken")).may_pass());
    }
}

#[test]
fn why_there_is_no_token_is_told_apart() {
    let of = |reason: Error| {
        let failed = Error::with_error(ErrorKind::Credential, reason, "authentication failed");
        context(Refusal::of(&failed.with_context("not retried")))
    };
    assert_eq!(
        of(answered(401, "", &[])),
        Trouble::CredentialsRefused.context()
    );
    assert_eq!(
        of(answered(400, "", &[])),
        Trouble::CredentialsRefused.context()
    );
    assert!(of(answered(503, "", &[])).contains("identity service fails"));
    assert!(of(answered(429, "", &[])).contains("identity service fails"));
    let unreachable = Error::with_message(ErrorKind::Connection, "refused");
    assert!(of(unreachable).contains("identity service cannot be reached"));
    let silent = Error::with_message(ErrorKind::Io, "elapsed");
    assert!(of(silent).contains("identity service does not answer"));
}

#[test]
fn a_certificate_that_is_not_trusted_is_no_broken_line() {
    let connecting =
        |cause: std::io::Error| context(Refusal::of(&Error::new(ErrorKind::Connection, cause)));
    let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    // As it comes: wrapped twice.
    let untrusted = std::io::Error::other(std::io::Error::other(untrusted));
    assert_eq!(connecting(untrusted), Trouble::Untrusted.context());
    let refused = std::io::ErrorKind::ConnectionRefused.into();
    assert_eq!(connecting(refused), Trouble::Unreachable.context());
}

#[test]
fn what_is_the_operators_to_cure_says_so() {
    let refusal = Refusal::of(&answered(400, "{}", &[]));
    assert!(matches!(
        refusal.or_refused_while("making a key"),
        KeyProviderError::Misconfigured {
            context: "making a key",
            ..
        }
    ));
    let refusal = Refusal::of(&answered(500, "{}", &[]));
    assert!(matches!(
        refusal.or_refused_while("making a key"),
        KeyProviderError::ProviderUnavailable { .. }
    ));
}
