//! The program as a user runs it.

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::{Server, Workplace};

/// What opens the names of the variables that the program or a library of a key service obeys.
const OBEYED: [&str; 14] = [
    "PLEXSPHERE_SIGNER_",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "IDENTITY_",
    "IMDS_",
    "MSI_",
    "SSL_CERT_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];

/// Names the binary to try in the place of the `signer-as-shipped` that cargo built for the tests: that of a
/// release build, as it is shipped.
const SHIPPED: &str = "SIGNER_TEST_SHIPPED";

/// Whether stories about `plexsphere-signer` are told of the shipped one, which holds the `software` provider
/// and no other, whatever the tests were built with.
pub fn is_as_shipped() -> bool {
    env::var_os(SHIPPED).is_some()
}

/// The program as it is shipped, from the tests of a package that builds it.
#[macro_export]
macro_rules! shipped {
    () => {
        $crate::Program::new(env!("CARGO_BIN_EXE_signer-as-shipped"))
    };
}

/// The program with the scripted double and crash points, from the tests of a package that builds it.
#[macro_export]
macro_rules! under_test {
    () => {
        $crate::Program::new(env!("CARGO_BIN_EXE_signer-under-test"))
    };
}

/// The binary under test. Its environment holds nothing of ours but what a test puts there.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    launcher: Vec<String>,
    variables: Vec<(String, String)>,
    user: Option<User>,
}

/// The user and the supplementary groups as which a program runs.
#[derive(Debug, Clone)]
struct User {
    uid: u32,
    groups: Vec<u32>,
}

impl Program {
    /// The binary at `path`; in the place of that of [`shipped!`] the one that `SIGNER_TEST_SHIPPED` names.
    pub fn new(path: &str) -> Self {
        let built = Path::new(path);
        let is_product = built.ends_with("signer-as-shipped");
        let shipped = env::var_os(SHIPPED).filter(|_| is_product);
        Self {
            path: shipped.map_or_else(|| built.to_owned(), PathBuf::from),
            launcher: Vec::new(),
            variables: Vec::new(),
            user: None,
        }
    }

    /// The same program, run as the user and group `uid` with further groups. Only root can do that; run by
    /// another user the program does not start, and the test fails. The user must be able to reach the binary.
    #[must_use]
    pub fn run_by(mut self, uid: u32, groups: &[u32]) -> Self {
        let groups = groups.to_vec();
        self.user = Some(User { uid, groups });
        self
    }

    /// The same program, started by another one that takes it and its arguments behind these words.
    #[must_use]
    pub fn behind(mut self, launcher: &[&str]) -> Self {
        self.launcher = launcher.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The same program with one more variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where the binary is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command that starts the program in `directory`.
    pub fn command<S: AsRef<OsStr>>(
        &self,
        directory: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = match (&self.user, self.launcher.split_first()) {
            (Some(user), _) => user.command(&self.path),
            (None, Some((launcher, words))) => {
                let mut command = Command::new(launcher);
                command.args(words).arg(&self.path);
                command
            }
            (None, None) => Command::new(&self.path),
        };
        command
            .args(args)
            .current_dir(directory)
            .stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if OBEYED.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        directory: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Finished {
        Finished::of(self.command(directory, args).output().unwrap())
    }

    /// Runs a custodian with these flags in `place` that ends by itself, as one does that is refused.
    pub fn serve_in_vain<S: AsRef<OsStr>>(
        &self,
        place: &Workplace,
        flags: impl IntoIterator<Item = S>,
    ) -> Finished {
        Server::spawn(self, place, flags).finish()
    }

    /// Runs the program to its end with `input` on standard input.
    pub fn run_with_input<S: AsRef<OsStr>>(
        &self,
        directory: &Path,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Finished {
        let mut child = self
            .command(directory, args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that refuses before it reads closes the pipe; its answer tells.
        drop(stdin.write_all(input));
        drop(stdin);
        Finished::of(child.wait_with_output().unwrap())
    }
}

impl User {
    fn command(&self, path: &Path) -> Command {
        let groups: Vec<String> = self.groups.iter().map(u32::to_string).collect();
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={}", self.uid))
            .arg(format!("--regid={}", self.uid))
            .arg(match groups.as_slice() {
                [] => "--clear-groups".to_owned(),
                groups => format!("--groups={}", groups.join(",")),
            })
            .arg(path);
        command
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The exit status; `None` after a signal.
    pub status: Option<i32>,
    /// What went to standard output.
    pub stdout: Vec<u8>,
    /// What went to standard error.
    pub stderr: String,
}

impl Finished {
    /// How the process with this output ended.
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap()
    }

    /// Makes sure that the run ended with `status`, and returns it for more questions.
    #[track_caller]
    pub fn expect_status(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:?}");
        self
    }

    /// The one line on standard error that tells why the run failed, less `error: `.
    #[track_caller]
    pub fn sentence(&self) -> &str {
        let line = self
            .stderr
            .strip_suffix('\n')
            .unwrap_or_else(|| panic!("{self:?}"));
        assert!(!line.contains('\n'), "more than one line: {self:?}");
        line.strip_prefix("error: ")
            .unwrap_or_else(|| panic!("{self:?}"))
    }

    /// The one line on standard error that tells why a start failed, less `error: `. It is the last, and
    /// nothing but the log, a JSON object a line, comes before it.
    #[track_caller]
    pub fn sentence_after_the_log(&self) -> &str {
        let (log, sentence) = self
            .stderr
            .split_once("error: ")
            .unwrap_or_else(|| panic!("{self:?}"));
        for line in log.lines() {
            let line: Result<serde_json::Value, _> = serde_json::from_str(line);
            assert!(line.is_ok(), "no line of the log: {self:?}");
        }
        let sentence = sentence
            .strip_suffix('\n')
            .unwrap_or_else(|| panic!("{self:?}"));
        assert!(!sentence.contains('\n'), "more than one line: {self:?}");
        sentence
    }
}
