//! The error table itself, and what holds for every row of it.

use std::collections::BTreeSet;

use signer_test_support::{Response, Workplace};

use super::scripted;

/// A row of the table.
struct Row {
    code: &'static str,
    status: u16,
    /// None where the sentence depends on the request; then the test that shows it looks.
    detail: Option<&'static str>,
    retryable: Retryable,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retryable {
    No,
    /// The caller finds out when.
    Yes,
    /// The caller is told when.
    AfterAWhile,
}

const fn row(
    code: &'static str,
    status: u16,
    detail: Option<&'static str>,
    retryable: Retryable,
) -> Row {
    Row {
        code,
        status,
        detail,
        retryable,
    }
}

const FAILED: &str = "the custodian failed; its log says more under this request id";
const UNVERIFIED: &str = "the signature did not verify and was not released";
const OTHER_METHODS: &str = "this path has other methods, named in the Allow header";

const TABLE: [Row; 21] = {
    use Retryable::{AfterAWhile, No, Yes};
    [
        row("invalid_request", 400, None, No),
        row("scope_not_permitted", 400, None, No),
        row("denied", 403, Some("signing: peer identity denied"), No),
        row("key_not_found", 404, Some("signing: key not found"), No),
        row("not_found", 404, Some("there is no such path"), No),
        row("method_not_allowed", 405, Some(OTHER_METHODS), No),
        row(
            "request_timeout",
            408,
            Some("the body did not arrive in time"),
            Yes,
        ),
        row("payload_too_large", 413, None, No),
        row("unsupported_media_type", 415, None, No),
        row(
            "rotation_in_progress",
            409,
            Some("signing: rotation in progress"),
            No,
        ),
        row(
            "rotation_not_found",
            404,
            Some("signing: no rotation open"),
            No,
        ),
        row("key_retired", 410, Some("signing: key retired"), No),
        row("key_blocked", 409, Some("signing: key blocked"), No),
        row(
            "overloaded",
            429,
            Some("signing: handle queue full"),
            AfterAWhile,
        ),
        row("internal", 500, Some(FAILED), No),
        row("signature_check_failed", 500, Some(UNVERIFIED), No),
        row(
            "provider_unavailable",
            503,
            Some("signing: key provider unavailable"),
            AfterAWhile,
        ),
        row(
            "registry_unavailable",
            503,
            Some("signing: key registry unavailable"),
            AfterAWhile,
        ),
        row(
            "audit_unavailable",
            503,
            Some("signing: audit log unavailable"),
            AfterAWhile,
        ),
        row("draining", 503, Some("signing: draining"), AfterAWhile),
        row(
            "deadline_exceeded",
            504,
            Some("signing: deadline exceeded"),
            Yes,
        ),
    ]
};

/// The members of a problem, in the order of their names.
const MEMBERS: [&str; 7] = [
    "code",
    "detail",
    "request_id",
    "retryable",
    "status",
    "title",
    "type",
];

/// Makes sure that the answer is exactly the row of `code`, and gives its `detail`.
#[track_caller]
pub(crate) fn expect_problem(answer: &Response, code: &str) -> String {
    let row = TABLE.iter().find(|row| row.code == code).unwrap();
    assert_eq!(answer.problem_code(), code, "{}", answer.text());
    assert_eq!(answer.status, row.status);
    let problem = answer.json();
    let members: Vec<&String> = problem.as_object().unwrap().keys().collect();
    assert_eq!(members, MEMBERS);
    assert_eq!(problem["status"], row.status);
    assert_eq!(
        problem["type"],
        format!("urn:plexsphere:signer:problem:{code}")
    );
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert_eq!(problem["retryable"], row.retryable != Retryable::No);
    let request_id = answer.header("x-request-id").unwrap();
    assert_eq!(problem["request_id"], request_id);
    let retry_after = answer.header("retry-after");
    let is_told = retry_after.is_some_and(|it| it.parse::<u64>().is_ok_and(|it| it >= 1));
    assert_eq!(
        is_told,
        row.retryable == Retryable::AfterAWhile,
        "{retry_after:?}"
    );
    assert_eq!(answer.header("allow").is_some(), row.status == 405);
    let detail = problem["detail"].as_str().unwrap();
    if let Some(stable) = row.detail {
        assert_eq!(detail, stable);
    }
    detail.to_owned()
}

#[test]
fn the_table_holds_every_code_that_the_custodian_can_give() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    let document = server.get("/openapi.json").expect_status(200).json();
    let codes = &document["components"]["schemas"]["ProblemCode"]["enum"];
    let codes = codes.as_array().unwrap().iter();
    let published: BTreeSet<&str> = codes.map(|code| code.as_str().unwrap()).collect();
    let shown = BTreeSet::from(TABLE.map(|row| row.code));
    assert_eq!(published, shown);
}
