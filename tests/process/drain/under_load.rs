//! A hundred stops under load, and some by Ctrl-C and by impatient people.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use signer_test_support::{PublishedKey, Random, Server, Workplace, pause, shipped};

use super::clients::{Client, Habit, Tally, stands};

const CLIENTS: usize = 6;

/// Stops a custodian again and again while clients of one habit use it.
struct Rounds {
    place: Workplace,
    habit: Habit,
    random: Random,
    seed: u64,
    total: Tally,
    stops: usize,
    slowest: Duration,
}

impl Rounds {
    fn new(habit: Habit, seed: u64) -> Self {
        Self {
            place: Workplace::with_seed(),
            habit,
            random: Random::new(seed),
            seed,
            total: Tally::default(),
            stops: 0,
            slowest: Duration::ZERO,
        }
    }

    /// Lets the clients work for a moment, sends `signals` close after each other, and looks at what
    /// the clients saw.
    fn stop_with(&mut self, signals: &[Signal]) {
        let program = shipped!();
        let mut server = Server::start(&program, &self.place, &[]);
        let keys = ["k1", "k2", "k3"].map(|name| PublishedKey::of(&server.generate(name).json()));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| self.client(server.socket(), &keys).start())
            .collect();
        pause(self.random.pause(20, 300));
        let asked = Instant::now();
        for signal in signals {
            server.signal(*signal);
            pause(self.random.pause(0, 100));
        }
        let status = server.wait();
        self.slowest = self.slowest.max(asked.elapsed());
        let is_gone = !stands(server.socket());
        let mut round = Tally::default();
        for client in clients {
            round.add(client.join().unwrap());
        }
        round.verify();
        let log = server.take_log();
        assert_eq!(status.code(), Some(0), "seed {}: {log}", self.seed);
        assert!(is_gone, "seed {}: the socket is still there", self.seed);
        assert_eq!(round.lost, [""; 0], "seed {}: {log}", self.seed);
        assert_eq!(round.refused, CLIENTS, "seed {}", self.seed);
        assert_eq!(round.answered() + round.refused, round.attempts);
        for level in ["WARN", "ERROR"] {
            let expected = usize::from(level == "WARN");
            let field = format!(r#""level":"{level}""#);
            assert_eq!(log.matches(&field).count(), expected, "{log}");
        }
        self.total.add(round);
        self.stops += 1;
    }

    fn client(&mut self, socket: &Path, keys: &[PublishedKey]) -> Client {
        Client {
            socket: socket.to_owned(),
            keys: keys.to_vec(),
            habit: self.habit,
            random: self.random.fork(),
        }
    }

    fn tell(&self, what: &str) {
        // Over all stops: a single one may come while the disk keeps the first answers waiting.
        let expected = self.stops * CLIENTS;
        assert!(
            self.total.answered() >= expected,
            "seed {}: no load",
            self.seed
        );
        println!(
            "{what}: {} requests, {} answered, {} refused at the door, {} lost; \
             the slowest stop took {} ms",
            self.total.attempts,
            self.total.answered(),
            self.total.refused,
            self.total.lost.len(),
            self.slowest.as_millis(),
        );
    }
}

#[test]
fn fifty_stops_lose_nothing_of_clients_that_connect_for_each_request() {
    let mut rounds = Rounds::new(Habit::Fresh, 0x5eed_0001);
    for _ in 0..50 {
        rounds.stop_with(&[Signal::TERM]);
    }
    rounds.tell("fresh connections");
}

#[test]
fn fifty_stops_lose_nothing_of_clients_that_keep_their_connection() {
    let mut rounds = Rounds::new(Habit::Kept, 0x5eed_0002);
    for _ in 0..50 {
        rounds.stop_with(&[Signal::TERM]);
    }
    rounds.tell("kept connections");
}

#[test]
fn an_interrupt_stops_as_a_termination_does() {
    for (habit, seed) in [(Habit::Fresh, 0x5eed_0003), (Habit::Kept, 0x5eed_0004)] {
        let mut rounds = Rounds::new(habit, seed);
        for _ in 0..3 {
            rounds.stop_with(&[Signal::INT]);
        }
    }
}

#[test]
fn more_signals_while_it_drains_neither_hurry_nor_break_it() {
    for (habit, seed) in [(Habit::Fresh, 0x5eed_0005), (Habit::Kept, 0x5eed_0006)] {
        let mut rounds = Rounds::new(habit, seed);
        for _ in 0..3 {
            rounds.stop_with(&[Signal::TERM, Signal::TERM, Signal::INT, Signal::TERM]);
        }
    }
}
