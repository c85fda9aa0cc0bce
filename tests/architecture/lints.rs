//! Every member obeys the lints of the workspace.

use std::path::Path;

use crate::workspace::{manifests, members};

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
        without.map(|(path, _)| path.as_path()).collect::<Vec<_>>(),
        Vec::<&Path>::new()
    );
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
