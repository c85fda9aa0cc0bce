//! What the documents point at is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::root;

/// The directories of the top level that documents name.
const TOPS: [&str; 10] = [
    ".ci", "actors", "adapters", "docs", "domain", "http", "k8s", "scripts", "src", "tests",
];

/// The documents for readers, with their text.
fn documents() -> Vec<(PathBuf, String)> {
    let directories = ["", "docs", "k8s"].map(|name| root().join(name));
    let mut documents = Vec::new();
    for directory in directories {
        let entries = fs::read_dir(&directory).expect("the directory is there");
        let paths = entries.map(|entry| entry.expect("the entry is readable").path());
        for path in paths.filter(|path| path.extension().is_some_and(|it| it == "md")) {
            let text = fs::read_to_string(&path).expect("the document is readable");
            documents.push((path, text));
        }
    }
    documents
}

/// The targets of links that lead to a place in this repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .collect()
}

/// The code spans that name a place in this repository, from its root.
fn named_places(text: &str) -> Vec<&str> {
    let is_place = |span: &&str| {
        let top = span.split_once('/').map(|(top, _)| top);
        top.is_some_and(|top| TOPS.contains(&top)) && !span.contains(char::is_whitespace)
    };
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(is_place).collect()
}

/// What the text points at and is not there.
fn dead_ends(root: &Path, directory: &Path, text: &str) -> Vec<String> {
    let links = links(text).into_iter().map(|it| directory.join(it));
    let named = named_places(text).into_iter().map(|it| root.join(it));
    let missing = links.chain(named).filter(|path| !path.exists());
    missing.map(|path| path.display().to_string()).collect()
}

#[test]
fn documents_point_at_what_is_there() {
    let documents = documents();
    assert!(documents.len() >= 7, "{}", documents.len());
    for (path, text) in documents {
        let directory = path.parent().expect("a document lies in a directory");
        let dead_ends = dead_ends(root(), directory, &text);
        assert_eq!(dead_ends, [""; 0], "in {}", path.display());
    }
}

#[test]
fn a_pointer_that_leads_nowhere_is_noticed() {
    let missing = |text: &str| dead_ends(root(), root(), text).len();
    assert_eq!(
        missing("[more](README.md), `src/main.rs`, [it](https://a.b)"),
        0
    );
    assert_eq!(missing("[more](NOTHING.md)"), 1);
    assert_eq!(missing("see `k8s/nothing.yaml` and `a/b`"), 1);
    assert_eq!(
        missing("run `scripts/nothing --quick`"),
        0,
        "not only a path"
    );
}
