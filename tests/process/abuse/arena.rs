//! A custodian that is attacked, and looked after in between.

use std::io::{ErrorKind, Read as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use signer_test_support::{
    Connection, K1, PublishedKey, Response, Server, Workplace, shipped, sign_request,
};

use super::attack::{Answer, Attack, Expected};

/// What is asked for in between.
const HONEST: [u8; 64] = [0x11; 64];
/// How long a good request may take at any time.
const LIMIT: Duration = Duration::from_secs(1);

/// A custodian with the key `k1`, and the count of what it may have signed.
pub(crate) struct Arena {
    server: Server,
    _place: Workplace,
    pid: Pid,
    key: PublishedKey,
    attacks: usize,
    signatures: u64,
}

impl Arena {
    pub(crate) fn open() -> Self {
        let program = shipped!();
        let place = Workplace::with_seed();
        let server = Server::start(&program, &place, &[]);
        let key = PublishedKey::of(&server.generate("k1").json());
        Self {
            pid: server.pid(),
            server,
            _place: place,
            key,
            attacks: 0,
            signatures: 0,
        }
    }

    pub(crate) fn attacks_faced(&self) -> usize {
        self.attacks
    }

    /// Carries out one attack and makes sure that it did no harm.
    pub(crate) fn face(&mut self, attack: &Attack) {
        self.attacks += 1;
        let name = &attack.name;
        let mut connection = self.server.connect();
        // The custodian may hang up before it has heard everything.
        drop(connection.send(&attack.bytes));
        match &attack.expected {
            Expected::Answers(answers) => self.expect_answers(&mut connection, answers, name),
            Expected::AnswersOrEnd(first, others) => {
                self.expect_answers(&mut connection, std::slice::from_ref(first), name);
                for expected in others {
                    let Ok(answer) = connection.receive() else {
                        break;
                    };
                    self.expect_answer(&answer, expected, name);
                }
            }
            Expected::AnswersThenEnd(answers) => {
                self.expect_answers(&mut connection, answers, name);
                expect_end(&mut connection, name);
            }
            Expected::EndAfterHalf(answers) => {
                drop(connection.stream().shutdown(Shutdown::Write));
                self.expect_answers(&mut connection, answers, name);
                expect_end(&mut connection, name);
            }
        }
        self.expect_health(name);
    }

    /// Makes sure that it is still the same process, and alive.
    pub(crate) fn close(self) {
        assert_eq!(self.server.pid(), self.pid);
        assert_eq!(self.server.get("/livez").json()["status"], "ok");
        assert_eq!(self.server.get("/readyz").status, 200);
        let keys = self.server.get("/v1/keys").json();
        let keys = keys["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1, "only k1 was ever made: {keys:?}");
        assert_eq!(self.server.get(K1).json()["state"], "active");
    }

    fn expect_answers(&mut self, connection: &mut Connection, answers: &[Answer], name: &str) {
        for expected in answers {
            let received = connection.receive();
            let answer = received.unwrap_or_else(|error| panic!("{name}: {expected:?}: {error}"));
            self.expect_answer(&answer, expected, name);
        }
    }

    fn expect_answer(&mut self, answer: &Response, expected: &Answer, name: &str) {
        let got = self.read(answer, expected);
        let text = answer.text();
        assert_eq!(got, *expected, "{name}: {} {text}", answer.status);
        if let Answer::Signed(_) = expected {
            self.signatures += 1;
        }
    }

    /// What the answer is. A signature over another digest than the expected one is none.
    fn read(&self, answer: &Response, expected: &Answer) -> Answer {
        if answer.status >= 400 {
            let code = answer.problem_code();
            assert!(!answer.text().contains("signature\""), "{answer:?}");
            let known = match expected {
                Answer::Refused(known) if *known == code => known,
                _ => "another one",
            };
            return Answer::Refused(known);
        }
        match expected {
            Answer::Signed(digest) if self.key.has_signed(digest, answer) => {
                Answer::Signed(*digest)
            }
            _ if answer.text().contains("signature") => Answer::Signed([0; 64]),
            _ => Answer::Done,
        }
    }

    /// A good request is served at once, and nothing was signed that was not asked for.
    fn expect_health(&mut self, name: &str) {
        let started = Instant::now();
        let answer = self
            .server
            .post(&format!("{K1}/sign"), &sign_request(&HONEST));
        let elapsed = started.elapsed();
        assert!(elapsed < LIMIT, "{name}: a good request took {elapsed:?}");
        assert!(self.key.has_signed(&HONEST, &answer), "{name}: {answer:?}");
        self.signatures += 1;
        let released = self.server.metric("signatures_total");
        assert_eq!(released, self.signatures, "{name}: signatures released");
    }
}

/// Makes sure that at most a refusal without a signature comes, and then the end.
fn expect_end(connection: &mut Connection, name: &str) {
    let mut rest = Vec::new();
    match connection.stream().read_to_end(&mut rest) {
        Ok(_) => {}
        // A custodian that hangs up on bytes it has not read breaks the connection: an end as well.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{name}: no end: {error}"),
    }
    let rest = String::from_utf8_lossy(&rest);
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 4"),
        "{name}: {rest}"
    );
    assert_eq!(
        rest.matches("HTTP/1.1 ").count(),
        usize::from(!rest.is_empty()),
        "{name}: {rest}"
    );
    assert!(!rest.contains("signature"), "{name}: {rest}");
    assert!(
        rest.is_empty() || rest.contains("application/problem+json"),
        "{name}: {rest}"
    );
}
