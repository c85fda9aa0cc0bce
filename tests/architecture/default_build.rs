//! What the default build pulls in, and what it must not: no loader of foreign modules, no cloud
//! SDK, no test double; and in the domain no runtime, no cryptography, no database.

use std::collections::{BTreeMap, BTreeSet};

use crate::crates::{behind_a_feature, is_called};
use crate::workspace::{Member, SHIPPED, edges, features, members, tree};

/// What a provider's library could bring along, by whatever way; the libraries themselves are known by
/// being optional.
const NEVER_BY_DEFAULT: [&str; 8] = [
    "dlopen",
    "dlopen2",
    "libloading",
    "openssl-sys",
    "reqwest",
    "rustls",
    "signer-kit",
    "tonic",
];

/// What must not be in the default build.
fn left_out() -> Vec<String> {
    let mut left_out = behind_a_feature(&edges(), &members());
    left_out.extend(NEVER_BY_DEFAULT.map(str::to_owned));
    left_out
}

const TOO_HEAVY_FOR_THE_DOMAIN: [&str; 19] = [
    "actix",
    "actix-",
    "aws-",
    "axum",
    "azure_",
    "cryptoki",
    "curve25519-dalek",
    "ed25519-dalek",
    "google-cloud-",
    "hkdf",
    "hyper",
    "libloading",
    "libsqlite3-",
    "ring",
    "rusqlite",
    "sha2",
    "sqlx",
    "sqlx-",
    "tokio",
];

/// The crates that the lines of a tree name.
fn crate_names(tree: &[String]) -> BTreeSet<&str> {
    tree.iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// Crates of a tree that bear a forbidden name.
fn unwanted<'tree>(tree: &'tree [String], forbidden: &[impl AsRef<str>]) -> Vec<&'tree str> {
    let bears_one = |name: &&str| {
        let mut forbidden = forbidden.iter().map(AsRef::as_ref);
        forbidden.any(|unwanted| is_called(name, unwanted))
    };
    crate_names(tree).into_iter().filter(bears_one).collect()
}

/// Features of these members that are made for tests: they begin with an underscore.
fn for_tests(features: &BTreeMap<Member, Vec<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (member, features) in features.iter().filter(|(member, _)| !member.is_tool()) {
        let made_for_tests = features.iter().filter(|name| name.starts_with('_'));
        found.extend(made_for_tests.map(|name| format!("{} has {name}", member.name)));
    }
    found
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_default_build_pulls_no_module_loader_and_no_cloud_sdk() {
    let tree = tree(SHIPPED, &["--edges", "normal"]);
    assert_eq!(unwanted(&tree, &left_out()), Vec::<&str>::new());
    assert!(
        crate_names(&tree).contains("signer-registry"),
        "the tree was read"
    );
}

#[test]
fn a_module_loader_or_a_cloud_sdk_in_the_tree_is_noticed() {
    let tree = lines("clap v4.6.0\nlibloading v0.8.9\naws-sdk-kms v1.129.0 (*)\nazure_core v1.1.0");
    assert_eq!(
        unwanted(&tree, &left_out()),
        ["aws-sdk-kms", "azure_core", "libloading"]
    );
}

#[test]
fn the_domain_pulls_no_runtime_no_cryptography_and_no_database() {
    let tree = tree("signer-domain", &["--edges", "normal"]);
    assert_eq!(
        unwanted(&tree, &TOO_HEAVY_FOR_THE_DOMAIN),
        Vec::<&str>::new()
    );
    assert!(
        crate_names(&tree).contains("thiserror"),
        "the tree was read"
    );
}

#[test]
fn a_runtime_in_the_domain_is_noticed() {
    let tree = lines("thiserror v2.0.21\ntokio v1.54.0\nactix-rt v2.15.0\nsqlx-core v0.9.0");
    let found = unwanted(&tree, &TOO_HEAVY_FOR_THE_DOMAIN);
    assert_eq!(found, ["actix-rt", "sqlx-core", "tokio"]);
}

#[test]
fn no_crate_that_is_shipped_has_a_feature_for_tests() {
    let features = features();
    assert!(features.len() > 10, "the manifests were read");
    assert_eq!(for_tests(&features), [""; 0]);
}

#[test]
fn a_feature_for_tests_is_noticed() {
    let features = [("signer-a", "a"), ("signer-kit", "tests/kit")].map(|(name, folder)| {
        let features = ["default", "sdk", "_crash"].map(str::to_owned);
        (Member::new(name, folder), features.to_vec())
    });
    assert_eq!(for_tests(&features.into()), ["signer-a has _crash"]);
}
