//! A custodian that runs for the length of a test.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::connection::request;
use crate::{
    Connection, Finished, Program, PublishedKey, Response, Workplace, eventually, pause,
    sign_request,
};

/// A running custodian. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Server {
    program: Program,
    directory: PathBuf,
    socket: PathBuf,
    child: Child,
    log: Option<JoinHandle<String>>,
    lines: Receiver<String>,
}

impl Server {
    /// Starts a custodian with the software provider, all of it in `place`, with more flags behind.
    /// Returns once it is ready.
    pub fn start(program: &Program, place: &Workplace, flags: &[&str]) -> Self {
        let software = place.software_flags();
        let all = software
            .iter()
            .map(String::as_str)
            .chain(flags.iter().copied());
        Self::start_with(program, place, all)
    }

    /// Starts `serve --dev` in `place`, and waits until it is ready.
    pub fn start_in_development(program: &Program, place: &Workplace) -> Self {
        let mut server = Self::spawn_at(program, place, &place.development_socket(), ["--dev"]);
        server.wait_until_ready();
        server
    }

    /// Starts `serve` with exactly these flags in `place`, and waits until its socket is ready.
    pub fn start_with<S: AsRef<OsStr>>(
        program: &Program,
        place: &Workplace,
        flags: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut server = Self::spawn(program, place, flags);
        server.wait_until_ready();
        server
    }

    /// Starts `serve` with exactly these flags in `place`, and does not wait.
    pub fn spawn<S: AsRef<OsStr>>(
        program: &Program,
        place: &Workplace,
        flags: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::spawn_at(program, place, &place.socket(), flags)
    }

    /// The same, with flags that lead to another socket.
    pub fn spawn_at<S: AsRef<OsStr>>(
        program: &Program,
        place: &Workplace,
        socket: &Path,
        flags: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut command = program.command(place.path(), ["serve"]);
        command.args(flags);
        Self::spawn_command(program, command, place, socket)
    }

    /// Starts `serve` by `command`, which becomes the custodian, and does not wait.
    pub fn spawn_command(
        program: &Program,
        mut command: Command,
        place: &Workplace,
        socket: &Path,
    ) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stderr: ChildStderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut whole = String::new();
            for line in BufReader::new(stderr).lines() {
                let line = line.unwrap();
                whole.push_str(&line);
                whole.push('\n');
                // The test may have stopped listening; the whole log is kept all the same.
                drop(sender.send(line));
            }
            whole
        });
        Self {
            program: program.clone(),
            directory: place.path().to_owned(),
            socket: socket.to_owned(),
            child,
            log: Some(log),
            lines,
        }
    }

    /// Starts `serve` with these streams, which nobody reads here, and does not wait.
    pub fn spawn_onto<S: AsRef<OsStr>>(
        program: &Program,
        place: &Workplace,
        socket: &Path,
        flags: &[S],
        stdout: Stdio,
        stderr: Stdio,
    ) -> Self {
        let child = program
            .command(place.path(), ["serve"])
            .args(flags)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let (_, lines) = channel();
        Self {
            program: program.clone(),
            directory: place.path().to_owned(),
            socket: socket.to_owned(),
            child,
            log: None,
            lines,
        }
    }

    /// Waits until the custodian is ready and every provider has been tried; panics when it ends instead.
    pub fn wait_until_ready(&mut self) {
        if let Some(status) = self.ready_or_ended() {
            panic!("ended at start with {status}: {}", self.take_log());
        }
    }

    /// Waits until the custodian is ready and every provider has been tried, or it has ended; then how.
    pub fn ready_or_ended(&mut self) -> Option<ExitStatus> {
        eventually("a custodian that is ready or has ended", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(Some(status));
            }
            let response = self.try_get("/readyz")?;
            // One provider is enough to be ready, and the test may ask another one.
            let readiness = response.json();
            let mut providers = readiness["checks"]["providers"].as_object()?.values();
            let is_settled = providers.all(|status| status != "starting");
            (response.status == 200 && is_settled).then_some(None)
        })
    }

    /// How the custodian has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The process, as sentences name it.
    pub fn pid_and_uid(&self) -> String {
        let uid = rustix::process::geteuid().as_raw();
        format!("pid {}, uid {uid}", self.child.id())
    }

    /// A new connection.
    pub fn connect(&self) -> Connection {
        Connection::open(&self.socket).unwrap()
    }

    /// Asks on a connection of its own.
    pub fn get(&self, path: &str) -> Response {
        self.connect().ask("GET", path, None).unwrap()
    }

    /// The same; none when there is nobody to ask.
    pub fn try_get(&self, path: &str) -> Option<Response> {
        let mut connection = Connection::open(&self.socket).ok()?;
        connection.ask("GET", path, None).ok()
    }

    /// Asks on a connection of its own, with more header fields.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut connection = self.connect();
        connection
            .send(&request("GET", path, headers, None))
            .unwrap();
        connection.receive().unwrap()
    }

    /// Sends a document on a connection of its own; an empty one means no body at all.
    pub fn post(&self, path: &str, json: &str) -> Response {
        let json = Some(json).filter(|json| !json.is_empty());
        self.connect().ask("POST", path, json).unwrap()
    }

    /// Generates a key of the platform and makes sure that it stands.
    pub fn generate(&self, key_id: &str) -> Response {
        let document = format!(r#"{{"scope":"platform","key_id":"{key_id}"}}"#);
        let response = self.post("/v1/keys", &document);
        assert!(matches!(response.status, 200 | 201), "{response:?}");
        response
    }

    /// The same; the key.
    pub fn make(&self, key_id: &str) -> PublishedKey {
        PublishedKey::of(&self.generate(key_id).json())
    }

    /// Makes a key of the platform with this provider.
    pub fn make_with(&self, provider: &str, key_id: &str) -> PublishedKey {
        let document =
            format!(r#"{{"scope":"platform","key_id":"{key_id}","provider":"{provider}"}}"#);
        let made = self.post("/v1/keys", &document).expect_status(201);
        PublishedKey::of(&made.json())
    }

    /// Asks a key to sign.
    pub fn sign(&self, key: &PublishedKey, digest: &[u8; 64]) -> Response {
        self.post(&key.path_to("sign"), &sign_request(digest))
    }

    /// Asks for a key to be retired.
    pub fn retire(&self, key: &PublishedKey) -> Response {
        self.post(&key.path_to("retire"), "")
    }

    /// The value of a metric, summed over its labels.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").expect_status(200);
        let values = text.text().lines().filter_map(|line| {
            let rest = line
                .strip_prefix("plexsphere_signer_")?
                .strip_prefix(name)?;
            let (_labels, value) = rest.rsplit_once(' ')?;
            rest.starts_with([' ', '{'])
                .then(|| value.parse::<u64>().unwrap())
        });
        values.sum()
    }

    /// Runs a client command against this custodian.
    pub fn cli(&self, args: &[&str]) -> Finished {
        self.client().run(&self.directory, args)
    }

    /// The program, told where this custodian is.
    pub fn client(&self) -> Program {
        let socket = self.socket.display().to_string();
        self.program
            .clone()
            .with_variable("PLEXSPHERE_SIGNER_SOCKET", &socket)
    }

    /// Waits for a log line that `matches`.
    pub fn wait_for_log(&self, what: &str, matches: impl Fn(&str) -> bool) -> String {
        eventually(what, || self.lines.try_iter().find(|line| matches(line)))
    }

    /// Whether a log line `matches` that nobody has looked at yet.
    pub fn has_logged(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.lines.try_iter().any(|line| matches(&line))
    }

    /// Sends SIGTERM and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// Sends SIGTERM and waits for the end, but not for ever; panics when it does not come.
    pub fn terminate_within(&mut self, patience: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.ended() {
                return status;
            }
            pause(Duration::from_millis(5));
        }
        panic!("still running after {patience:?}");
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Sends a signal and does not wait.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for the end, whoever brings it about.
    pub fn wait(&mut self) -> ExitStatus {
        eventually("the end of the custodian", || {
            self.child.try_wait().unwrap()
        })
    }

    /// Waits for the end, whoever brings it about; then how it was and what was said.
    pub fn finish(mut self) -> Finished {
        Finished {
            status: self.wait().code(),
            stdout: self.take_output().into_bytes(),
            stderr: self.take_log(),
        }
    }

    /// Everything the custodian logged. Ask once it has ended.
    pub fn take_log(&mut self) -> String {
        self.log
            .take()
            .map_or_else(String::new, |log| log.join().unwrap())
    }

    /// Reads standard output up to the line that begins with `last`.
    pub fn read_output_until(&mut self, last: &str) -> String {
        let stdout = self
            .child
            .stdout
            .as_mut()
            .expect("standard output is read once");
        let mut text = String::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.unwrap();
            text.push_str(&line);
            text.push('\n');
            if line.starts_with(last) {
                return text;
            }
        }
        panic!("standard output ended before {last:?}: {text}");
    }

    /// Everything the custodian wrote to standard output. Ask once it has ended.
    pub fn take_output(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut text).unwrap();
        }
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
