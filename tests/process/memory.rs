//! What callers take up never ends the process: it lives on within a fixed address space, whatever they
//! hold, signs meanwhile, and gives back what they have left.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use signer_test_support::{K1, Server, Workplace, pause, shipped, sign_request};

const MIB: u64 = 1024 * 1024;
/// What callers may take up.
const BUDGET: u64 = 32 * MIB;
/// How much more than it has when it is quiet the process may map at all: the budget, as much again for
/// what the allocator does not hand out at once, and the stacks of threads that come later.
const ROOM: u64 = 3 * BUDGET;
/// Within this time after a crowd has left, the process is no larger than half as much again as before.
const GIVEN_BACK: Duration = Duration::from_secs(10);

fn start(place: &Workplace) -> Server {
    let budget = BUDGET.to_string();
    let server = Server::start(&shipped!(), place, &["--memory-budget", &budget]);
    server.generate("k1");
    let mapped = status(&server, "VmSize:");
    let limit = Rlimit {
        current: Some(mapped + ROOM),
        ..getrlimit(Resource::As)
    };
    let _before = prlimit(Some(server.pid()), Resource::As, limit).unwrap();
    server
}

/// A number of bytes that the kernel knows of the process.
fn status(server: &Server, name: &str) -> u64 {
    let pid = server.pid().as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes: u64 = line
        .unwrap()
        .trim()
        .strip_suffix(" kB")
        .unwrap()
        .parse()
        .unwrap();
    kibibytes * 1024
}

/// A connection over which as much of this was sent as the other side takes.
fn hold(server: &Server, bytes: &[u8]) -> UnixStream {
    let stream = UnixStream::connect(server.socket()).unwrap();
    let soon = Some(Duration::from_millis(100));
    stream.set_write_timeout(soon).unwrap();
    drop((&stream).write_all(bytes));
    stream
}

fn half_head() -> Vec<u8> {
    let head = "GET /v1/keys HTTP/1.1\r\nHost: s\r\nX-Filler: ";
    format!("{head}{}", "x".repeat(110 * 1024)).into_bytes()
}

fn half_batch() -> Vec<u8> {
    let head = "POST /v1/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n";
    let body = format!(r#"{{"items":[{{"reference":"{}"#, "a".repeat(500 * 1024));
    format!("{head}Content-Length: 524000\r\n\r\n{body}").into_bytes()
}

/// A batch of as many items as there may be, whose answer nobody reads.
fn whole_batch() -> Vec<u8> {
    let digest = sign_request(&[7; 64]);
    let item = digest.replacen('{', r#"{"scope":"platform","#, 1);
    let body = format!(r#"{{"items":[{}]}}"#, vec![item.as_str(); 1024].join(","));
    let head = "POST /v1/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn batches() -> Vec<u8> {
    whole_batch().repeat(20)
}

/// Far more than the kernel takes of requests and answers.
fn signs() -> Vec<u8> {
    let body = sign_request(&[7; 64]);
    let head = format!("POST {K1}/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n");
    let sign = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    sign.repeat(20_000).into_bytes()
}

#[test]
fn the_process_lives_and_signs_whatever_callers_hold() {
    type Load = (&'static str, fn() -> Vec<u8>, usize);
    let loads: [Load; 6] = [
        ("silent connections", Vec::new, 2000),
        ("half heads", half_head, 800),
        ("half batches", half_batch, 300),
        ("batches that are not read", whole_batch, 60),
        ("batches without end that are not read", batches, 30),
        ("signs without end that are not read", signs, 30),
    ];
    let place = Workplace::with_seed();
    let mut server = start(&place);
    let quiet = status(&server, "VmRSS:");
    let sign = sign_request(&[1; 64]);
    for (name, load, crowd) in loads {
        let bytes = load();
        let connections: Vec<_> = (0..crowd)
            .map(|number| {
                if number % 100 == 99 {
                    let signed = server
                        .connect()
                        .ask("POST", &format!("{K1}/sign"), Some(&sign));
                    assert_eq!(signed.unwrap().status, 200, "{name}");
                }
                hold(&server, &bytes)
            })
            .collect();
        assert!(server.ended().is_none(), "{name}: {:?}", server.ended());
        let resident = status(&server, "VmRSS:");
        assert!(resident < quiet + 2 * BUDGET, "{name}: {resident}");
        drop(connections);
        let left = Instant::now();
        while status(&server, "VmRSS:") * 2 > quiet * 3 {
            let waited = left.elapsed();
            assert!(waited < GIVEN_BACK, "{name}: {}", status(&server, "VmRSS:"));
            pause(Duration::from_millis(100));
        }
    }
    server.post(&format!("{K1}/sign"), &sign).expect_status(200);
    assert!(server.terminate().success());
}
