//! More requests than there are places for.

use std::time::Instant;

use signer_test_support::{Connection, Workplace};

use super::contract::expect_problem;
use super::scripted::{self, AT_ONCE, sign, start_to_sign, wait_until_busy_with};

/// How many signatures by one key of the double may be under way, and how many more may wait.
const PLACES: usize = 16 + 256;

#[test]
fn who_finds_the_queue_of_a_key_full_is_told_to_come_back() {
    const TOO_MANY: usize = 48;
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &["--request-deadline", "2s"]);
    for key_id in ["sign-hangs", "quiet"] {
        server.generate(key_id);
    }
    let crowd: Vec<Connection> = (0..PLACES + TOO_MANY)
        .map(|_| start_to_sign(&server, "sign-hangs"))
        .collect();
    let started = Instant::now();
    sign(&server, "quiet").expect_status(200);
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    let mut turned_away = 0;
    for mut connection in crowd {
        let answer = connection.receive().unwrap();
        match answer.problem_code().as_str() {
            "overloaded" => {
                expect_problem(&answer, "overloaded");
                turned_away += 1;
            }
            "provider_unavailable" | "deadline_exceeded" => {}
            _ => panic!("{answer:?}"),
        }
    }
    // Who is on the way to a free turn may still sit in the queue for a moment.
    assert!(
        (TOO_MANY..=TOO_MANY + 16).contains(&turned_away),
        "{turned_away}"
    );
    let counted = server.metric("overloads_total");
    assert_eq!(counted, u64::try_from(turned_away).unwrap());
}

#[test]
fn who_finds_the_custodian_full_is_told_to_come_back_and_probes_are_answered() {
    let place = Workplace::with_seed();
    // Long enough for three rounds on a busy machine.
    let flags = ["--max-in-flight", "1", "--request-deadline", "6s"];
    let server = scripted::start(&place, &flags);
    for key_id in ["sign-hangs", "k1"] {
        server.generate(key_id);
    }
    let mut hanging = start_to_sign(&server, "sign-hangs");
    wait_until_busy_with(&server, 1);
    for _ in 0..3 {
        let started = Instant::now();
        expect_problem(&sign(&server, "k1"), "overloaded");
        assert!(started.elapsed() < AT_ONCE);
        for path in ["/livez", "/readyz", "/metrics"] {
            server.get(path).expect_status(200);
        }
    }
    expect_problem(&hanging.receive().unwrap(), "provider_unavailable");
    sign(&server, "k1").expect_status(200);
}
