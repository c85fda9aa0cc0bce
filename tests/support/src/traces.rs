//! What leaves a custodian, gathered so that secrets can be looked for in it.

use std::fs;

use crate::{Canary, Finished, Server, Workplace};

/// What was seen, each with the name of the place where.
#[derive(Debug, Default)]
pub struct Traces(Vec<(String, Vec<u8>)>);

impl Traces {
    /// Adds what was seen in one place.
    pub fn note(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((name.to_owned(), bytes.into()));
    }

    /// Adds both streams of a command.
    pub fn note_run(&mut self, name: &str, finished: Finished) {
        self.note(&format!("the output of {name}"), finished.stdout);
        self.note(&format!("the messages of {name}"), finished.stderr);
    }

    /// Adds what the system shows of the process: `cmdline` or `environ`.
    pub fn note_process(&mut self, server: &Server, name: &str) {
        let path = format!("/proc/{}/{name}", server.pid().as_raw_nonzero());
        self.note(&path, fs::read(&path).unwrap());
    }

    /// Adds everything that the custodian tells whoever asks, ends it, and adds what it wrote into its
    /// streams and into `place`, but for the files in which the secrets are `kept`. The log is returned.
    pub fn end(&mut self, mut server: Server, place: &Workplace, kept: &[&str]) -> String {
        for path in [
            "/metrics",
            "/livez",
            "/readyz",
            "/openapi.json",
            "/v1/keys?limit=500",
        ] {
            self.note(path, server.get(path).body);
        }
        self.note_process(&server, "cmdline");
        assert!(server.terminate().success());
        let log = server.take_log();
        self.note("the log", log.as_str());
        self.note("standard output", server.take_output());
        let names = place.names().into_iter();
        let seen = names.filter(|name| !kept.contains(&name.as_str()));
        for name in seen.filter(|name| place.file(name).is_file()) {
            self.note(&name, fs::read(place.file(&name)).unwrap());
        }
        assert!(self.0.iter().any(|(name, _)| name == "audit.jsonl"));
        log
    }

    /// Makes sure that no part of a secret is in any place, in any form.
    pub fn assert_without(&self, canary: &Canary) {
        for (name, bytes) in &self.0 {
            canary.assert_absent(name, bytes);
        }
    }

    /// Makes sure that a text, of which parts may be anywhere, is whole in no place.
    pub fn assert_without_text(&self, text: &str) {
        for (name, bytes) in &self.0 {
            let mut windows = bytes.windows(text.len());
            let is_in = windows.any(|window| window == text.as_bytes());
            assert!(!is_in, "{text} is in {name}");
        }
    }
}
