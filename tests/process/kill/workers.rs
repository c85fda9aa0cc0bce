//! Clients that change keys and sign with them until the custodian is killed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use signer_test_support::{Connection, PublishedKey, Random, pause, sign_request};

use super::ledger::{Ledger, Progress};

pub(crate) const SCOPES: [&str; 3] = [
    "platform",
    "domain:6f9619ff-8b86-4011-b42d-00cf4fc964ff",
    "domain:00000000-0000-4000-8000-000000000001",
];

/// What a client does all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Generate,
    Retire,
    Sign,
}

/// A client of its own thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) socket: PathBuf,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    /// Set before the kill; until then every request has to be answered.
    pub(crate) is_killed: Arc<AtomicBool>,
    pub(crate) random: Random,
    /// How the names of its keys begin. Clients with the same beginning ask for the same keys.
    pub(crate) prefix: String,
}

impl Worker {
    pub(crate) fn start(mut self, task: Task) -> JoinHandle<()> {
        std::thread::spawn(move || {
            let cut_off = self.work(task);
            let is_killed = self.is_killed.load(Ordering::SeqCst);
            assert!(
                is_killed,
                "{task:?} was cut off while nobody killed: {cut_off}"
            );
        })
    }

    fn work(&mut self, task: Task) -> io::Error {
        let mut connection = match Connection::open(&self.socket) {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        for number in 0.. {
            let done = match task {
                Task::Generate => self.generate(&mut connection, number),
                Task::Retire => self.retire(&mut connection),
                Task::Sign => self.sign(&mut connection),
            };
            if let Err(cut_off) = done {
                return cut_off;
            }
        }
        panic!("out of numbers");
    }

    fn generate(&self, connection: &mut Connection, number: usize) -> io::Result<()> {
        let scope = SCOPES[number % SCOPES.len()];
        generate(
            connection,
            &self.ledger,
            scope,
            &format!("{}-{number}", self.prefix),
        )
    }

    /// Retires any key, or more often the current one of a scope, which takes its mark away.
    fn retire(&mut self, connection: &mut Connection) -> io::Result<()> {
        let key = if self.random.below(3) == 0 {
            self.current_key(connection)?
        } else {
            self.ledger.lock().any(&mut self.random)
        };
        let Some(key) = key else {
            pause(Duration::from_millis(1));
            return Ok(());
        };
        self.ledger.lock().ask_to_retire(&key.handle_id);
        let answer = connection.ask("POST", &format!("{}/retire", key.path()), None)?;
        let document = answer.expect_status(200).json();
        assert_eq!(PublishedKey::of(&document), key);
        assert_eq!(document["state"], "retired");
        self.ledger.lock().acknowledge_retire(&key);
        let path = format!("{}/sign", key.path());
        let answer = connection.ask("POST", &path, Some(&sign_request(&self.random.digest())))?;
        assert_eq!(answer.problem_code(), "key_retired");
        Ok(())
    }

    fn sign(&mut self, connection: &mut Connection) -> io::Result<()> {
        if self.random.below(4) == 0 {
            return self.current_key(connection).map(drop);
        }
        let Some(key) = self.ledger.lock().any(&mut self.random) else {
            pause(Duration::from_millis(1));
            return Ok(());
        };
        let digest = self.random.digest();
        let asked = Instant::now();
        let path = format!("{}/sign", key.path());
        let answer = connection.ask("POST", &path, Some(&sign_request(&digest)))?;
        let ledger = self.ledger.lock();
        if answer.status == 200 {
            assert!(key.has_signed(&digest, &answer), "{key:?}");
            assert!(
                ledger.may_have_signed(&key.handle_id, asked),
                "signed after its retirement: {key:?}"
            );
        } else {
            assert_eq!(answer.problem_code(), "key_retired");
            assert_ne!(ledger.retired(&key.handle_id), Progress::NotAsked);
        }
        Ok(())
    }

    /// The current key of some scope, found out by letting it sign.
    fn current_key(&mut self, connection: &mut Connection) -> io::Result<Option<PublishedKey>> {
        let scope = self.random.choose(&SCOPES).replace(':', "%3A");
        let digest = self.random.digest();
        let asked = Instant::now();
        let path = format!("/v1/scopes/{scope}/sign");
        let answer = connection.ask("POST", &path, Some(&sign_request(&digest)))?;
        if answer.status != 200 {
            let code = answer.problem_code();
            assert!(
                ["key_retired", "key_not_found"].contains(&code.as_str()),
                "{answer:?}"
            );
            return Ok(None);
        }
        let document = answer.json();
        let handle = document["handle_id"].as_str().unwrap();
        let ledger = self.ledger.lock();
        assert!(
            ledger.may_have_signed(handle, asked),
            "signed after its retirement: {handle}"
        );
        // Who made it may not have been told yet.
        let key = ledger.find(handle);
        if let Some(key) = &key {
            assert!(key.has_signed(&digest, &answer), "{key:?}");
        }
        Ok(key)
    }
}

/// Asks for a key and notes what comes of it.
pub(crate) fn generate(
    connection: &mut Connection,
    ledger: &Mutex<Ledger>,
    scope: &str,
    key_id: &str,
) -> io::Result<()> {
    let handle = format!("software:{scope}|{key_id}");
    ledger.lock().ask_to_generate(&handle);
    let document = format!(r#"{{"scope":"{scope}","key_id":"{key_id}"}}"#);
    let answer = connection.ask("POST", "/v1/keys", Some(&document))?;
    let mut ledger = ledger.lock();
    if answer.status == 410 {
        assert_ne!(ledger.retired(&handle), Progress::NotAsked, "{handle}");
        return Ok(());
    }
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    let document = answer.json();
    assert_eq!(document["handle_id"], handle);
    ledger.acknowledge_generate(&document, answer.status == 201);
    Ok(())
}
