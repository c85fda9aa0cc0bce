//! Private key material has two places, `adapters/key-pair` and the providers that are for development
//! only, and the key that signs checkpoints of the audit log has one file. Which crates may use the first of
//! them is a rule about edges, in `crates.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::{for_development, shipped_sources};

/// What the borrowers of a private key hold it in. Only crates that may depend on its home can name it, and
/// of `azure-kv` only the files through which a key of the vault passes.
const LENT: &str = "LentKey";
const BORROWERS: [&str; 3] = [
    "adapters/azure-kv/src/sdk/envelope.rs",
    "adapters/azure-kv/src/sdk/vault.rs",
    "adapters/azure-kv/src/sdk/vault/sealed_body.rs",
];

/// Types that hold private key bytes, and calls that take some. `signer_domain::SigningKey` is the
/// record of the registry and holds none; the type of that name in `ed25519_dalek` does.
const NAMES: [&str; 14] = [
    "Ed25519KeyPair",
    "EcdsaKeyPair",
    "ExpandedSecretKey",
    "KeyPair",
    "KeypairBytes",
    "PrivateKey",
    "SecretKey",
    "SecretSeed",
    "from_keypair_bytes",
    "from_pkcs8",
    "from_pkcs8_maybe_unchecked",
    "from_seed_and_public_key",
    "from_seed_unchecked",
    "hazmat",
];

/// The only directory beside the providers for development whose files may name them, and the one file of the
/// audit log that holds its checkpoint key. That key signs for no caller and cannot come from the software
/// provider, which production does not have.
const HOMES: [&str; 2] = ["adapters/key-pair/", "adapters/audit/src/checkpoint_key.rs"];

/// The home that hands two of them out.
const PUBLISHES: &str = "adapters/key-pair/";

/// The names of private key types that the shipped part of a source mentions.
fn private_key_names(source: &str) -> Vec<&str> {
    let code: Vec<&str> = shipped_lines(source)
        .filter_map(|line| line.split("//").next())
        .collect();
    let mentioned = || code.iter().copied().flat_map(words);
    let mut found: Vec<&str> = mentioned().filter(|word| NAMES.contains(word)).collect();
    if mentioned().any(|word| word == "ed25519_dalek") {
        found.extend(mentioned().filter(|word| *word == "SigningKey"));
    }
    let disguises = ["ed25519_dalek as", "ed25519_dalek::*", "ring::signature::*"];
    found.extend(
        disguises
            .into_iter()
            .filter(|way| code.iter().any(|line| line.contains(way))),
    );
    found
}

/// The lines outside of `#[cfg(test)] mod tests { .. }`, which rustfmt closes in the first column.
pub(crate) fn shipped_lines(source: &str) -> impl Iterator<Item = &str> {
    let mut in_tests = false;
    let mut previous = "";
    source.lines().filter(move |line| {
        let begins = previous == "#[cfg(test)]" && line.starts_with("mod ") && line.ends_with('{');
        let was_inside = in_tests;
        in_tests = (in_tests || begins) && *line != "}";
        previous = line;
        !was_inside && !begins
    })
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

fn is_home(path: &Path) -> bool {
    for_development().any(|home| path.starts_with(home)) || {
        let path = path.to_string_lossy();
        HOMES.iter().any(|home| path.starts_with(home))
    }
}

/// Files that hold nothing but tests.
fn is_tests(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
}

/// Declarations that would let code outside of the home hold a private key.
fn published_private_types(source: &str) -> Vec<&str> {
    let published = [
        "pub struct",
        "pub enum",
        "pub type",
        "pub use",
        "pub(crate)",
    ];
    shipped_lines(source)
        .map(str::trim)
        .filter(|line| published.iter().any(|start| line.starts_with(start)))
        .filter(|line| words(line).any(|word| word == LENT || NAMES.contains(&word)))
        .collect()
}

#[test]
fn only_the_homes_name_private_key_types() {
    let mut complaints = Vec::new();
    let mut at_home = 0;
    for (path, source) in shipped_sources() {
        let names = private_key_names(&source);
        if is_home(&path) {
            at_home += names.len();
            continue;
        }
        if !is_tests(&path) && !names.is_empty() {
            complaints.push(format!("{} names {names:?}", path.display()));
        }
    }
    assert_eq!(complaints, Vec::<String>::new());
    assert!(at_home > 0, "the scan finds the types where they are");
}

#[test]
fn a_private_key_is_lent_to_the_files_that_it_passes_through_and_to_no_other() {
    let borrowers: BTreeSet<String> = shipped_sources()
        .into_iter()
        .filter(|(path, _)| !is_home(path) && !is_tests(path))
        .filter(|(_, source)| {
            shipped_lines(source)
                .flat_map(words)
                .any(|word| word == LENT)
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_eq!(borrowers, BORROWERS.map(str::to_owned).into());
}

#[test]
fn no_home_publishes_a_private_key_type() {
    let sources = shipped_sources().into_iter();
    for (path, source) in sources.filter(|(path, _)| !path.starts_with(PUBLISHES)) {
        let published = published_private_types(&source);
        assert_eq!(published, Vec::<&str>::new(), "in {}", path.display());
    }
}

#[test]
fn a_private_key_type_is_noticed_however_it_is_named() {
    for source in [
        "use ring::signature::{Ed25519KeyPair, KeyPair as _};",
        "let key = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed)?;",
        "use ed25519_dalek::{Signer as _, SigningKey};",
        "use ed25519_dalek::{\n    Signer as _,\n    SigningKey,\n};",
        "fn sign(key: &ed25519_dalek::SigningKey) {}",
        "use ed25519_dalek as dalek;",
        "use ed25519_dalek::*;",
        "use ed25519_dalek::hazmat::ExpandedSecretKey;",
        "struct SecretSeed([u8; 32]);",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n\nstruct SecretSeed;",
        "#[cfg(test)]\nmod tests;\n\nstruct SecretSeed;",
    ] {
        assert_ne!(private_key_names(source), Vec::<&str>::new(), "in {source}");
    }
}

#[test]
fn the_record_of_the_registry_public_keys_tests_and_comments_are_no_private_keys() {
    for source in [
        "use signer_domain::SigningKey;",
        "use ed25519_dalek::{Verifier as _, VerifyingKey};",
        "// Holds no SecretSeed and no Ed25519KeyPair.",
        "/// Never an `Ed25519KeyPair`.",
        "#[cfg(test)]\nmod tests {\n    use ring::signature::Ed25519KeyPair;\n}",
        "let signing_key = key_pairs.len();",
    ] {
        assert_eq!(private_key_names(source), Vec::<&str>::new(), "in {source}");
    }
}

#[test]
fn a_published_private_key_type_is_noticed() {
    let sources = [
        "pub struct SecretSeed(u8);",
        "pub use key_pair::KeyPair;",
        "pub use signer_key_pair::LentKey;",
        "pub(crate) struct KeyPair;",
    ];
    for source in sources {
        assert_eq!(published_private_types(source), [source]);
    }
    assert_eq!(
        published_private_types("pub(super) struct SecretSeed(u8);"),
        Vec::<&str>::new()
    );
}

#[test]
fn no_provider_for_production_is_a_home_and_no_other_file_of_the_audit_log() {
    for provider in ["aws-kms", "azure-kv", "gcp-kms", "pkcs11"] {
        let source = Path::new("adapters").join(provider).join("src/lib.rs");
        assert!(!is_home(&source), "{}", source.display());
    }
    assert!(is_home(Path::new("adapters/key-pair/src/key_pair.rs")));
    assert!(is_home(Path::new("adapters/software/src/secret_seed.rs")));
    assert!(is_home(Path::new("adapters/audit/src/checkpoint_key.rs")));
    assert!(!is_home(Path::new("adapters/audit/src/checkpoints.rs")));
    assert!(!is_home(Path::new("adapters/audit/src/writer.rs")));
    assert!(!is_home(Path::new("adapters/key-pairs/src/lib.rs")));
    assert!(!is_home(Path::new("adapters/software-two/src/lib.rs")));
    assert!(!is_home(Path::new("http/src/adapters/software/lib.rs")));
}
