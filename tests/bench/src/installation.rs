//! A custodian of its own in a temporary directory, with its own seed, registry and socket.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use tempfile::TempDir;

use crate::Outcome;
use crate::keys::key_name;
use crate::process::{Server, pause};
use crate::wire::{Client, render};

/// How many connections register keys at the same time.
const REGISTRARS: u32 = 4;

/// How long a custodian may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// The state of one custodian. It goes away with this value.
#[derive(Debug)]
pub(crate) struct Installation {
    program: PathBuf,
    audit: Audit,
    directory: TempDir,
}

/// Whether the custodian records its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audit {
    /// Each request, durably, before it is answered.
    On,
    /// None, as the bare server.
    Off,
}

impl Installation {
    pub(crate) fn new(program: &Path, audit: Audit) -> Outcome<Self> {
        let directory = TempDir::with_prefix("signer-bench-")?;
        let mut seed = [0; 32];
        SystemRandom::new()
            .fill(&mut seed)
            .map_err(|_unspecific| "no randomness")?;
        let mut file = OpenOptions::new();
        let mut file = file
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(directory.path().join("seed.bin"))?;
        file.write_all(&seed)?;
        Ok(Self {
            program: program.to_owned(),
            audit,
            directory,
        })
    }

    /// Starts the custodian and waits until it is ready.
    pub(crate) fn start(&self) -> Outcome<Server> {
        let server = Server::start(&mut self.command(), &self.socket(), &self.messages())?;
        let mut client = Client::connect(server.socket())?;
        let question = render("GET", "/readyz", "");
        let started = Instant::now();
        loop {
            let (status, answer) = client.exchange(&question)?;
            if status == 200 {
                return Ok(server);
            }
            if started.elapsed() > PATIENCE {
                let answer = String::from_utf8_lossy(&answer);
                return Err(format!("the custodian is not ready: {answer}").into());
            }
            pause(Duration::from_millis(1));
        }
    }

    /// Starts the custodian without waiting.
    pub(crate) fn spawn(&self) -> Outcome<Server> {
        Server::spawn(&mut self.command(), &self.socket(), &self.messages())
    }

    fn command(&self) -> Command {
        let registry = self.registry();
        let mut command = Command::new(&self.program);
        command
            .current_dir(self.directory.path())
            .args(["serve", "--key-provider", "software", "--log-level", "warn"])
            .arg("--software-seed-file")
            .arg(self.directory.path().join("seed.bin"))
            .arg("--registry")
            .arg(format!("sqlite:{}", registry.display()))
            .arg("--socket")
            .arg(self.socket());
        if self.audit == Audit::Off {
            command.args(["--audit-log", "none"]);
        }
        command
    }

    /// Where its state is kept.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file of its registry.
    pub(crate) fn registry(&self) -> PathBuf {
        self.directory.path().join("registry.db")
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("signer.sock")
    }

    fn messages(&self) -> PathBuf {
        self.directory.path().join("messages")
    }
}

/// The bare server on a socket inside `directory`.
pub(crate) fn start_bare(directory: &Path, key_count: u32) -> Outcome<Server> {
    let socket = directory.join("bare.sock");
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["bare", "--keys", &key_count.to_string(), "--socket"])
        .arg(&socket);
    Server::start(&mut command, &socket, &directory.join("messages"))
}

/// Has the custodian generate the keys 0 to `count`.
pub(crate) fn register(socket: &Path, count: u32) -> Outcome<()> {
    std::thread::scope(|scope| {
        let registrars: Vec<_> = (0..REGISTRARS)
            .map(|first| scope.spawn(move || register_every(socket, first, count)))
            .collect();
        registrars.into_iter().try_for_each(|registrar| {
            registrar
                .join()
                .map_err(|_panic| "a registering thread panicked")?
        })
    })
}

fn register_every(socket: &Path, first: u32, count: u32) -> Outcome<()> {
    let mut client = Client::connect(socket)?;
    let stride = usize::try_from(REGISTRARS)?;
    for index in (first..count).step_by(stride) {
        let body = json!({ "scope": "platform", "key_id": key_name(index) }).to_string();
        client.expect(&render("POST", "/v1/keys", &body))?;
    }
    Ok(())
}
