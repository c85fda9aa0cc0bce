//! Hashes and signatures, held against programs that share no code with ours.

use std::fs;
use std::process::Command;

use crate::support::{Place, names};

const PYTHON: &str = r#"
import base64, hashlib, json, sys
prev = "0" * 64
for number, line in enumerate(open("audit.jsonl"), 1):
    line = line.rstrip("\n")
    head, _, tail = line.rpartition(',"hash":"')
    assert tail == hashlib.sha256((head + "}").encode()).hexdigest() + '"}', number
    entry = json.loads(line)
    assert entry["seq"] == number and entry["prev"] == prev
    prev = entry["hash"]
# The first checkpoint says that the log is empty.
notes = open("audit.jsonl.checkpoint", encoding="utf-8").read()
assert notes.split("\n")[1] == "0"
note = notes.split("\n\n", 1)[1].split("\n", 1)[1]
origin, size, root, registry, time = note.split("\n\n")[0].split("\n")
assert int(size) == number and base64.b64decode(root).hex() == prev
name, hash, key = open("audit.jsonl.checkpoint-key.pub").read().strip().split("+", 2)
key = base64.b64decode(key)
assert name == origin and key[0] == 1
assert hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] == hash
text, signature = note.split("\n\n")
dash, signer, body = signature.strip().split(" ")
body = base64.b64decode(body)
assert dash == "\u2014" and signer == name and body[:4].hex() == hash
open("text", "w").write(text + "\n")
open("signature", "wb").write(body[4:])
open("key.der", "wb").write(bytes.fromhex("302a300506032b6570032100") + key[1:])
"#;

#[tokio::test]
async fn hashes_are_those_of_python_and_signatures_those_of_openssl() {
    let place = Place::new();
    place.add(names("a", 20)).await;
    let python = Command::new("python3")
        .args(["-c", PYTHON])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(python.status.success(), "{python:?}");
    let verify =
        "pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -in text -sigfile signature";
    let openssl = |_round: u8| {
        let mut command = Command::new("openssl");
        command.args(verify.split(' ')).current_dir(place.path());
        command.output().unwrap().status.success()
    };
    assert!(openssl(1));
    let forged = fs::read_to_string(place.file("text")).unwrap();
    fs::write(place.file("text"), forged.replace("\n20\n", "\n21\n")).unwrap();
    assert!(!openssl(2), "the signature is of that very text");
}
