//! Every member obeys the lints of the workspace; one may call foreign functions.

use std::fs;

use crate::workspace::{manifests, members, root};

/// The one member with `unsafe` code.
const WITH_UNSAFE_CODE: &str = "adapters/pkcs11/one-call/Cargo.toml";

/// Whether a manifest takes its lints from the workspace.
fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1);
    lines.find(|line| !line.is_empty()) == Some("workspace = true")
}

#[test]
fn every_member_takes_its_lints_from_the_workspace() {
    let manifests = manifests();
    assert_eq!(manifests.len(), members().len());
    let without = manifests.iter().filter(|(_, text)| !inherits_lints(text));
    assert_eq!(
        without.map(|(path, _)| path).collect::<Vec<_>>(),
        [&root().join(WITH_UNSAFE_CODE)]
    );
}

/// The lines of a manifest below its tables of lints.
fn lints(manifest: &str, tables: &str) -> Vec<String> {
    let mut is_inside = false;
    let mut lints = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            is_inside = line.starts_with(tables);
        } else if is_inside && line.contains('=') {
            lints.push(line.to_owned());
        }
    }
    lints
}

#[test]
fn the_member_with_unsafe_code_obeys_every_other_lint_and_gives_its_reasons() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("the manifest is there");
    let mut expected = lints(&read("Cargo.toml"), "[workspace.lints.");
    for lint in &mut expected {
        if lint.starts_with("unsafe_code") {
            *lint = "unsafe_code = \"allow\"".to_owned();
        }
    }
    expected.push("undocumented_unsafe_blocks = \"deny\"".to_owned());
    expected.push("multiple_unsafe_ops_per_block = \"deny\"".to_owned());
    let mut found = lints(&read(WITH_UNSAFE_CODE), "[lints.");
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_manifest_with_its_own_lints_or_none_is_noticed() {
    assert!(inherits_lints(
        "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"
    ));
    assert!(!inherits_lints("[package]\nname = \"a\"\n"));
    assert!(!inherits_lints("[lints]\n\n[features]\nworkspace = true\n"));
    assert!(!inherits_lints("[lints.rust]\nunsafe_code = \"allow\"\n"));
    assert!(!inherits_lints("[lints]\nworkspace = false\n"));
}
