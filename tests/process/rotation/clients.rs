//! Clients that have a scope sign all the time, whichever key is its current one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use serde_json::Value;
use signer_test_support::{Connection, Random, sign_request};

/// How far the rotations have come, as far as somebody was told.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// The number of the newest key that is known to be the current one.
    pub(crate) current: AtomicUsize,
    /// The number of the newest key whose rotation somebody wants closed.
    pub(crate) closing: AtomicUsize,
    /// The number of the newest key that is known to be retired.
    pub(crate) retired: AtomicUsize,
    pub(crate) is_over: AtomicBool,
}

/// What a client was told to be a signature.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) handle_id: String,
    pub(crate) digest: [u8; 64],
    pub(crate) signature: String,
}

/// How a client asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Scope,
    /// Two items for the scope at once.
    Batch,
    /// The older key of the rotation, by its handle, for as long as it may sign.
    OldHandle,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) socket: PathBuf,
    pub(crate) stage: Arc<Stage>,
    pub(crate) random: Random,
    pub(crate) releases: Vec<Release>,
}

/// The name of the key with this number.
pub(crate) fn name(number: usize) -> String {
    format!("k{number}")
}

pub(crate) fn handle(number: usize) -> String {
    format!("software:platform|k{number}")
}

fn number_in(document: &Value) -> usize {
    let name = document["key_id"].as_str().unwrap();
    name.strip_prefix('k').unwrap().parse().unwrap()
}

impl Client {
    /// Asks until the rotations are over. Every request has to succeed.
    pub(crate) fn start(mut self, way: Way) -> JoinHandle<Vec<Release>> {
        std::thread::spawn(move || {
            let mut connection = Connection::open(&self.socket).unwrap();
            while !self.stage.is_over.load(Ordering::SeqCst) {
                match way {
                    Way::Scope => self.ask_the_scope(&mut connection),
                    Way::Batch => self.ask_for_a_batch(&mut connection),
                    Way::OldHandle => self.ask_the_old_key(&mut connection),
                }
            }
            self.releases
        })
    }

    fn ask_the_scope(&mut self, connection: &mut Connection) {
        let digest = self.random.digest();
        let known = self.stage.current.load(Ordering::SeqCst);
        let path = "/v1/scopes/platform/sign";
        let answer = connection.ask("POST", path, Some(&sign_request(&digest)));
        let document = answer.unwrap().expect_status(200).json();
        self.note(&document, digest, known);
    }

    fn ask_for_a_batch(&mut self, connection: &mut Connection) {
        let digests = [self.random.digest(), self.random.digest()];
        let known = self.stage.current.load(Ordering::SeqCst);
        let items = digests.map(|digest| {
            let item = sign_request(&digest).replacen('{', r#"{"scope":"platform","#, 1);
            serde_json::from_str::<Value>(&item).unwrap()
        });
        let body = serde_json::json!({ "items": items }).to_string();
        let answer = connection.ask("POST", "/v1/sign", Some(&body)).unwrap();
        let results = answer.expect_status(200).json();
        let results = results["results"].as_array().unwrap().iter();
        for (document, digest) in results.zip(digests) {
            assert!(document["error"].is_null(), "{document}");
            self.note(document, digest, known);
        }
    }

    /// A key that is closed away meanwhile refuses; one that was closed away before has to.
    fn ask_the_old_key(&mut self, connection: &mut Connection) {
        let current = self.stage.current.load(Ordering::SeqCst);
        let old = current.saturating_sub(1).max(1);
        let is_retired = self.stage.retired.load(Ordering::SeqCst) >= old;
        let digest = self.random.digest();
        let path = signer_test_support::path_of(&handle(old));
        let path = format!("{path}/sign");
        let answer = connection.ask("POST", &path, Some(&sign_request(&digest)));
        let answer = answer.unwrap();
        if answer.status == 200 {
            assert!(!is_retired, "k{old} signed after it was retired");
            self.note(&answer.json(), digest, old);
        } else {
            assert_eq!(answer.problem_code(), "key_retired");
            assert_eq!(answer.status, 410);
            let closing = self.stage.closing.load(Ordering::SeqCst);
            assert!(closing >= old, "k{old} was retired by nobody");
        }
    }

    /// The key that was known to be the current one before the question, or a later one, has signed.
    fn note(&mut self, document: &Value, digest: [u8; 64], known: usize) {
        let number = number_in(document);
        assert!(number >= known, "k{number} signed when k{known} was known");
        assert_eq!(document["handle_id"], handle(number).as_str());
        self.releases.push(Release {
            handle_id: handle(number),
            digest,
            signature: document["signature"].as_str().unwrap().to_owned(),
        });
    }
}
