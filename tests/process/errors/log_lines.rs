//! What the log says of failures: words, not the notation of the source code.

use rustix::process::Signal;
use serde_json::Value;
use signer_test_support::Workplace;

use super::scripted::{self, path, sign};

/// What the `Debug` forms of structures, tuples and options look like.
const NOTATION: [&str; 7] = [" { ", "Some(", "Err(", "Error(", "(\"", "Error {", ": None"];

#[test]
fn the_log_of_every_failure_tells_causes_in_words() {
    let place = Workplace::with_seed();
    let flags = ["--log-level", "trace", "--request-deadline", "500ms"];
    let mut server = scripted::start(&place, &flags);
    for what in [
        "unavailable",
        "misconfigured",
        "hangs",
        "panics",
        "wrong",
        "lost",
    ] {
        for operation in ["generate", "sign", "retire", "public-key"] {
            let name = format!("{operation}-{what}");
            let document = format!(r#"{{"scope":"platform","key_id":"{name}"}}"#);
            // How it ends is the matter of other tests.
            drop(server.post("/v1/keys", &document));
            drop(sign(&server, &name));
            drop(server.get(&format!("{}/public-key", path(&name))));
            drop(server.post(&format!("{}/retire", path(&name)), ""));
        }
    }
    server.signal(Signal::HUP);
    server.signal(Signal::USR1);
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(log.contains("key provider unavailable"), "{log}");
    let notation: Vec<_> = log.lines().filter(|line| is_notation(line)).collect();
    assert!(notation.is_empty(), "{notation:#?}");
}

fn is_notation(line: &str) -> bool {
    let line: Value = serde_json::from_str(line).unwrap();
    let mut texts = line.as_object().unwrap().values().filter_map(Value::as_str);
    texts.any(|text| NOTATION.iter().any(|form| text.contains(form)))
}

#[test]
fn the_notation_is_known_when_it_is_seen() {
    for text in [r#"Refused { context: "x" }"#, "Some(1)", r#"Custom("x")"#] {
        let line = serde_json::json!({ "cause": text }).to_string();
        assert!(is_notation(&line), "{line}");
    }
    assert!(!is_notation(
        r#"{"cause":"signing: no route (os error 113)","level":"WARN"}"#
    ));
}
