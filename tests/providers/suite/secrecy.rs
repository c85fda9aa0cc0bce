//! Private keys and credentials, looked for in everything that leaves the custodian.

use signer_test_support::Traces;

use super::{Installation, Secret};

pub(crate) fn no_secret_is_in_anything_that_leaves_the_custodian<I: Installation>() {
    let it = I::new();
    let mut traces = Traces::default();
    let server = it.serve_indiscreetly(&mut traces);
    let key = server.make("k1");
    let signed = server.sign(&key, &[7; 64]).expect_status(200);
    traces.note("an answer with 200", signed.body);
    it.provoke(&server, &key, &mut traces);
    let log = traces.end(server, it.place(), I::KEPT);
    assert!(log.contains(I::LOGGED), "the log tells the cause: {log}");
    let secrets = it.secrets();
    assert!(!secrets.is_empty());
    for secret in secrets {
        match secret {
            Secret::InAnyForm(canary) => traces.assert_without(&canary),
            Secret::AsText(text) => traces.assert_without_text(&text),
        }
    }
}
