//! Work that takes long is finished, or refused in words; it is never dropped.

use std::io;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use signer_test_support::{
    Connection, PublishedKey, Random, Server, Workplace, eventually, sign_request, under_test,
};

use super::clients::stands;

/// A custodian with the scripted double.
fn start(place: &Workplace, flags: &[&str]) -> Server {
    let place_flags = place.place_flags();
    let double = ["--key-provider", "testdouble"];
    let all = place_flags.iter().map(String::as_str).chain(double);
    let all = all.chain(flags.iter().copied());
    Server::start_with(&under_test!(), place, all)
}

/// A signature that was asked for and has not come yet.
struct UnderWay {
    key: PublishedKey,
    digest: [u8; 64],
    connection: Connection,
}

impl UnderWay {
    /// Asks on a connection, which a custodian may have kept from an earlier request.
    fn ask(key: &PublishedKey, mut connection: Connection, random: &mut Random) -> Self {
        let digest = random.digest();
        let body = sign_request(&digest);
        let head = format!(
            "POST {}/sign HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            key.path(),
            body.len()
        );
        connection.send((head + &body).as_bytes()).unwrap();
        Self {
            key: key.clone(),
            digest,
            connection,
        }
    }
}

/// Waits until the custodian works on this many requests.
fn wait_until_under_way(server: &Server, count: usize) {
    let mut connection = server.connect();
    // The question itself is one more.
    let line = format!("plexsphere_signer_http_requests_in_flight {}", count + 1);
    eventually("the requests under way", || {
        let answer = connection.ask("GET", "/metrics", None).unwrap();
        answer
            .text()
            .lines()
            .any(|found| found == line)
            .then_some(())
    });
}

fn published(server: &Server, key_id: &str) -> PublishedKey {
    PublishedKey::of(&server.generate(key_id).json())
}

#[test]
fn slow_signatures_that_are_under_way_are_answered_with_their_real_result() {
    let place = Workplace::empty();
    let mut server = start(&place, &[]);
    let mut random = Random::new(7);
    let mut requests = Vec::new();
    for number in 0..6 {
        let key = published(&server, &format!("sign-slow-900ms-{number}"));
        let mut connection = server.connect();
        if number % 2 == 0 {
            connection.ask("GET", "/livez", None).unwrap();
        }
        requests.push(UnderWay::ask(&key, connection, &mut random));
    }
    wait_until_under_way(&server, requests.len());

    server.signal(Signal::TERM);
    eventually("a place without a socket", || {
        (!stands(server.socket())).then_some(())
    });
    let refused = Connection::open(server.socket()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    wait_for_answers(requests);
    assert_eq!(server.wait().code(), Some(0));
}

fn wait_for_answers(requests: Vec<UnderWay>) {
    for mut request in requests {
        let answer = request.connection.receive().unwrap().expect_status(200);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(request.key.has_signed(&request.digest, &answer));
        assert!(request.connection.is_closed());
    }
}

#[test]
fn a_kept_connection_is_served_once_more_and_learns_that_it_ends() {
    let place = Workplace::empty();
    let mut server = start(&place, &[]);
    let mut random = Random::new(8);
    let slow = published(&server, "sign-slow-900ms");
    let quick = published(&server, "k1");
    let mut kept = server.connect();
    let answer = kept.ask("GET", "/readyz", None).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, None));
    let under_way = UnderWay::ask(&slow, server.connect(), &mut random);
    wait_until_under_way(&server, 1);

    server.signal(Signal::TERM);
    eventually("a place without a socket", || {
        (!stands(server.socket())).then_some(())
    });
    wait_for_answers(vec![UnderWay::ask(&quick, kept, &mut random), under_way]);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn what_takes_longer_than_the_drain_timeout_is_refused_with_draining() {
    let place = Workplace::empty();
    let mut server = start(&place, &["--drain-timeout", "500ms"]);
    let key = published(&server, "sign-slow-8000ms");
    let mut request = UnderWay::ask(&key, server.connect(), &mut Random::new(9));
    wait_until_under_way(&server, 1);

    let asked = Instant::now();
    server.signal(Signal::TERM);
    let answer = request.connection.receive().unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(500));
    assert_eq!(answer.status, 503);
    assert_eq!(answer.problem_code(), "draining");
    assert_eq!(answer.json()["detail"], "signing: draining");
    assert_eq!(server.wait().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(6));
    assert!(!stands(server.socket()));
}
