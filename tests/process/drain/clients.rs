//! Clients that sign without a pause until the socket is gone, and count what becomes of it.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use signer_test_support::{Connection, PublishedKey, Random, Response, sign_request};

/// How a client treats its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// A new connection for each request.
    Fresh,
    /// One connection for as long as the custodian keeps it.
    Kept,
}

/// What became of the requests of some clients.
///
/// A request is lost when its connection was accepted and the whole right answer did not come. That
/// nobody listens any more is no loss: it tells the client so before it says anything.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) attempts: usize,
    pub(crate) refused: usize,
    pub(crate) lost: Vec<String>,
    signed: Vec<Signed>,
}

#[derive(Debug)]
struct Signed {
    key: PublishedKey,
    digest: [u8; 64],
    answer: Response,
}

impl Tally {
    /// How many requests got their answer.
    pub(crate) fn answered(&self) -> usize {
        self.signed.len()
    }

    /// Adds what other clients saw.
    pub(crate) fn add(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.refused += other.refused;
        self.lost.extend(other.lost);
        self.signed.extend(other.signed);
    }

    /// Counts the answers with a signature that does not verify as lost. Done when the custodian has
    /// stopped, so as not to take its time away.
    pub(crate) fn verify(&mut self) {
        let signed = self.signed.drain(..);
        let (good, bad): (Vec<_>, Vec<_>) = signed.partition(
            |Signed {
                 key,
                 digest,
                 answer,
             }| key.has_signed(digest, answer),
        );
        self.signed = good;
        let bad = bad.into_iter().map(|bad| format!("not signed: {bad:?}"));
        self.lost.extend(bad);
    }

    /// Counts how a request ended; whether its connection may be used for the next one.
    fn count(&mut self, key: &PublishedKey, digest: [u8; 64], ended: io::Result<Response>) -> bool {
        match ended {
            Ok(answer) if answer.status == 200 => {
                let is_kept = answer.header("connection") != Some("close");
                let key = key.clone();
                self.signed.push(Signed {
                    key,
                    digest,
                    answer,
                });
                is_kept
            }
            Ok(answer) => {
                self.lost.push(format!("answered {answer:?}"));
                false
            }
            Err(error) => {
                self.lost
                    .push(format!("cut off after it was accepted: {error}"));
                false
            }
        }
    }
}

/// A client of its own thread; it ends when nobody listens at the socket.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) socket: PathBuf,
    pub(crate) keys: Vec<PublishedKey>,
    pub(crate) habit: Habit,
    pub(crate) random: Random,
}

impl Client {
    pub(crate) fn start(self) -> JoinHandle<Tally> {
        std::thread::spawn(move || self.sign_until_refused())
    }

    fn sign_until_refused(mut self) -> Tally {
        let mut tally = Tally::default();
        loop {
            tally.attempts += 1;
            match Connection::open(&self.socket) {
                Ok(mut connection) => self.use_connection(&mut connection, &mut tally),
                Err(error) if is_refusal(&error) => {
                    tally.refused += 1;
                    return tally;
                }
                Err(error) => tally.lost.push(format!("not connected: {error}")),
            }
        }
    }

    /// Makes one request after the other, the first of which has been counted.
    fn use_connection(&mut self, connection: &mut Connection, tally: &mut Tally) {
        while self.ask(connection, tally) && self.habit == Habit::Kept {
            tally.attempts += 1;
        }
    }

    fn ask(&mut self, connection: &mut Connection, tally: &mut Tally) -> bool {
        let key = self.random.choose(&self.keys).clone();
        let digest = self.random.digest();
        let path = format!("{}/sign", key.path());
        let ended = connection.ask("POST", &path, Some(&sign_request(&digest)));
        tally.count(&key, digest, ended)
    }
}

/// Whether nobody listens, or nobody can be found.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// Whether a socket stands at the path, without touching it.
pub(crate) fn stands(socket: &Path) -> bool {
    socket.symlink_metadata().is_ok()
}
