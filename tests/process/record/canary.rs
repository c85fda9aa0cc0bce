//! Secrets of a whole run, looked for in everything that leaves the custodian.

use std::fs;

use signer_test_support::{
    Canary, PublishedKey, Random, Traces, Workplace, path_of, public_half, software_private_key,
};

use super::requests::{SCOPE, SCRIPTED};
use super::{run, start};

/// The file of the key that signs checkpoints.
const CHECKPOINT_KEY: &str = "audit.jsonl.checkpoint-key";

/// Bytes that nothing else in a run looks like.
fn secret(random: &mut Random) -> Vec<u8> {
    random.digest()[..32].to_vec()
}

#[test]
fn no_secret_is_in_anything_that_leaves_the_custodian() {
    let mut random = Random::new(0x5eed_0014);
    let place = Workplace::with_seed();
    let seed = secret(&mut random);
    fs::write(place.seed_file(), &seed).unwrap();
    let contents = secret(&mut random);
    fs::write(place.file("contents"), &contents).unwrap();
    let server = start(&place, &["--log-level", "trace"]);
    let run = run(&server);

    let private_key = software_private_key(&seed, SCOPE, "k1");
    let handle = format!("software:{SCOPE}|k1");
    let published = PublishedKey::of(&server.get(&path_of(&handle)).json());
    assert_eq!(public_half(&private_key), published.public_key);
    let checkpoint_key = fs::read(place.file(CHECKPOINT_KEY)).unwrap();
    assert_eq!(checkpoint_key.len(), 32);
    let canaries = [
        Canary::new("the seed", &seed),
        Canary::new("a private key", &private_key),
        Canary::new("the checkpoint key", &checkpoint_key),
        Canary::new("what was signed", &contents),
    ];
    assert!(canaries[0].is_in(&fs::read(place.seed_file()).unwrap()));

    let mut traces = Traces::default();
    let file = place.file("contents").display().to_string();
    for command in [
        vec!["sign", "--handle", &handle, &file],
        vec!["keys", "list", "-o", "json"],
        vec!["keys", "public-key", &handle],
        vec!["rotations", "open", "--scope", SCOPE, "--new-key-id", "k2"],
        vec!["sign", "--handle", "software:platform|nobody", &file],
    ] {
        traces.note_run(&command.join(" "), server.cli(&command));
    }
    for answer in run.answers {
        traces.note(&format!("an answer with {}", answer.status), answer.body);
    }
    traces.note_process(&server, "environ");
    let log = traces.end(server, &place, &["seed.bin", "contents", CHECKPOINT_KEY]);
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "the log tells all it can"
    );
    assert!(
        SCRIPTED.iter().any(|name| log.contains(name)),
        "the log tells of panics"
    );
    for canary in &canaries {
        traces.assert_without(canary);
    }
}
