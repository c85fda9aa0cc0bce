//! The load generator against the bare server, as processes.

#![expect(clippy::unwrap_used, reason = "a broken set-up fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const BENCH: &str = env!("CARGO_BIN_EXE_signer-bench");

struct Bare {
    process: Child,
    directory: TempDir,
}

impl Bare {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let process = Command::new(BENCH)
            .args(["bare", "--keys", "2", "--socket"])
            .arg(socket(directory.path()))
            .spawn()
            .unwrap();
        let bare = Self { process, directory };
        let started = Instant::now();
        while !socket(bare.directory.path()).exists() {
            assert!(started.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
        bare
    }

    fn measure(&self, arguments: &[&str]) -> Value {
        let output = Command::new(BENCH)
            .args(arguments)
            .arg("--socket")
            .arg(socket(self.directory.path()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("bare.sock")
}

fn all_answers_are_signatures(report: &Value) -> bool {
    report["errors"] == 0
        && report["requests"].as_u64() > Some(0)
        && report["signatures_proven"].as_u64() > Some(0)
}

#[test]
fn every_way_of_loading_yields_signatures_that_verify() {
    let bare = Bare::start();
    let server = bare.process.id().to_string();
    let common = ["load", "--handles", "2", "--seconds", "0.2"];
    for more in [
        &["--connections", "4", "--server", &server][..],
        &["--connections", "1", "--pin"],
        &["--connections", "2", "--batch", "16"],
    ] {
        let report = bare.measure(&[&common[..], more].concat());
        assert!(all_answers_are_signatures(&report), "{report}");
    }
}

#[test]
fn counts_what_the_server_spends_on_a_signature() {
    let bare = Bare::start();
    let server = bare.process.id().to_string();
    let report = bare.measure(&[
        "load",
        "--handles",
        "1",
        "--seconds",
        "0.2",
        "--server",
        &server,
    ]);
    let spent = report["server_cpu_us_per_signature"].as_f64().unwrap();
    assert!(spent > 10.0, "{report}");
}

#[test]
fn reports_both_sides_of_a_flood() {
    let bare = Bare::start();
    let report = bare.measure(&["fairness", "--seconds", "0.2"]);
    for side in ["hot", "quiet"] {
        assert!(all_answers_are_signatures(&report[side]), "{report}");
    }
}

#[test]
fn times_newcomers_beside_idle_connections() {
    let bare = Bare::start();
    let report = bare.measure(&["idle", "--connections", "40"]);
    assert_eq!(report["still_open"], 40, "{report}");
    assert!(report["max_us"].as_f64() > Some(10.0), "{report}");
}
