//! A stop that comes before the custodian serves.

use std::time::Instant;

use rustix::process::Signal;
use signer_test_support::{Random, Server, Workplace, pause, shipped};

use super::clients::stands;

const SEED: u64 = 0x5eed_0007;

fn spawn(place: &Workplace) -> Server {
    Server::spawn(&shipped!(), place, place.software_flags())
}

#[test]
fn a_stop_as_soon_as_the_socket_stands_is_a_stop_in_order() {
    let place = Workplace::with_seed();
    for round in 0..20 {
        let mut server = spawn(&place);
        let started = Instant::now();
        while !stands(server.socket()) {
            assert!(started.elapsed().as_secs() < 20, "round {round}: no socket");
            std::thread::yield_now();
        }
        server.signal(Signal::TERM);
        let status = server.wait();
        let log = server.take_log();
        assert_eq!(status.code(), Some(0), "round {round}: {status}, {log}");
        assert!(!stands(server.socket()), "round {round}: {log}");
    }
}

#[test]
fn a_stop_at_any_moment_of_the_start_leaves_no_socket() {
    let place = Workplace::with_seed();
    let mut random = Random::new(SEED);
    for round in 0..30 {
        let mut server = spawn(&place);
        pause(random.pause(0, 60));
        server.signal(Signal::TERM);
        let status = server.wait();
        let log = server.take_log();
        assert!(
            !stands(server.socket()),
            "seed {SEED}, round {round}: {status}, {log}"
        );
    }
}
