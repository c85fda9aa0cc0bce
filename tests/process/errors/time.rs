//! Requests that take too long to arrive or to be done.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use signer_test_support::{Connection, Server, Workplace, pause};

use super::contract::expect_problem;
use super::scripted::{self, body, path, sign, start_to_sign, wait_until_busy_with};

/// How long a slow body is waited for at most.
const LONGEST: Duration = Duration::from_secs(12);

/// Announces a body and sends none of it.
fn announce(server: &Server, key_id: &str, framing: &str) -> Connection {
    let mut connection = server.connect();
    let head = format!(
        "POST {}/sign HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n\r\n",
        path(key_id)
    );
    connection.send(head.as_bytes()).unwrap();
    connection
}

#[test]
fn a_body_that_trickles_in_is_a_timeout_after_ten_seconds() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    server.generate("k1");
    let mut slow = Vec::new();
    let started = Instant::now();
    for framing in ["Content-Length: 60000", "Transfer-Encoding: chunked"] {
        let connection = announce(&server, "k1", framing);
        let stream = connection.stream().try_clone().unwrap();
        let piece = match framing {
            "Transfer-Encoding: chunked" => "1\r\n \r\n",
            _ => " ",
        };
        let trickle = std::thread::spawn(move || trickle(stream, piece, started));
        slow.push((connection, trickle));
    }
    for (mut connection, trickle) in slow {
        let answer = connection.receive().unwrap();
        let waited = started.elapsed();
        expect_problem(&answer, "request_timeout");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(waited >= Duration::from_secs(9), "{waited:?}");
        assert!(waited <= LONGEST, "{waited:?}");
        assert!(trickle.join().unwrap(), "the connection was closed as well");
    }
    sign(&server, "k1").expect_status(200);
}

/// Sends a piece of a body now and then, for longer than anybody listens. Whether it was told so.
fn trickle(mut stream: UnixStream, piece: &str, started: Instant) -> bool {
    while started.elapsed() < LONGEST + Duration::from_secs(3) {
        if stream.write_all(piece.as_bytes()).is_err() {
            return true;
        }
        pause(Duration::from_millis(100));
    }
    false
}

#[test]
fn a_wait_for_the_key_beyond_the_deadline_is_a_deadline_exceeded() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &["--request-deadline", "2s"]);
    server.generate("sign-hangs");
    // From here on the key is in memory, and everybody finds its queue at once.
    server.get(&format!("{}/public-key", path("sign-hangs")));
    // Its deadline runs from its head on, so it is over before those of all who overtake it.
    let mut late = announce(
        &server,
        "sign-hangs",
        &format!("Content-Length: {}", body().len()),
    );
    wait_until_busy_with(&server, 1);
    let overtaking: Vec<Connection> = (0..32)
        .map(|_| start_to_sign(&server, "sign-hangs"))
        .collect();
    wait_until_busy_with(&server, 33);
    late.send(body().as_bytes()).unwrap();
    expect_problem(&late.receive().unwrap(), "deadline_exceeded");
    drop(overtaking);
}

#[test]
fn a_provider_that_never_answers_is_unavailable_at_the_deadline_whatever_it_was_asked() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &["--request-deadline", "300ms"]);
    let mut asked = Vec::new();
    for number in 0..8 {
        let [signing, retiring] = ["sign", "retire"].map(|it| format!("{it}-hangs-{number}"));
        for key_id in [&signing, &retiring] {
            server.generate(key_id);
        }
        asked.push(start_to_sign(&server, &signing));
        let retire = format!("{}/retire", path(&retiring));
        let name = format!(r#"{{"scope":"platform","key_id":"generate-hangs-{number}"}}"#);
        for (path, json) in [(retire.as_str(), None), ("/v1/keys", Some(name.as_str()))] {
            let mut connection = server.connect();
            connection.start("POST", path, json).unwrap();
            asked.push(connection);
        }
    }
    for connection in &mut asked {
        expect_problem(&connection.receive().unwrap(), "provider_unavailable");
    }
}
