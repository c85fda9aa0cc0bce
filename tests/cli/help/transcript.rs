//! A file of command lines and of what the program answers to each.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use signer_test_support::{Workplace, shipped};

use super::catalogue::left_out;

const PROMPT: &str = "$ ";
/// Say where the custodian may keep its state, so that a refusal is not about that.
const HERE: &str = "--registry sqlite:registry.db --audit-log none --socket signer.sock";

/// The file: a head for the reader, then entries.
pub(crate) struct Transcript {
    file: PathBuf,
    head: String,
    entries: Vec<(String, String)>,
}

impl Transcript {
    /// Reads what was recorded.
    pub(crate) fn read(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("cli/help")
            .join(name);
        let text = fs::read_to_string(&file).unwrap();
        let mut head = String::new();
        let mut entries: Vec<(String, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            match (line.strip_prefix(PROMPT), entries.last_mut()) {
                (Some(typed), _) => entries.push((typed.trim_end().to_owned(), String::new())),
                (None, Some((_, answer))) => answer.push_str(line),
                (None, None) => head.push_str(line),
            }
        }
        Self {
            file,
            head,
            entries,
        }
    }

    /// The lines that were typed.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(typed, _)| typed.as_str())
    }

    /// The lines that were typed, each with its answer.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(typed, answer)| (typed.as_str(), answer.as_str()))
    }

    /// Makes sure that the program still answers in these words, or writes down its new ones.
    pub(crate) fn assert_holds(&self) {
        assert!(!self.entries.is_empty(), "{} is empty", self.file.display());
        let mut now = self.head.clone();
        for typed in self.lines() {
            write!(now, "{PROMPT}{typed}\n{}", left_out(&answer_to(typed))).unwrap();
        }
        if env::var_os("PLEXSPHERE_RECORD").is_some() {
            fs::write(&self.file, now).unwrap();
            return;
        }
        let then = fs::read_to_string(&self.file).unwrap();
        let differs = now
            .lines()
            .zip(then.lines())
            .find(|(now, then)| now != then);
        assert!(
            now == then,
            "{} no longer holds; see the head of help.rs for how to record it anew\nfirst difference, \
             now and then: {differs:#?}",
            self.file.display()
        );
    }
}

/// What a shell in an empty place shows for this line, with the exit status where that is not 0.
pub(crate) fn answer_to(typed: &str) -> String {
    let place = Workplace::empty();
    let program = shipped!();
    // By its name, whatever the build calls it.
    let folder = Workplace::empty();
    symlink(program.path(), folder.file("plexsphere-signer")).unwrap();
    let path = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    let bare = program.command(place.path(), [""; 0]);
    let mut shell = Command::new("timeout");
    shell
        .args(["60", "sh", "-c", typed])
        .current_dir(place.path());
    // Without the variables that the program or a library of a key service obeys.
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let output = shell.env("PATH", path).env("HERE", HERE).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    let canonical = place.path().canonicalize().unwrap();
    let mut answer = said.replace(canonical.to_str().unwrap(), "$PWD");
    match output.status.code() {
        Some(0) => {}
        Some(status) => writeln!(answer, "[exit status {status}]").unwrap(),
        None => answer.push_str("[killed]\n"),
    }
    assert!(place.names().is_empty(), "{typed} left {:?}", place.names());
    answer
}
