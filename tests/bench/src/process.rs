//! Server processes: started, watched through `/proc`, and ended.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Outcome;
use crate::wire::Client;

/// How long a server may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    /// Starts `command`, its messages going to the file `messages`.
    pub(crate) fn spawn(command: &mut Command, socket: &Path, messages: &Path) -> Outcome<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(messages)?)
            .spawn()?;
        Ok(Self {
            child,
            socket: socket.to_owned(),
        })
    }

    /// Starts `command` and waits until `socket` takes connections.
    pub(crate) fn start(command: &mut Command, socket: &Path, messages: &Path) -> Outcome<Self> {
        let mut server = Self::spawn(command, socket, messages)?;
        match server.first_connection() {
            Ok(_client) => Ok(server),
            Err(error) => {
                let said = fs::read_to_string(messages).unwrap_or_default();
                Err(format!("{error}; it said: {said}").into())
            }
        }
    }

    /// Waits until the socket takes a connection.
    pub(crate) fn first_connection(&mut self) -> Outcome<Client> {
        let started = Instant::now();
        loop {
            if let Ok(client) = Client::connect(&self.socket) {
                return Ok(client);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended at once: {status}").into());
            }
            if started.elapsed() > PATIENCE {
                return Err("the server does not listen".into());
            }
            pause(Duration::from_micros(100));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let asked = pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        let ends_by = Instant::now() + PATIENCE;
        while asked && Instant::now() < ends_by {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            pause(Duration::from_millis(2));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The processor time of a process, thread by thread, from the scheduler's own count in nanoseconds.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    pid: u32,
    before: HashMap<String, u64>,
}

impl CpuMeter {
    pub(crate) fn start(pid: u32) -> io::Result<Self> {
        let before = by_thread(pid)?;
        Ok(Self { pid, before })
    }

    /// What the process used since the start.
    pub(crate) fn elapsed(&self) -> io::Result<Duration> {
        let used = by_thread(self.pid)?
            .into_iter()
            .map(|(thread, now)| now.saturating_sub(self.before.get(&thread).copied().unwrap_or(0)))
            .sum();
        Ok(Duration::from_nanos(used))
    }
}

fn by_thread(pid: u32) -> io::Result<HashMap<String, u64>> {
    let mut threads = HashMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let entry = entry?;
        // A thread may end between the listing and the reading.
        if let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            threads.insert(name, on_cpu(&text));
        }
    }
    Ok(threads)
}

/// The processor time of the calling thread.
pub(crate) fn thread_cpu() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(on_cpu(&text)))
}

fn on_cpu(schedstat: &str) -> u64 {
    let first = schedstat.split_whitespace().next();
    first.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The resident memory of a process in KiB.
pub(crate) fn resident_kib(pid: u32) -> Outcome<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("the process has no memory figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Runs `work` on a thread of its own that may use only core 0. Processes it starts inherit that.
pub(crate) fn on_one_core<T: Send>(work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    let pinned = || {
        let mut core = CpuSet::new();
        core.set(0);
        sched_setaffinity(None, &core)?;
        work()
    };
    std::thread::scope(|scope| scope.spawn(pinned).join())
        .map_err(|_panic| "the pinned thread panicked")?
}

/// Allows this process and those it starts as many open files as the system permits.
pub(crate) fn raise_open_file_limit() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// Waits.
#[expect(
    clippy::disallowed_methods,
    reason = "the load generator has no event loop that this could block"
)]
pub(crate) fn pause(span: Duration) {
    std::thread::sleep(span);
}
