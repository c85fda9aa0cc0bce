//! Secrets of a whole run, looked for in everything that leaves the custodian.

use std::fs;

use signer_test_support::{
    Canary, PublishedKey, Random, Workplace, path_of, public_half, software_private_key,
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
    let mut server = start(&place, &["--log-level", "trace"]);
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

    let mut places = Vec::new();
    let file = place.file("contents").display().to_string();
    for command in [
        vec!["sign", "--handle", &handle, &file],
        vec!["keys", "list", "-o", "json"],
        vec!["keys", "public-key", &handle],
        vec!["rotations", "open", "--scope", SCOPE, "--new-key-id", "k2"],
        vec!["sign", "--handle", "software:platform|nobody", &file],
    ] {
        let finished = server.cli(&command);
        let name = command.join(" ");
        places.push((format!("the output of {name}"), finished.stdout));
        places.push((
            format!("the messages of {name}"),
            finished.stderr.into_bytes(),
        ));
    }
    for answer in run.answers {
        places.push((format!("an answer with {}", answer.status), answer.body));
    }
    for path in [
        "/metrics",
        "/livez",
        "/readyz",
        "/openapi.json",
        "/v1/keys?limit=500",
    ] {
        places.push((path.to_owned(), server.get(path).body));
    }
    for name in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{name}", server.pid().as_raw_nonzero());
        places.push((path.clone(), fs::read(path).unwrap()));
    }
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "the log tells all it can"
    );
    assert!(
        SCRIPTED.iter().any(|name| log.contains(name)),
        "the log tells of panics"
    );
    places.push(("the log".to_owned(), log.into_bytes()));
    places.push((
        "standard output".to_owned(),
        server.take_output().into_bytes(),
    ));
    let secret_files = ["seed.bin", "contents", CHECKPOINT_KEY];
    let files = place
        .names()
        .into_iter()
        .filter(|name| !secret_files.contains(&name.as_str()));
    for name in files.filter(|name| place.file(name).is_file()) {
        places.push((name.clone(), fs::read(place.file(&name)).unwrap()));
    }
    let looked_at: usize = places.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{looked_at} bytes in {} places", places.len());
    for (name, bytes) in &places {
        for canary in &canaries {
            canary.assert_absent(name, bytes);
        }
    }
}
