//! Clients that have a scope sign all the time, whichever key is its current one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::{PublishedKey, Random, Server, path_of, sign_request};

const CONNECTIONS: usize = 16;
const OF_THE_SCOPE: &str = "/v1/scopes/platform/sign";

/// What a client was told to be a signature.
#[derive(Debug)]
struct Release {
    handle_id: String,
    digest: [u8; 64],
    signature: String,
}

/// Clients at work for the platform.
#[derive(Debug)]
pub struct ScopeLoad {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Release>>>,
}

impl ScopeLoad {
    /// Starts clients, each on a connection of its own. None of their requests may fail.
    pub fn on(server: &Server, mut random: Random) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let clients = (0..CONNECTIONS).map(|_| {
            let (mut connection, mut random) = (server.connect(), random.fork());
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                let mut releases = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let digest = random.digest();
                    let answer = connection.ask("POST", OF_THE_SCOPE, Some(&sign_request(&digest)));
                    let document = answer.unwrap().expect_status(200).json();
                    let text = |field: &str| document[field].as_str().unwrap().to_owned();
                    releases.push(Release {
                        handle_id: text("handle_id"),
                        digest,
                        signature: text("signature"),
                    });
                }
                releases
            })
        });
        Self {
            clients: clients.collect(),
            is_over,
        }
    }

    /// Ends the work, and verifies every signature under the key that its answer named. How many each
    /// key made.
    pub fn end(self, server: &Server) -> BTreeMap<String, usize> {
        self.is_over.store(true, Ordering::SeqCst);
        let mut keys: BTreeMap<String, PublishedKey> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        let clients = self.clients.into_iter();
        for release in clients.flat_map(|client| client.join().unwrap()) {
            let key = keys.entry(release.handle_id.clone()).or_insert_with(|| {
                let path = format!("{}/public-key", path_of(&release.handle_id));
                PublishedKey::of(&server.get(&path).expect_status(200).json())
            });
            assert!(key.accepts(&release.digest, &release.signature));
            *counts.entry(release.handle_id).or_default() += 1;
        }
        counts
    }
}
