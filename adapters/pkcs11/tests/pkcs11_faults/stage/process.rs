//! Starting this program again for one case.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::token::Errand;
use super::{Stage, pause, token};

/// Names the directory of the case in the process that runs it.
const DIRECTORY: &str = "PKCS11_FAULTS_DIRECTORY";
/// Tells a process what to do to the token instead of running the case.
const ERRAND: &str = "PKCS11_FAULTS_ERRAND";

/// No case takes longer, unless a call of the provider does not return.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs the case in a process of its own, which is this program started for the test that the case
/// stands in.
pub(crate) fn in_a_process_of_its_own<Case: FnOnce(&mut Stage)>(case: Case) {
    if let Some(errand) = env::var_os(ERRAND) {
        return Errand::named(&errand).run();
    }
    if let Some(directory) = env::var_os(DIRECTORY) {
        let mut stage = Stage::set_up(directory.into(), test_of::<Case>());
        case(&mut stage);
        return stage.end();
    }
    let (test, directory) = (test_of::<Case>(), tempfile::tempdir().unwrap());
    prepare(directory.path());
    let mut command = this_program(test, directory.path());
    run(command.env(DIRECTORY, directory.path()), directory.path());
}

/// The name of the test that a closure stands in, as the test harness knows it.
fn test_of<Case>() -> &'static str {
    let name = std::any::type_name::<Case>();
    let name = name.strip_suffix("::{{closure}}").unwrap_or(name);
    name.split_once("::").map_or(name, |(_crate, test)| test)
}

/// Has another process see to something, and tells what it said.
pub(super) fn another_process_does(errand: Errand, test: &str, directory: &Path) -> String {
    let mut command = this_program(test, directory);
    run(command.env(ERRAND, errand.name()), directory)
}

fn this_program(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env("P11FAULT_REAL", token::real_module())
        .env("P11FAULT_RULES", directory.join("rules"))
        .env("P11FAULT_TRACE", directory.join("trace"))
        .env("SOFTHSM2_CONF", directory.join("softhsm2.conf"))
        .env("KRYOPTIC_CONF", directory.join("kryoptic.conf"));
    command
}

fn run(command: &mut Command, directory: &Path) -> String {
    // The other process of a case speaks while the case itself does.
    let path = directory.join(format!("said-to-{}", std::process::id()));
    let output = fs::File::create(&path).unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            break child.wait().unwrap();
        }
        pause();
    };
    let said = fs::read_to_string(path).unwrap();
    assert!(status.success(), "{status}\n{said}");
    // A name that fits no test would run none, and succeed.
    assert!(said.contains("1 passed"), "no test was run\n{said}");
    said
}

/// The configuration of each real module, and a copy of the fault module: the provider loads no code
/// from where others may write, and a build directory may be such a place.
fn prepare(directory: &Path) {
    let tokens = directory.join("tokens");
    fs::create_dir(&tokens).unwrap();
    let softhsm = format!(
        "directories.tokendir = {}\nlog.level = ERROR\n",
        tokens.display()
    );
    fs::write(directory.join("softhsm2.conf"), softhsm).unwrap();
    let store = tokens.join("kryoptic.sql");
    let kryoptic = format!(
        "[[slots]]\nslot = 42\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n",
        store.display()
    );
    fs::write(directory.join("kryoptic.conf"), kryoptic).unwrap();
    fs::write(directory.join("rules"), "").unwrap();
    fs::copy(fault_module(), directory.join("fault.so")).unwrap();
}

/// Built when the first case of this program asks for it.
fn fault_module() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .unwrap();
        let output = Command::new(root.join("scripts/build-fault-module"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the fault module was not built");
        OsStr::from_bytes(output.stdout.trim_ascii_end()).into()
    })
}
