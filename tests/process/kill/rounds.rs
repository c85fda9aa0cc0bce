//! One life of the custodian after the other, over the same seed and registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use signer_test_support::{Program, Random, Server, Workplace, pause, shipped};

use super::inspection::{compare, list, try_key};
use super::ledger::Ledger;
use super::stored;
use super::workers::{SCOPES, Task, Worker, generate};

/// The tasks of the clients, and whether a client asks for the same keys as others do.
const TASKS: [(Task, bool); 7] = [
    (Task::Generate, false),
    (Task::Generate, true),
    (Task::Generate, true),
    (Task::Generate, true),
    (Task::Retire, false),
    (Task::Sign, false),
    (Task::Sign, false),
];

/// How many keys are used after a restart; all are looked at.
const TRIED: usize = 24;

pub(crate) struct Rounds {
    place: Workplace,
    program: Program,
    random: Random,
    server: Server,
    ledger: Arc<Mutex<Ledger>>,
    kills: usize,
    kills_at_start: usize,
    cut_off: usize,
    slowest_start: Duration,
}

impl Rounds {
    pub(crate) fn new(seed: u64) -> Self {
        let place = Workplace::with_seed();
        let program = shipped!();
        let server = Server::start(&program, &place, &[]);
        Self {
            place,
            program,
            random: Random::new(seed),
            server,
            ledger: Arc::default(),
            kills: 0,
            kills_at_start: 0,
            cut_off: 0,
            slowest_start: Duration::ZERO,
        }
    }

    /// Kills the custodian at some moment of its work, starts it again, and looks at everything.
    pub(crate) fn kill_and_restart(&mut self) {
        self.ledger.lock().begin_round();
        self.kill_at_work();
        let remains = stored::read_remains(&self.place.registry());
        self.cut_off += remains.iter().filter(|key| key.state == "pending").count();
        if self.kills.is_multiple_of(5) {
            self.kill_at_start();
        }
        let started = Instant::now();
        self.server = Server::start(&self.program, &self.place, &[]);
        self.slowest_start = self.slowest_start.max(started.elapsed());
        self.inspect();
    }

    fn kill_at_work(&mut self) {
        let is_killed = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..TASKS.len())
            .map(|number| self.worker(number, &is_killed))
            .collect();
        pause(self.random.pause(5, 240));
        is_killed.store(true, Ordering::SeqCst);
        let status = self.server.kill();
        self.kills += 1;
        let ended: Vec<_> = workers.into_iter().map(JoinHandle::join).collect();
        for end in ended {
            end.unwrap();
        }
        assert_eq!(status.code(), None, "it ended by itself");
        for left in ["signer.sock", "signer.sock.lock", "registry.db.lock"] {
            assert!(self.place.names().contains(&left.to_owned()), "{left}");
        }
    }

    fn worker(&mut self, number: usize, is_killed: &Arc<AtomicBool>) -> JoinHandle<()> {
        let (task, is_shared) = TASKS[number];
        let name = if is_shared {
            "same".to_owned()
        } else {
            number.to_string()
        };
        let worker = Worker {
            socket: self.server.socket().to_owned(),
            ledger: Arc::clone(&self.ledger),
            is_killed: Arc::clone(is_killed),
            random: self.random.fork(),
            prefix: format!("r{}-{name}", self.kills),
        };
        worker.start(task)
    }

    /// Kills the custodian while it starts, in the middle of its repairs if it comes to that.
    fn kill_at_start(&mut self) {
        let flags = self.place.software_flags();
        let mut early = Server::spawn(&self.program, &self.place, flags);
        pause(self.random.pause(0, 120));
        early.kill();
        self.kills_at_start += 1;
    }

    fn inspect(&mut self) {
        let mut connection = self.server.connect();
        let limit = *self.random.choose(&[1000, 333]);
        let documents = list(&mut connection, "", limit);
        compare(&documents, &stored::read(&self.place.registry()));
        let mut ledger = self.ledger.lock();
        ledger.settle(&documents);
        for _ in 0..TRIED {
            if let Some(key) = ledger.any(&mut self.random) {
                try_key(&mut connection, &ledger, &key, &mut self.random);
            }
        }
        let unanswered = ledger.unanswered();
        drop(ledger);
        // Whoever got no answer asks once more, and then the key is there.
        for handle in unanswered {
            let (scope, key_id) = handle["software:".len()..].split_once('|').unwrap();
            generate(&mut connection, &self.ledger, scope, key_id).unwrap();
        }
        assert_eq!(self.ledger.lock().unanswered(), [""; 0]);
    }

    /// Looks at the whole once more, stops in order, and tells what happened.
    pub(crate) fn finish(mut self) {
        let mut connection = self.server.connect();
        let all = list(&mut connection, "", 1000);
        let mut ledger = self.ledger.lock();
        ledger.settle(&all);
        let (keys, retired) = ledger.acknowledged();
        assert_eq!(all.len(), keys);
        for scope in SCOPES {
            for state in ["active", "retired"] {
                let filter = format!("&scope={scope}&state={state}");
                let expected = all.iter();
                let expected =
                    expected.filter(|key| key["scope"] == scope && key["state"] == state);
                let expected: Vec<_> = expected.cloned().collect();
                assert_eq!(list(&mut connection, &filter, 1000), expected);
            }
        }
        assert_eq!(self.server.terminate().code(), Some(0));
        compare(&all, &stored::read(&self.place.registry()));
        println!(
            "{} kills at work and {} at the start: {keys} keys and {retired} retirements \
             acknowledged, none lost; {} reservations cut off and settled; the slowest start took \
             {} ms",
            self.kills,
            self.kills_at_start,
            self.cut_off,
            self.slowest_start.as_millis(),
        );
        assert!(keys > 300 && retired > 100, "too few to prove anything");
        assert!(
            self.cut_off > 0,
            "no kill came in the middle of a generation"
        );
    }
}
