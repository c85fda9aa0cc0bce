//! A record that cannot be written for a while: nothing is released, and it is over by itself.

use std::time::{Duration, Instant};

use signer_test_support::{Connection, Server, Workplace, eventually, sign_request, under_test};

use super::scenario::path;

/// How long a caller is kept waiting at most, and what a busy machine adds to it.
const PATIENCE: Duration = Duration::from_millis(2_500);

fn sign(connection: &mut Connection) -> signer_test_support::Response {
    let path = format!("{}/sign", path("k1"));
    let answer = connection.ask("POST", &path, Some(&sign_request(&[5; 64])));
    answer.unwrap()
}

/// Starts a custodian whose record does what `armed` says once a key has been made, and holds it to
/// its promises until the outage is over.
fn sit_out(armed: &str) {
    let place = Workplace::with_seed();
    let program = under_test!().with_variable("SIGNER_UNDER_TEST_CRASH", armed);
    let mut server = Server::start(&program, &place, &[]);
    server.generate("k1");
    let started = Instant::now();
    let mut connection = server.connect();
    while sign(&mut connection).status == 200 {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "the outage never came"
        );
    }
    let asked = Instant::now();
    let refused = sign(&mut connection);
    assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
    assert_eq!(
        (refused.status, refused.problem_code()),
        (503, "audit_unavailable".to_owned())
    );
    assert!(refused.header("retry-after").is_some());
    assert!(
        !refused.text().contains("signature\""),
        "{}",
        refused.text()
    );
    let readiness = server.get("/readyz");
    assert_eq!(readiness.status, 503);
    assert_eq!(readiness.json()["checks"]["audit"], "failing");
    server.get("/livez").expect_status(200);
    eventually("the end of the outage", || {
        (sign(&mut connection).status == 200).then_some(())
    });
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    server.get("/readyz").expect_status(200);
    assert!(server.terminate().success());
    let log = place.file("audit.jsonl");
    let verify = ["audit", "verify", log.to_str().unwrap()];
    program.run(place.path(), verify).expect_status(0);
}

#[test]
fn a_disk_that_blocks_holds_nobody_up_and_is_forgiven() {
    sit_out("audit_file.sync.before:10=slow-6000ms");
}

#[test]
fn a_disk_that_fails_for_a_while_is_forgiven() {
    let failures: Vec<String> = (10..22)
        .map(|hit| format!("audit_file.append.before:{hit}=fail"))
        .collect();
    sit_out(&failures.join(","));
}
