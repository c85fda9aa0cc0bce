//! Requests of every kind, and what came back.

use std::path::PathBuf;
use std::time::Duration;

use signer_test_support::{Connection, Random, Response, Server, path_of, pause, sign_request};

/// A kind of request, by how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sign,
    SignForScope,
    Batch,
    Generate,
    Show,
    List,
    KeySet,
    NoRotation,
    UnknownKey,
    UnknownRoute,
    WrongMethod,
    BadDocument,
    BadHandle,
    WrongType,
    Encoded,
    TooLarge,
    Retired,
    Unavailable,
    Panic,
    Silent,
    SlowBody,
    LeavesWhileWaiting,
    LeavesInMidBody,
}

impl Kind {
    pub(crate) const ALL: [Self; 23] = [
        Self::Sign,
        Self::SignForScope,
        Self::Batch,
        Self::Generate,
        Self::Show,
        Self::List,
        Self::KeySet,
        Self::NoRotation,
        Self::UnknownKey,
        Self::UnknownRoute,
        Self::WrongMethod,
        Self::BadDocument,
        Self::BadHandle,
        Self::WrongType,
        Self::Encoded,
        Self::TooLarge,
        Self::Retired,
        Self::Unavailable,
        Self::Panic,
        Self::Silent,
        Self::SlowBody,
        Self::LeavesWhileWaiting,
        Self::LeavesInMidBody,
    ];

    /// The status of the answer; none when its client is gone by then.
    pub(crate) const fn status(self) -> Option<u16> {
        Some(match self {
            Self::Sign
            | Self::SignForScope
            | Self::Batch
            | Self::Show
            | Self::List
            | Self::KeySet => 200,
            Self::Generate => 201,
            Self::BadDocument | Self::BadHandle => 400,
            Self::NoRotation | Self::UnknownKey | Self::UnknownRoute => 404,
            Self::WrongMethod => 405,
            Self::SlowBody => 408,
            Self::Retired => 410,
            Self::TooLarge => 413,
            Self::WrongType | Self::Encoded => 415,
            Self::Panic => 500,
            Self::Unavailable | Self::Silent => 503,
            Self::LeavesWhileWaiting | Self::LeavesInMidBody => return None,
        })
    }
}

/// Keys of the double that do what their names say.
pub(crate) const SCRIPTED: [&str; 4] = [
    "sign-panics",
    "sign-unavailable",
    "sign-hangs",
    "sign-slow-300ms",
];

/// Makes the keys that the requests are about.
pub(crate) fn prepare(server: &Server) -> usize {
    for name in SCRIPTED {
        server.generate(name);
    }
    for name in ["k1", "retired"] {
        let document = format!(r#"{{"scope":"{SCOPE}","key_id":"{name}","provider":"software"}}"#);
        server.post("/v1/keys", &document).expect_status(201);
    }
    server
        .post(&format!("{}/retire", software("retired")), "")
        .expect_status(200);
    SCRIPTED.len() + 3
}

pub(crate) const SCOPE: &str = "domain:6f9619ff-8b86-4011-b42d-00cf4fc964ff";

fn software(name: &str) -> String {
    path_of(&format!("software:{SCOPE}|{name}"))
}

fn double(name: &str) -> String {
    path_of(&format!("testdouble:platform|{name}"))
}

/// A client that asks one thing after the other, each on a connection of its own.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) socket: PathBuf,
    pub(crate) number: usize,
    pub(crate) random: Random,
    pub(crate) answers: Vec<Response>,
    pub(crate) sent: usize,
}

impl Client {
    /// Asks, and makes sure of the answer.
    pub(crate) fn ask(&mut self, kind: Kind) {
        self.sent += 1;
        let mut connection = Connection::open(&self.socket).unwrap();
        let request = self.request(kind);
        connection.send(&request).unwrap();
        let Some(status) = kind.status() else {
            if kind == Kind::LeavesWhileWaiting {
                // So that it is taken up before its client goes away.
                pause(Duration::from_millis(100));
            }
            return;
        };
        let answer = connection.receive().unwrap();
        assert_eq!(answer.status, status, "{kind:?}: {}", answer.text());
        self.answers.push(answer);
    }

    fn request(&mut self, kind: Kind) -> Vec<u8> {
        let digest = sign_request(&self.random.digest());
        let sign = |key: String| post(&format!("{key}/sign"), JSON, &digest);
        match kind {
            Kind::Sign => sign(software("k1")),
            Kind::SignForScope => {
                let scope = SCOPE.replace(':', "%3A");
                post(&format!("/v1/scopes/{scope}/sign"), JSON, &digest)
            }
            Kind::Batch => {
                let item = digest.replacen('{', &format!(r#"{{"scope":"{SCOPE}","#), 1);
                let body = format!(r#"{{"items":[{item},{item}]}}"#);
                post("/v1/sign", JSON, &body)
            }
            Kind::Generate => {
                let name = format!("made-{}-{}", self.number, self.sent);
                let body =
                    format!(r#"{{"scope":"{SCOPE}","key_id":"{name}","provider":"software"}}"#);
                post("/v1/keys", JSON, &body)
            }
            Kind::Show => bare("GET", &software("k1")),
            Kind::List => bare("GET", "/v1/keys?limit=3"),
            Kind::KeySet => bare("GET", "/v1/scopes/platform/jwks"),
            Kind::NoRotation => bare("GET", "/v1/scopes/platform/rotations/current"),
            Kind::UnknownKey => sign(software("nobody")),
            Kind::UnknownRoute => bare("GET", "/v1/nothing"),
            Kind::WrongMethod => bare("DELETE", &software("k1")),
            Kind::BadDocument => post(&format!("{}/sign", software("k1")), JSON, "{"),
            Kind::BadHandle => bare("GET", "/v1/keys/nonsense"),
            Kind::WrongType => post(
                &format!("{}/sign", software("k1")),
                "Content-Type: text/plain\r\n",
                &digest,
            ),
            Kind::Encoded => {
                let headers = format!("{JSON}Content-Encoding: gzip\r\n");
                post(&format!("{}/sign", software("k1")), &headers, &digest)
            }
            Kind::TooLarge => head(&format!("{}/sign", software("k1")), JSON, 64 * 1024 + 1),
            Kind::Retired => sign(software("retired")),
            Kind::Unavailable => sign(double("sign-unavailable")),
            Kind::Panic => sign(double("sign-panics")),
            Kind::Silent => sign(double("sign-hangs")),
            Kind::LeavesWhileWaiting => {
                // The answer to a probe, unfetched when the client goes, makes the kernel report the
                // connection as reset. Who merely says no more may still listen.
                let probe = bare("GET", "/livez");
                [probe, sign(double("sign-slow-300ms"))].concat()
            }
            Kind::SlowBody | Kind::LeavesInMidBody => {
                let mut request = head(&format!("{}/sign", software("k1")), JSON, 100);
                request.push(b'{');
                request
            }
        }
    }
}

const JSON: &str = "Content-Type: application/json\r\n";

fn bare(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn head(path: &str, headers: &str, length: usize) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n")
        .into_bytes()
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let mut request = head(path, headers, body.len());
    request.extend_from_slice(body.as_bytes());
    request
}
