//! The open files, threads and address space without which no custodian runs.
//!
//! The runtime panics where it cannot have them, so what it needs is made sure of before it starts.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, available_parallelism};

use parking_lot::{Condvar, Mutex};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::memory_budget;
use crate::failure::Failure;

/// Files that are open, and some connections, whatever the number of cores (measured: 31).
const FILES: u64 = 40;
/// What each worker and each thread of keys open, which are as many (measured: 4 each).
const FILES_OF_A_CORE: u64 = 8;
/// Threads that run whatever the number of cores (measured: 7), and one provider more.
const THREADS: usize = 8;

/// How many threads serve the socket.
pub(super) fn workers() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Makes sure that there is room for what every custodian needs.
///
/// # Errors
/// With the limit that is too low.
pub(super) fn require() -> Result<(), Failure> {
    let workers = workers();
    let of_cores = FILES_OF_A_CORE * u64::try_from(workers).unwrap_or(u64::MAX / FILES);
    require_files(FILES + of_cores)?;
    memory_budget::require_own()?;
    try_threads(THREADS + 2 * workers).map_err(no_thread)
}

/// Says that there can be no further thread.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form of what maps an error"
)]
pub(super) fn no_thread(cause: io::Error) -> Failure {
    Failure::general(format_args!(
        "no further thread can be started ({cause}); raise the limit on processes and threads (ulimit \
         -u, TasksMax=, pids.max) or on memory"
    ))
}

/// Lifts the soft limit on open files to the hard one, for each connection is an open file, and makes
/// sure that it is high enough.
fn require_files(needed: u64) -> Result<(), Failure> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_stays_as_it_is) => limit.current,
    };
    match limit {
        Some(limit) if limit < needed => Err(Failure::general(format_args!(
            "the limit on open files is {limit}, and serve needs {needed} before the first connection; \
             raise it (ulimit -n, LimitNOFILE=)"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Has as many threads at once as will be needed, and lets them go again.
fn try_threads(needed: usize) -> io::Result<()> {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let mut threads = Vec::new();
    let mut outcome = Ok(());
    for _ in 0..needed {
        let gate = Arc::clone(&gate);
        let wait = move || {
            let (is_open, opened) = &*gate;
            let mut is_open = is_open.lock();
            while !*is_open {
                opened.wait(&mut is_open);
            }
        };
        match thread::Builder::new().name("trial".to_owned()).spawn(wait) {
            Ok(thread) => threads.push(thread),
            Err(cause) => {
                outcome = Err(cause);
                break;
            }
        }
    }
    *gate.0.lock() = true;
    gate.1.notify_all();
    for thread in threads {
        // It cannot have panicked, and its end is all that is waited for.
        drop(thread.join());
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_were_tried_are_gone_again() {
        try_threads(8).unwrap();
    }

    #[test]
    fn a_limit_that_is_too_low_is_named_with_what_is_needed() {
        let failure = require_files(u64::MAX).err();
        // A process without any limit has room for everything.
        if let Some(failure) = failure {
            let sentence = failure.to_string();
            assert!(sentence.contains(&u64::MAX.to_string()), "{sentence}");
        }
    }
}
