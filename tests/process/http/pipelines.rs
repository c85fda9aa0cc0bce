//! Many requests over one connection, sent at once: each answer is that to its own request, in form too,
//! and nothing behind the last one is done.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use signer_test_support::{K1, Random, Workplace, pause, setting, sign_request};

use super::{PATIENCE, start};

const SEED: u64 = 0x5eed_0710;
/// How many callers there are at once, and how many pipelines each of them sends.
const CALLERS: usize = 8;
const PIPELINES: usize = 40;

/// One request of a pipeline, and what its answer must be like.
#[derive(Debug, Clone)]
struct Step {
    bytes: Vec<u8>,
    status: u16,
    version: &'static str,
    /// What the body begins with; none where there must be no body.
    body: Option<u8>,
    is_last: bool,
    signs: u64,
}

fn bare(line: &str, fields: &str, status: u16) -> Step {
    let is_head = line.starts_with("HEAD");
    Step {
        bytes: format!("{line}\r\nHost: s\r\n{fields}\r\n").into_bytes(),
        status,
        version: if line.ends_with("1.0") {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        },
        body: (!is_head).then_some(b'{'),
        is_last: false,
        signs: 0,
    }
}

fn sign(fields: &str) -> Step {
    let body = sign_request(&[7; 64]);
    let framing = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    let mut step = bare(
        &format!("POST {K1}/sign HTTP/1.1"),
        &(framing + fields),
        200,
    );
    step.bytes.extend(body.into_bytes());
    step.signs = 1;
    step
}

fn chunked() -> Step {
    let body = sign_request(&[7; 64]);
    let framing = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let mut step = bare(&format!("POST {K1}/sign HTTP/1.1"), framing, 200);
    let (front, back) = body.split_at(40);
    let chunks = format!(
        "{:x}\r\n{front}\r\n{:x}\r\n{back}\r\n0\r\n\r\n",
        front.len(),
        back.len()
    );
    step.bytes.extend(chunks.into_bytes());
    step.signs = 1;
    step
}

/// A body that is refused for what it says.
fn nonsense() -> Step {
    let framing = "Content-Type: application/json\r\nContent-Length: 6\r\n";
    let mut step = bare(&format!("POST {K1}/sign HTTP/1.1"), framing, 400);
    step.bytes.extend(b"\n\r\n\n\r\n");
    step
}

/// Requests that another may follow.
fn kept() -> Vec<Step> {
    vec![
        bare("GET /livez HTTP/1.1", "", 200),
        bare("HEAD /livez HTTP/1.1", "", 200),
        bare("HEAD /openapi.json HTTP/1.1", "", 200),
        bare(&format!("GET {K1} HTTP/1.1"), "", 200),
        bare(&format!("HEAD {K1} HTTP/1.1"), "", 200),
        bare("GET /nowhere HTTP/1.1", "", 404),
        bare("HEAD /nowhere HTTP/1.1", "", 404),
        bare("GET /livez HTTP/1.0", "Connection: keep-alive\r\n", 200),
        bare("HEAD /livez HTTP/1.0", "Connection: keep-alive\r\n", 200),
        sign(""),
        sign("Expect: 100-continue\r\n"),
        chunked(),
        nonsense(),
    ]
}

/// Requests that are the last of their connection.
fn last() -> Vec<Step> {
    let mut with_body = bare(&format!("GET {K1} HTTP/1.1"), "Content-Length: 9\r\n", 400);
    with_body.bytes.extend(b"GET / HTT");
    let mut in_chunks = bare("GET /livez HTTP/1.1", "Transfer-Encoding: chunked\r\n", 400);
    in_chunks.bytes.extend(b"2\r\nab\r\n0\r\n\r\n");
    let mut unwanted = bare("POST /nowhere HTTP/1.1", "Content-Length: 4\r\n", 404);
    unwanted.bytes.extend(b"\r\n\r\n");
    let mut other_type = bare("POST /v1/keys HTTP/1.1", "Content-Length: 4\r\n", 415);
    other_type.bytes.extend(b"abcd");
    let steps = [
        bare("GET /livez HTTP/1.1", "Connection: close\r\n", 200),
        bare("HEAD /livez HTTP/1.1", "Connection: close\r\n", 200),
        bare("GET /livez HTTP/1.0", "", 200),
        bare("HEAD /livez HTTP/1.0", "", 200),
        bare(
            "GET /livez HTTP/1.1",
            "Connection: Upgrade\r\nUpgrade: h2c\r\n",
            200,
        ),
        sign("Connection: close\r\n"),
        with_body,
        in_chunks,
        unwanted,
        other_type,
    ];
    steps
        .map(|step| Step {
            is_last: true,
            ..step
        })
        .into()
}

/// Takes one answer to `step` off the front of `bytes`; panics when it is another's.
fn take_answer<'b>(step: &Step, bytes: &'b [u8]) -> &'b [u8] {
    let text = String::from_utf8_lossy(bytes);
    let tell = || format!("{step:?} was answered by {text}");
    let (head, _) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{}", tell()));
    let rest = &bytes[head.len() + 4..];
    if head == "HTTP/1.1 100 Continue" {
        return take_answer(step, rest);
    }
    let head = head.to_ascii_lowercase();
    let line = format!("{} {} ", step.version, step.status).to_ascii_lowercase();
    assert!(head.starts_with(&line), "{}", tell());
    assert_eq!(
        head.contains("\r\nconnection: close"),
        is_told_to_close(step),
        "{}",
        tell()
    );
    assert_eq!(
        head.contains("\r\nkeep-alive: timeout=75"),
        !step.is_last,
        "{}",
        tell()
    );
    let length = head
        .split("\r\ncontent-length: ")
        .nth(1)
        .unwrap_or_else(|| panic!("{}", tell()));
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    assert!(length > 0, "{}", tell());
    let Some(first) = step.body else { return rest };
    assert_eq!(rest.first(), Some(&first), "{}", tell());
    &rest[length..]
}

/// Where HTTP/1.0 is spoken, it goes without saying.
fn is_told_to_close(step: &Step) -> bool {
    step.is_last && step.version == "HTTP/1.1"
}

fn below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(u64::try_from(end).unwrap())).unwrap()
}

/// Sends bytes in a few pieces, cut anywhere. The custodian may close behind the last request it wants.
fn send(stream: &mut UnixStream, bytes: &[u8], random: &mut Random) {
    let mut rest = bytes;
    for _ in 0..random.below(5) {
        let (piece, behind) = rest.split_at(below(random, rest.len() + 1));
        drop(stream.write_all(piece));
        rest = behind;
        if random.below(2) == 0 {
            pause(Duration::from_millis(1));
        }
    }
    drop(stream.write_all(rest));
}

/// Sends one pipeline that ends somewhere in the middle, and holds what comes back against it. Returns how
/// many signatures were asked for in time.
fn try_one(socket: &Path, random: &mut Random) -> u64 {
    let (kept, last) = (kept(), last());
    let mut steps: Vec<Step> = (0..random.below(6))
        .map(|_| random.choose(&kept).clone())
        .collect();
    steps.push(random.choose(&last).clone());
    let mut bytes: Vec<u8> = steps.iter().flat_map(|step| step.bytes.clone()).collect();
    bytes.extend(sign("").bytes);
    bytes.extend(random.choose(&kept).bytes.clone());
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    send(&mut stream, &bytes, random);
    let mut answers = Vec::new();
    // What was sent behind the last request may make the end a reset.
    if let Err(error) = stream.read_to_end(&mut answers) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{steps:?}");
    }
    let mut rest = answers.as_slice();
    for step in &steps {
        rest = take_answer(step, rest);
    }
    assert_eq!(String::from_utf8_lossy(rest), "", "{steps:?}");
    steps.iter().map(|step| step.signs).sum()
}

#[test]
fn every_answer_is_that_to_its_own_request_and_nothing_is_done_behind_the_last() {
    let seed = setting("SIGNER_TEST_SEED", SEED);
    let pipelines = setting("SIGNER_TEST_HISTORIES", PIPELINES);
    println!("seed {seed:#x}");
    let mut random = Random::new(seed);
    let place = Workplace::with_seed();
    let server = start(&place, &[]);
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let mut random = random.fork();
            let socket = server.socket().to_owned();
            std::thread::spawn(move || -> u64 {
                (0..pipelines).map(|_| try_one(&socket, &mut random)).sum()
            })
        })
        .collect();
    let signs: u64 = callers
        .into_iter()
        .map(|caller| caller.join().unwrap())
        .sum();
    assert_eq!(server.metric("signatures_total"), signs);
}
