//! Stopping without losing anything.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use signer_http::wire::{CheckStatus, ReadyzDocument, SignDocument};

use crate::support::{Client, Options, TestServer, handle, sign_body, sign_path};

/// What the clients of one kind saw.
#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    lost: AtomicUsize,
}

impl Tally {
    fn count(&self, outcome: &io::Result<u16>) {
        match outcome {
            Ok(200) => self.answered.fetch_add(1, Ordering::Relaxed),
            Ok(_) | Err(_) => self.lost.fetch_add(1, Ordering::Relaxed),
        };
    }
}

/// Signs over a fresh connection each time until the socket is gone.
fn fresh_client(path: PathBuf, tally: Arc<Tally>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        while let Ok(mut client) = Client::try_connect(&path) {
            let reply = client.try_post(&sign_path("yield"), &sign_body());
            tally.count(&reply.map(|reply| reply.status));
        }
    })
}

/// Signs over one connection until the server says that it will be closed.
fn keep_alive_client(path: PathBuf, tally: Arc<Tally>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        while let Ok(mut client) = Client::try_connect(&path) {
            loop {
                let reply = client.try_post(&sign_path("yield"), &sign_body());
                let is_last = reply
                    .as_ref()
                    .map_or(true, |reply| reply.header("connection") == Some("close"));
                tally.count(&reply.map(|reply| reply.status));
                if is_last {
                    break;
                }
            }
        }
    })
}

#[test]
fn no_request_is_lost_when_the_server_stops_under_load() {
    for round in 0..6 {
        let mut server = TestServer::start();
        let (fresh, kept) = (Arc::new(Tally::default()), Arc::new(Tally::default()));
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(fresh_client(server.path.clone(), Arc::clone(&fresh)));
            clients.push(keep_alive_client(server.path.clone(), Arc::clone(&kept)));
        }
        std::thread::park_timeout(Duration::from_millis(200));
        server.stop();
        for client in clients {
            client.join().unwrap();
        }
        let asked = server.custody.signs.load(Ordering::Relaxed);
        let path = server.path.clone();
        let dir = server.join();
        assert!(dir.path().exists() && !path.exists());
        let mut answered = 0;
        for (kind, tally) in [("fresh", fresh), ("kept", kept)] {
            let done = tally.answered.load(Ordering::Relaxed);
            assert!(done > 0, "{kind}");
            assert_eq!(
                tally.lost.load(Ordering::Relaxed),
                0,
                "{kind}, round {round}"
            );
            answered += done;
        }
        assert_eq!(answered, asked);
    }
}

#[test]
fn what_was_accepted_gets_its_real_result() {
    let mut server = TestServer::start();
    let mut clients: Vec<_> = (0..16).map(|_| server.client()).collect();
    for client in &mut clients {
        send(client, "slow");
    }
    // The 17th request proves that the server has read the ones before.
    assert_eq!(server.client().get("/livez").status, 200);
    server.stop();
    for client in &mut clients {
        let reply = client.read("POST").unwrap();
        assert_eq!(reply.json::<SignDocument>().handle_id, handle("slow"));
    }
    server.join();
}

#[test]
fn while_it_drains_it_says_so_and_closes_every_connection() {
    let mut server = TestServer::start();
    let mut under_way = server.client();
    send(&mut under_way, "hang");
    let mut kept = server.client();
    assert_eq!(kept.get("/livez").header("connection"), None);
    let path = server.path.clone();
    server.stop();
    while path.exists() {
        std::thread::yield_now();
    }
    let reply = kept.get("/readyz");
    assert_eq!(
        (reply.status, reply.header("connection")),
        (503, Some("close"))
    );
    assert_eq!(
        reply.json::<ReadyzDocument>().checks.socket,
        CheckStatus::Draining
    );
    assert!(kept.is_closed());
    drop(under_way);
}

#[test]
fn what_is_unanswered_after_the_drain_timeout_is_refused_with_draining() {
    let mut server = TestServer::start_with(Options {
        drain_timeout: Duration::from_millis(700),
        ..Options::default()
    });
    let mut hanging = server.client();
    send(&mut hanging, "hang");
    let mut trickling = server.client();
    let target = sign_path("k1");
    trickling.write(
        format!("POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n").as_bytes(),
    );
    assert_eq!(server.client().get("/livez").status, 200);
    let started = Instant::now();
    server.stop();
    for client in [&mut hanging, &mut trickling] {
        let reply = client.read("POST").unwrap();
        let problem = reply.problem();
        assert_eq!(problem.code.as_str(), "draining");
        assert_eq!(problem.detail, "signing: draining");
        assert_eq!(reply.header("connection"), Some("close"));
    }
    assert!(started.elapsed() >= Duration::from_millis(700));
    server.join();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_idle_server_stops_at_once() {
    let server = TestServer::start();
    let _idle = server.client();
    let started = Instant::now();
    server.join();
    assert!(started.elapsed() < Duration::from_secs(3));
}

fn send(client: &mut Client, name: &str) {
    let body = sign_body();
    let target = sign_path(name);
    client.write(
        format!(
            "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
}
