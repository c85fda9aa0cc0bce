//! A custodian that serves, a second one that is led to its state, and what both acknowledged.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use signer_test_support::{
    Connection, Random, Server, Workplace, copy_directory, pause, shipped, sign_request,
};

/// How long the second one may take until it signs, or is not going to.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a second custodian is led.
#[derive(Debug)]
pub(crate) struct Second {
    /// Its registry.
    pub(crate) registry: PathBuf,
    /// Its audit log.
    pub(crate) log: PathBuf,
    /// What its mounts are, each from and to; it has a namespace of its own for them.
    pub(crate) mounts: Vec<(PathBuf, PathBuf)>,
    /// Whether it starts in the network namespace of the first. In another one nothing tells it of a
    /// custodian that has the original of its copies.
    pub(crate) is_near: bool,
}

/// Who signed while both could.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs {
    /// The second custodian did.
    pub(crate) second: bool,
}

/// A state with a key, whose custodian has ended in order.
#[derive(Debug)]
pub(crate) struct Beginning(Workplace);

impl Beginning {
    /// Makes it.
    pub(crate) fn make() -> Self {
        let place = Workplace::with_seed();
        fs::create_dir(place.file("state")).unwrap();
        let mut first = start_first(&place);
        first.generate("k1");
        assert!(first.terminate().success());
        Self(place)
    }
}

/// Two custodians, each with a socket of its own.
#[derive(Debug)]
pub(crate) struct Pair {
    what: String,
    place: Workplace,
    first: Server,
    second: Option<Server>,
    random: Random,
    acknowledged: BTreeSet<String>,
}

impl Pair {
    /// Starts the first, behind the beginning of all and with that (`backup`) beside its state.
    pub(crate) fn start(beginning: &Beginning, what: &str, random: Random) -> Self {
        let place = Workplace::with_seed();
        for name in ["state", "backup"] {
            copy_directory(&beginning.0.file("state"), &place.file(name));
        }
        let first = start_first(&place);
        first.generate("k2");
        Self {
            what: what.to_owned(),
            place,
            first,
            second: None,
            random,
            acknowledged: BTreeSet::new(),
        }
    }

    /// A path in the place of both.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.place.file(name)
    }

    /// The second custodian at `registry` and the log beside it.
    pub(crate) fn beside(&self, registry: &str) -> Second {
        let registry = self.file(registry);
        Second {
            log: registry.with_file_name("audit.jsonl"),
            registry,
            mounts: Vec::new(),
            is_near: false,
        }
    }

    /// Signs `times` by the first, and gives the last status.
    pub(crate) fn sign_by_the_first(&mut self, times: u64) -> u16 {
        let socket = self.place.file("first.sock");
        (0..times).map(|_| self.sign(&socket)).last().unwrap()
    }

    /// Starts the second one, and waits until it signs, has ended, or has had its time.
    pub(crate) fn start_the_second(&mut self, second: &Second) {
        let socket = self.place.file("second.sock");
        let flags = flags(&self.place, &socket, &second.registry, &second.log);
        let program = shipped!();
        // As in a container of its own, every other time.
        let is_near = second.is_near || self.random.below(2) == 0;
        let mut server = if second.mounts.is_empty() && is_near {
            Server::spawn_at(&program, &self.place, &socket, flags)
        } else {
            let mut script = String::new();
            for (from, to) in &second.mounts {
                let (from, to) = (from.display(), to.display());
                write!(script, "mount --bind {from} {to} && ").unwrap();
            }
            script += "exec \"$0\" serve \"$@\"";
            let mut command = Command::new("unshare");
            if !is_near {
                command.arg("--net");
            }
            command.args(["--mount", "sh", "-c", &script]);
            command.arg(program.path()).args(flags).stdin(Stdio::null());
            Server::spawn_command(&program, command, &self.place, &socket)
        };
        let began = Instant::now();
        while server.ended().is_none() && began.elapsed() < PATIENCE {
            if self.sign(&socket) == 200 {
                break;
            }
            pause(Duration::from_millis(5));
        }
        self.second = Some(server);
    }

    /// Asks both in turns. Once the second has signed, the first must not.
    pub(crate) fn try_both(&mut self, times: u64) -> Signs {
        let (first, second) = (self.file("first.sock"), self.file("second.sock"));
        let mut signs = Signs { second: false };
        for _ in 0..times {
            signs.second |= self.sign(&second) == 200;
            let status = self.sign(&first);
            assert!(!(signs.second && status == 200), "both sign, {}", self.what);
        }
        signs
    }

    /// Ends both in order.
    pub(crate) fn end(&mut self) {
        for server in self.second.iter_mut().chain([&mut self.first]) {
            if server.ended().is_none() {
                server.terminate();
            }
        }
    }

    /// Looks for each acknowledged signature in all files of the place.
    pub(crate) fn find_every_acknowledged_entry(&self) {
        let mut text = String::new();
        gather(self.place.path(), &mut text);
        for digest in &self.acknowledged {
            assert!(
                text.contains(digest),
                "an acknowledged entry is lost, {}; the second said: {:?}",
                self.what,
                self.second,
            );
        }
    }

    /// Signs a new digest at a socket: the status, and 0 when nobody answers.
    fn sign(&mut self, socket: &Path) -> u16 {
        let body = sign_request(&self.random.digest());
        let digest = body.split('"').nth(3).unwrap().to_owned();
        let answer = Connection::open(socket).and_then(|mut connection| {
            connection.ask("POST", "/v1/scopes/platform/sign", Some(&body))
        });
        let status = answer.map_or(0, |answer| answer.status);
        if status == 200 {
            self.acknowledged.insert(digest);
        }
        status
    }
}

fn start_first(place: &Workplace) -> Server {
    let socket = place.file("first.sock");
    let registry = place.file("state/registry.db");
    let log = place.file("state/audit.jsonl");
    let flags = flags(place, &socket, &registry, &log);
    let mut server = Server::spawn_at(&shipped!(), place, &socket, flags);
    server.wait_until_ready();
    server
}

fn flags(place: &Workplace, socket: &Path, registry: &Path, log: &Path) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let flags = [
        ("--key-provider", "software".to_owned()),
        ("--software-seed-file", text(&place.seed_file())),
        ("--socket", text(socket)),
        ("--registry", format!("sqlite:{}", registry.display())),
        ("--audit-log", text(log)),
    ];
    let flags = flags.into_iter();
    flags
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
}

/// Gathers what all audit logs below a directory say.
fn gather(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            gather(&path, text);
        } else if kind.is_file() {
            text.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
}
