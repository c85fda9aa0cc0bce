//! Everything that was asked is in the record, and nothing that is secret is anywhere.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper that fails is a test that fails, and a long test tells what it did"
)]

mod canary;
mod read_again;
mod requests;

use signer_test_support::{Random, Response, STRANGER, Server, Workplace, setting, under_test};

use read_again::Record;
use requests::{Client, Kind, SCOPE, prepare};

const SEED: u64 = 0x5eed_0013;
const CLIENTS: usize = 8;
const ROUNDS: usize = 3;

pub(crate) fn start(place: &Workplace, flags: &[&str]) -> Server {
    let scripted = place.scripted_flags();
    let all = scripted.iter().map(String::as_str);
    let short = ["--request-deadline", "2s", "--socket-mode", "0666"];
    let all = all.chain(short).chain(flags.iter().copied());
    Server::start_with(&under_test!(), place, all)
}

/// What a run sent, and what came back.
pub(crate) struct Run {
    pub(crate) sent: usize,
    pub(crate) answers: Vec<Response>,
}

/// Sends requests of every kind at once, each client in an order of its own.
pub(crate) fn run(server: &Server) -> Run {
    let seed = setting("SIGNER_TEST_SEED", SEED);
    println!("seed {seed:#x}");
    let mut random = Random::new(seed);
    let mut whole = Run {
        sent: prepare(server),
        answers: Vec::new(),
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let mut client = Client {
                    socket: server.socket().to_owned(),
                    number,
                    random: random.fork(),
                    answers: Vec::new(),
                    sent: 0,
                };
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        for kind in shuffled(&mut client.random) {
                            client.ask(kind);
                        }
                    }
                    client
                })
            })
            .collect();
        for client in clients {
            let client = client.join().unwrap();
            whole.sent += client.sent;
            whole.answers.extend(client.answers);
        }
    });
    whole
}

fn shuffled(random: &mut Random) -> Vec<Kind> {
    let mut kinds = Kind::ALL.to_vec();
    for last in (1..kinds.len()).rev() {
        let bound = u64::try_from(last + 1).unwrap();
        kinds.swap(last, usize::try_from(random.below(bound)).unwrap());
    }
    kinds
}

#[test]
fn there_is_one_entry_for_each_request_and_the_chain_holds() {
    let place = Workplace::with_seed();
    place.open_to_everyone();
    let mut server = start(&place, &[]);
    let mut run = run(&server);
    for _ in 0..3 {
        let body = format!(r#"{{"scope":"{SCOPE}","key_id":"theirs"}}"#);
        let denied = server.ask_as(STRANGER, "POST", "/v1/keys", Some(&body));
        assert_eq!(denied.problem_code(), "denied");
        run.sent += 1;
        run.answers.push(denied);
    }
    for path in ["/livez", "/readyz", "/metrics", "/openapi.json"] {
        server.get(path).expect_status(200);
    }
    let log = place.file("audit.jsonl");
    Record::wait_for(&log, run.sent);
    assert!(server.terminate().success());
    let record = Record::read(&log);
    println!("{} requests", run.sent);
    record.has_one_entry_for_each(run.sent, &run.answers);
    let verify = ["audit", "verify", log.to_str().unwrap()];
    under_test!().run(place.path(), verify).expect_status(0);
}
