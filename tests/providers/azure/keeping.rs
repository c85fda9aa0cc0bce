//! What an envelope means.

use super::harness::{Envelope, Harness};
use crate::suite::Installation as _;

#[test]
fn everybody_is_told_what_an_envelope_means() {
    let harness = Harness::<Envelope>::new();
    let mut server = harness.serve(&[]);
    let caution = "key provider \"azure-kv\": key material in process memory while signing";
    let alive = server.get("/livez").expect_status(200).json();
    assert_eq!(alive["warnings"], serde_json::json!([caution]), "{alive}");
    server.make("k1");
    assert!(server.terminate().success());
    let log = server.take_log();
    let warnings = log.lines().filter(|line| line.contains("WARN"));
    let told = warnings.filter(|line| line.contains("key material in process memory"));
    assert_eq!(told.count(), 1, "{log}");
}
