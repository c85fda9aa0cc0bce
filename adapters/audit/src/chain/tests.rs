use std::time::Duration;

use jiff::Timestamp;
use signer_domain::ports::{AuditEntry, AuditItem, AuditKey, AuditOutcome, AuditPeer};
use signer_domain::{Digest, HandleId, KeyId, ProviderName, Scope, Signature};

use super::*;

fn key() -> AuditKey {
    AuditKey {
        handle_id: Some(HandleId::parse("software:platform|k1").unwrap()),
        scope: Some(Scope::parse("platform").unwrap()),
        key_id: Some(KeyId::parse("k1").unwrap()),
        provider: Some(ProviderName::new("software")),
    }
}

fn entry() -> AuditEntry {
    AuditEntry {
        time: Timestamp::from_microsecond(1_700_000_000_000_001).unwrap(),
        request_id: "r-1".to_owned(),
        op: "sign",
        outcome: AuditOutcome::Ok,
        http_status: 200,
        code: None,
        key: key(),
        peer: Some(AuditPeer {
            uid: 1000,
            gid: 2000,
            pid: 42,
        }),
        digest: Some(Digest::from_bytes([0xab; 64])),
        signature: Some(Signature::from_bytes([0xcd; 64])),
        items: Vec::new(),
        latency: Duration::from_micros(217),
        count: None,
    }
}

fn sealed(at: Position, entry: &AuditEntry) -> (Position, String) {
    let mut line = Vec::new();
    let position = at.seal(&AuditRecord::of(entry).members(), &mut line);
    let mut line = String::from_utf8(line).unwrap();
    assert_eq!(line.pop(), Some('\n'));
    (position, line)
}

/// The hashes were computed with Python's hashlib.
#[test]
fn a_line_is_written_byte_for_byte_as_the_contract_says() {
    let digest =
        "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urqw==";
    let (position, line) = sealed(Position::BEGINNING, &entry());
    let signature_sha256 = "48aba524cb495d07fec29de78c89bf1541b50036261e89a4df3094ee52fda643";
    let open = format!(
        "{{\"v\":1,\"seq\":1,\"time\":\"2023-11-14T22:13:20.000001Z\",\"request_id\":\"r-1\",\
         \"op\":\"sign\",\"outcome\":\"ok\",\"http_status\":200,\
         \"handle_id\":\"software:platform|k1\",\"scope\":\"platform\",\"key_id\":\"k1\",\
         \"provider\":\"software\",\"peer\":{{\"uid\":1000,\"gid\":2000,\"pid\":42}},\
         \"digest\":\"{digest}\",\"signature_sha256\":\"{signature_sha256}\",\"latency_us\":217,\
         \"prev\":\"{}\"",
        "0".repeat(64)
    );
    assert_eq!(
        line,
        format!("{open},\"hash\":\"{}\"}}", hex::encode(&position.hash))
    );
    assert_eq!(
        hex::encode(&position.hash),
        "1c3edc547a70f31fae08ceacc108dabb79c38726995e1adee4a4bb1e7fbb6a03"
    );
}

#[test]
fn what_is_not_known_is_left_out_and_the_items_of_a_batch_come_before_the_latency() {
    let item = AuditItem {
        key: AuditKey::default(),
        digest: Digest::from_bytes([0; 64]),
        signature: None,
        code: Some("key_not_found"),
    };
    let entry = AuditEntry {
        op: "sign_batch",
        key: AuditKey::default(),
        peer: None,
        digest: None,
        signature: None,
        items: vec![item],
        ..entry()
    };
    let (_, line) = sealed(Position::BEGINNING, &entry);
    let zeros = Digest::from_bytes([0; 64]).to_base64();
    let expected = format!(
        "\"http_status\":200,\"items\":[{{\"digest\":\"{zeros}\",\"code\":\"key_not_found\"}}],\
         \"latency_us\":217,\"prev\""
    );
    assert!(line.contains(&expected), "{line}");
}

#[test]
fn a_withheld_answer_keeps_what_was_asked_and_loses_every_signature() {
    let item = AuditItem {
        key: key(),
        digest: Digest::from_bytes([0; 64]),
        signature: Some(Signature::from_bytes([1; 64])),
        code: None,
    };
    let entry = AuditEntry {
        items: vec![item],
        ..entry()
    };
    let record = AuditRecord::of_withheld(&entry);
    assert_eq!(record.signatures().count(), 0);
    assert_eq!(record.outcome, "unavailable");
    assert_eq!(record.http_status, 503);
    assert_eq!(record.code.as_deref(), Some("audit_unavailable"));
    assert_eq!(record.items[0].code.as_deref(), Some("audit_unavailable"));
    assert_eq!(record.handle_id, AuditRecord::of(&entry).handle_id);
    assert_eq!(record.digest, AuditRecord::of(&entry).digest);
}

#[test]
fn a_denial_leaves_all_the_same_so_its_record_stays() {
    let entry = AuditEntry {
        outcome: AuditOutcome::Denied,
        http_status: 403,
        code: Some("denied"),
        ..entry()
    };
    let record = AuditRecord::of_withheld(&entry);
    assert_eq!(record.outcome, "denied");
    assert_eq!(record.http_status, 403);
    assert_eq!(record.code.as_deref(), Some("denied"));
}

#[test]
fn a_line_reads_back_and_is_followed_by_the_next_one_only() {
    let (first, one) = sealed(Position::BEGINNING, &entry());
    let (second, two) = sealed(first, &entry());
    let (one, two) = (Line::read(one.as_bytes()), Line::read(two.as_bytes()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(Position::BEGINNING.follow(&one), Ok(first));
    assert_eq!(first.follow(&two), Ok(second));
    assert_eq!(first.follow(&one), Err(LineFault::OutOfOrder { found: 1 }));
    let elsewhere = Position {
        hash: [1; 32],
        ..first
    };
    assert_eq!(elsewhere.follow(&two), Err(LineFault::Unlinked));
    assert_eq!(two.before(), first);
}

/// The line with another content and the hash that belongs to it.
fn rehashed(line: &str, from: &str, to: &str) -> String {
    let open = line
        .split(",\"hash\":")
        .next()
        .unwrap()
        .replacen(from, to, 1);
    assert!(!line.starts_with(&open), "{from} is not in the line");
    let hash = Sha256::digest(format!("{open}}}"));
    format!("{open},\"hash\":\"{}\"}}", hex::encode(&hash))
}

#[test]
fn the_same_said_in_other_bytes_is_refused_even_with_the_right_hash() {
    let (_, line) = sealed(Position::BEGINNING, &entry());
    for (from, to) in [
        ("\"v\":1,\"seq\":1", "\"seq\":1,\"v\":1"),
        ("\"v\":1", "\"v\": 1"),
        ("\"v\":1", "\"v\":2"),
        ("\"seq\":1", "\"seq\":01"),
        ("\"seq\":1", "\"seq\":0"),
        ("\"op\":\"sign\"", "\"op\":\"sign\",\"op\":\"sign\""),
        ("\"op\":\"sign\"", "\"op\":\"s\\u0069gn\""),
        ("\"op\":\"sign\"", "\"op\": \"sign\""),
        ("\"op\":\"sign\"", "\"op\":\"sign\",\"extra\":1"),
        ("\"op\":\"sign\"", "\"op\":\"sign\",\"code\":null"),
        (
            "\"op\":\"sign\",\"outcome\":\"ok\"",
            "\"outcome\":\"ok\",\"op\":\"sign\"",
        ),
        ("\"http_status\":200", "\"http_status\":2e2"),
        ("\"uid\":1000,\"gid\":2000", "\"gid\":2000,\"uid\":1000"),
        ("\"latency_us\":217", "\"items\":[],\"latency_us\":217"),
    ] {
        let forged = rehashed(&line, from, to);
        let fault = Line::read(forged.as_bytes()).unwrap_err();
        assert!(
            matches!(fault, LineFault::NoEntry | LineFault::NotCanonical),
            "{from} -> {to}: {fault:?}"
        );
    }
}

#[test]
fn every_changed_byte_of_a_line_is_noticed() {
    let (_, line) = sealed(Position::BEGINNING, &entry());
    for at in 0..line.len() {
        let mut bytes = line.clone().into_bytes();
        bytes[at] ^= 1;
        assert!(Line::read(&bytes).is_err(), "byte {at}");
        assert!(Line::read(&bytes[..at]).is_err(), "cut at {at}");
    }
}
