//! Keys that may not do what is asked of them.

use signer_test_support::Workplace;

use super::contract::expect_problem;
use super::scripted::{self, body, path, sign};

#[test]
fn a_rotation_in_progress_is_a_conflict() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    let document = r#"{"scope":"platform","key_id":"generate-rotating"}"#;
    expect_problem(&server.post("/v1/keys", document), "rotation_in_progress");
    let missing = server.get(&path("generate-rotating"));
    expect_problem(&missing, "key_not_found");
}

#[test]
fn a_retired_key_is_gone_for_whoever_wants_it_to_sign_or_to_stand_again() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    server.generate("k1");
    let retire = format!("{}/retire", path("k1"));
    server.post(&retire, "").expect_status(200);
    let generate = server.post("/v1/keys", r#"{"scope":"platform","key_id":"k1"}"#);
    let by_scope = server.post("/v1/scopes/platform/sign", &body());
    for answer in [sign(&server, "k1"), generate, by_scope] {
        expect_problem(&answer, "key_retired");
    }
}

#[test]
fn an_item_of_a_batch_is_refused_in_the_same_words() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    server.generate("k1");
    let rest = body();
    let rest = rest.strip_prefix('{').unwrap();
    let items = format!(
        r#"{{"items":[{{"handle_id":"testdouble:platform|k1",{rest},{{"handle_id":"testdouble:platform|k2",{rest}]}}"#
    );
    let answer = server.post("/v1/sign", &items).expect_status(200);
    let results = &answer.json()["results"];
    assert!(results[0]["signature"].is_string());
    let alone = sign(&server, "k2");
    let (mut of_item, mut of_call) = (results[1]["error"].clone(), alone.json());
    assert_eq!(
        of_item["request_id"].take(),
        answer.header("x-request-id").unwrap()
    );
    of_call["request_id"].take();
    assert_eq!(of_item, of_call);
    assert_eq!(of_call["code"], "key_not_found");
}
