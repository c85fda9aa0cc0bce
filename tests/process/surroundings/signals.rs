//! Signals that mean nothing to a custodian, those that ask for its end, and processes that are left to it.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use signer_test_support::{Server, Workplace, eventually, shipped};

const STRAY: [(&str, Signal); 9] = [
    ("SIGUSR1", Signal::USR1),
    ("SIGUSR2", Signal::USR2),
    ("SIGPIPE", Signal::PIPE),
    ("SIGALRM", Signal::ALARM),
    ("SIGVTALRM", Signal::VTALARM),
    ("SIGPROF", Signal::PROF),
    ("SIGIO", Signal::IO),
    ("SIGPWR", Signal::POWER),
    ("SIGSTKFLT", Signal::STKFLT),
];

#[test]
fn signals_that_mean_nothing_are_ignored_with_a_line_of_the_log() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    let realtime = [34, 35, 49, 64].map(|number| (number.to_string(), number));
    let named = STRAY.map(|(name, signal)| (name.to_owned(), signal.as_raw()));
    for (name, number) in named.into_iter().chain(realtime) {
        send(server.pid(), number);
        server.wait_for_log(&name, |line| {
            line.contains("signal ignored") && line.contains(&format!("\"{name}\""))
        });
        server.get("/livez").expect_status(200);
    }
    assert!(server.terminate().success());
}

/// By the command: a signal of a program's own has no name to call it by.
fn send(pid: Pid, number: i32) {
    let sent = Command::new("sh")
        .args(["-c", "kill -$1 $2", "sh"])
        .args([number.to_string(), pid.as_raw_pid().to_string()])
        .status();
    assert!(sent.unwrap().success(), "{number}");
}

#[test]
fn every_signal_that_asks_for_the_end_drains() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT, Signal::XCPU] {
        let place = Workplace::with_seed();
        let mut server = Server::start(&shipped!(), &place, &[]);
        server.generate("k1");
        server.signal(signal);
        let status = server.wait();
        let log = server.take_log();
        assert!(status.success(), "{signal:?}, {status}: {log}");
        assert!(log.contains("stopped"), "{signal:?}: {log}");
    }
}

#[test]
fn as_process_1_it_takes_note_of_the_end_of_what_was_left_to_it() {
    let place = Workplace::with_seed();
    // What the shell started before it became the custodian is a child of the custodian.
    let script = "for delay in 0.1 0.2 2; do sleep $delay & done; exec \"$@\"";
    let own_processes = ["unshare", "--pid", "--fork", "--kill-child"];
    let inside = [&own_processes[..], &["sh", "-c", script, "sh"]].concat();
    let program = shipped!().behind(&inside);
    let server = Server::start(&program, &place, &[]);
    let first = children_of(server.pid())[0];
    eventually("no child left", || {
        children_of(Pid::from_raw(first).unwrap())
            .is_empty()
            .then_some(())
    });
    kill_process(Pid::from_raw(first).unwrap(), Signal::TERM).unwrap();
}

fn children_of(pid: Pid) -> Vec<i32> {
    let pid = pid.as_raw_pid();
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let numbers = listed.split_whitespace();
    numbers.map(|number| number.parse().unwrap()).collect()
}
