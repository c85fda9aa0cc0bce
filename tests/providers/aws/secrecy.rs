//! The credentials, looked for in everything that leaves the custodian but the requests to AWS.

use std::fs;

use signer_cloud_fakes::Fault;
use signer_cloud_fakes::aws::refusal;
use signer_test_support::{Canary, PublishedKey, sign_request};

use super::account::{Account, KEY_ID, SECRET, SESSION};

#[test]
fn no_credential_is_in_anything_that_leaves_the_custodian() {
    let canaries = [
        Canary::new("the key id", KEY_ID.as_bytes()),
        Canary::new("the secret", SECRET.as_bytes()),
        Canary::new("the session token", SESSION.as_bytes()),
    ];
    let account = Account::empty();
    let mut server = account.serve(&["--log-level", "trace"]);
    let key = PublishedKey::of(&server.generate("k1").json());
    let asked = account.server.requests();
    let sent = asked.last().unwrap();
    assert!(canaries[0].is_in(sent.header("authorization").as_bytes()));
    assert!(canaries[2].is_in(sent.header("x-amz-security-token").as_bytes()));

    let sign = format!("{}/sign", key.path());
    let mut places = Vec::new();
    // AWS itself may repeat the request that it refuses.
    let repeats = format!("the canonical request was 'x-amz-security-token:{SESSION}' by {KEY_ID}");
    for answer in [
        refusal(403, "InvalidSignatureException", &repeats),
        refusal(400, "ExpiredTokenException", &repeats),
        refusal(503, "", ""),
    ] {
        account.fail(3, "Sign", Fault::Answer(answer));
        let refused = server.post(&sign, &sign_request(&[7; 64]));
        assert_eq!(refused.status, 503, "{refused:?}");
        places.push(("a refusal".to_owned(), refused.body));
        account.server.clear_faults();
    }
    account.server.stop();
    let refused = server.post(&sign, &sign_request(&[7; 64]));
    places.push(("a refusal in an outage".to_owned(), refused.body));
    account.server.resume();
    for path in ["/metrics", "/livez", "/readyz", "/openapi.json", "/v1/keys"] {
        places.push((path.to_owned(), server.get(path).body));
    }
    let cmdline = format!("/proc/{}/cmdline", server.pid().as_raw_nonzero());
    places.push((cmdline.clone(), fs::read(cmdline).unwrap()));
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(
        log.contains("InvalidSignatureException"),
        "the log tells the cause: {log}"
    );
    places.push(("the log".to_owned(), log.into_bytes()));
    places.push((
        "standard output".to_owned(),
        server.take_output().into_bytes(),
    ));
    for name in account.place.names() {
        if account.place.file(&name).is_file() {
            let bytes = fs::read(account.place.file(&name)).unwrap();
            places.push((name, bytes));
        }
    }
    assert!(places.iter().any(|(name, _)| name == "audit.jsonl"));
    for (name, bytes) in &places {
        for canary in &canaries {
            canary.assert_absent(name, bytes);
        }
    }
}
