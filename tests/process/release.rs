//! Nothing by a retired key leaves the process once the retirement is answered, however little its
//! callers read.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionread;
use signer_test_support::{Server, Workplace, eventually, path_of, pause, shipped, sign_request};

/// Within this time a retirement is answered: callers have half a second to read and the connection looks
/// a tenth later, the rest is for a busy machine. A caller who does not read is given up after ten seconds
/// anyway, so this must be well below.
const PROMPT: Duration = Duration::from_secs(3);
/// So much in the kernel is more than the heads of some answers, and less than it takes of a batch.
const BEGUN: u64 = 30_000;
/// The kernel takes so much of long answers and has room for the beginning of a batch behind them.
const AHEAD: u64 = 100_000;

fn handle(key_id: &str) -> String {
    format!("software:platform|{key_id}")
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn digest() -> String {
    format!("{}==", "A".repeat(86))
}

fn batch(key_id: &str, items: usize) -> String {
    let item = format!(
        r#"{{"handle_id":"{}","digest":"{}","reference":"{}"}}"#,
        handle(key_id),
        digest(),
        "r".repeat(120)
    );
    post(
        "/v1/sign",
        &format!(r#"{{"items":[{}]}}"#, vec![item; items].join(",")),
    )
}

fn sign(key_id: &str) -> String {
    let path = format!("{}/sign", path_of(&handle(key_id)));
    post(&path, &sign_request(&[1; 64]))
}

/// How many signatures by a key there are in answers, or in parts of answers.
fn signatures(answers: &str, key_id: &str) -> usize {
    let signed = format!(r#""key_id":"{key_id}","signature":""#);
    answers.matches(&signed).count()
}

/// A caller who has asked for a lot and reads nothing of it.
struct Deaf {
    name: &'static str,
    stream: UnixStream,
}

impl Deaf {
    /// Asks, as far as the custodian listens, and waits until the kernel takes no more of the answers and
    /// there are signatures for it that the kernel has not: `is_owed` tells by how many bytes the kernel
    /// holds, and for how many requests there has been an audit entry since.
    fn ask(
        server: &Server,
        name: &'static str,
        requests: &str,
        is_owed: impl Fn(u64, u64) -> bool,
    ) -> Self {
        let recorded = || server.metric("audit_entries_total");
        let recorded_before = recorded();
        let mut stream = UnixStream::connect(server.socket()).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        // A custodian that cannot get rid of its answers takes no more questions at some point.
        drop(stream.write_all(requests.as_bytes()));
        let deaf = Self { name, stream };
        let mut before = 0;
        eventually("answers that nobody reads", || {
            let now = deaf.waiting();
            let stands_still = now == before;
            before = now;
            let is_owed = is_owed(now, recorded() - recorded_before);
            pause(Duration::from_millis(50));
            (stands_still && is_owed).then_some(())
        });
        deaf
    }

    /// Asks for a batch, of which the kernel takes a part only.
    fn ask_batch(server: &Server, name: &'static str, requests: &str) -> Self {
        Self::ask(server, name, requests, |waiting, _| waiting >= BEGUN)
    }

    /// How many bytes the kernel holds for it.
    fn waiting(&self) -> u64 {
        ioctl_fionread(&self.stream).unwrap()
    }

    /// Reads until there is no more. Tells whether the connection is at its end then.
    fn read_all(mut self) -> (Vec<u8>, bool) {
        let patience = Some(Duration::from_secs(2));
        self.stream.set_read_timeout(patience).unwrap();
        let mut all = Vec::new();
        let end = self.stream.read_to_end(&mut all);
        let has_ended = end.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |_| true);
        (all, has_ended)
    }
}

/// Callers of every kind who ask for signatures by this key and read none.
fn deaf_callers(server: &Server, key_id: &str) -> Vec<Deaf> {
    let batches = [
        ("a batch", batch(key_id, 1024)),
        ("two batches", batch(key_id, 1024).repeat(2)),
        (
            "signs between batches",
            format!("{0}{1}{0}{1}", sign(key_id), batch(key_id, 700)),
        ),
    ]
    .map(|(name, requests)| Deaf::ask_batch(server, name, &requests));
    let mut deaf = Vec::from(batches);

    let single = Deaf::ask(server, "one sign", &sign(key_id), |waiting, _| waiting > 0);
    let length = single.waiting();
    deaf.push(Deaf::ask(
        server,
        "single signs",
        &sign(key_id).repeat(3000),
        |waiting, recorded| recorded > waiting / length,
    ));

    let length = server.get("/metrics").body.len();
    let documents = usize::try_from(AHEAD).unwrap() / length;
    assert_ne!(documents, 0, "of {length} bytes");
    let document = "GET /metrics HTTP/1.1\r\nHost: s\r\n\r\n";
    deaf.push(Deaf::ask(
        server,
        "a batch behind other answers",
        &(document.repeat(documents) + &batch(key_id, 1024)),
        |waiting, _| waiting >= AHEAD + BEGUN,
    ));
    deaf
}

/// Has `end` answered, promptly, and makes sure that nothing more leaves for the deaf callers then: each
/// had signatures that the kernel had not taken, and its connection is cut.
fn expect_end(deaf: Vec<Deaf>, end: impl FnOnce()) {
    let started = Instant::now();
    end();
    assert!(started.elapsed() < PROMPT, "after {:?}", started.elapsed());
    let waiting: Vec<u64> = deaf.iter().map(Deaf::waiting).collect();
    for (deaf, waiting) in deaf.into_iter().zip(waiting) {
        let name = deaf.name;
        let (mut all, is_cut) = deaf.read_all();
        let late = all.split_off(usize::try_from(waiting).unwrap());
        let late = String::from_utf8(late).unwrap();
        assert_eq!((late.as_str(), is_cut), ("", true), "{name}");
    }
}

#[test]
fn no_signature_leaves_behind_an_answered_retirement() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    server.generate("going");
    server.generate("staying");
    let deaf = deaf_callers(&server, "going");
    let other = Deaf::ask_batch(&server, "another key", &batch("staying", 1024));
    expect_end(deaf, || {
        let retired = server.post(&format!("{}/retire", path_of(&handle("going"))), "");
        assert_eq!(retired.expect_status(200).json()["state"], "retired");
    });
    let (whole, is_cut) = other.read_all();
    let whole = String::from_utf8(whole).unwrap();
    assert_eq!((signatures(&whole, "staying"), is_cut), (1024, false));
}

#[test]
fn no_signature_by_the_old_key_leaves_behind_the_end_of_a_rotation() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    server.generate("old");
    let opened = server.post("/v1/scopes/platform/rotations", r#"{"new_key_id":"new"}"#);
    opened.expect_status(201);
    let deaf = deaf_callers(&server, "old");
    expect_end(deaf, || {
        let closed = server.post(
            "/v1/scopes/platform/rotations/close",
            r#"{"old_key_id":"old","new_key_id":"new"}"#,
        );
        closed.expect_status(200);
    });
}

#[test]
fn no_signature_leaves_behind_an_answered_block_and_the_key_signs_again_without_it() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    let path = path_of(&handle("k1"));
    let deaf = deaf_callers(&server, "k1");
    expect_end(deaf, || {
        let blocked = server.post(&format!("{path}/block"), "");
        blocked.expect_status(200);
    });
    let unblocked = server.post(&format!("{path}/unblock"), "");
    unblocked.expect_status(200);
    let late = Deaf::ask_batch(&server, "late", &batch("k1", 1024));
    let (whole, _) = late.read_all();
    let whole = String::from_utf8(whole).unwrap();
    assert_eq!(signatures(&whole, "k1"), 1024);
}

#[test]
fn no_signature_leaves_once_the_registry_was_taken_away() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    let deaf = deaf_callers(&server, "k1");
    expect_end(deaf, || {
        fs::rename(place.registry(), place.file("taken.db")).unwrap();
        // One look serves everybody for two milliseconds.
        eventually("a refusal", || {
            let refused = server.post(
                &format!("{}/sign", path_of(&handle("k1"))),
                &sign_request(&[1; 64]),
            );
            (refused.status == 503).then_some(())
        });
    });
}

#[test]
fn a_caller_who_reads_has_the_whole_answer_although_the_key_is_retired_meanwhile() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    server.generate("going");
    let late = Deaf::ask_batch(&server, "late", &batch("going", 1024));
    let mut connection = server.connect();
    let path = format!("{}/retire", path_of(&handle("going")));
    let retiring = std::thread::spawn(move || connection.ask("POST", &path, None).unwrap());
    // Whichever comes first: a caller who begins to read has a moment for it.
    let (whole, _) = late.read_all();
    retiring.join().unwrap().expect_status(200);
    let whole = String::from_utf8(whole).unwrap();
    assert_eq!(signatures(&whole, "going"), 1024);
}
