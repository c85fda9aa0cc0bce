//! A user namespace that leaves ids unmapped: the kernel shows all of those as 65534.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Child, Command, Stdio};

use signer_test_support::{Program, eventually};

use super::{place_of, served_or_refused};

/// The user outside that is user 0 inside; 65,536 of them are mapped.
const OUTSIDE: u32 = 100_000;
const OVERFLOW: u32 = 65_534;
/// A user and a group that have no id inside.
const UNMAPPED: u32 = 4_242;

/// A namespace that lives as long as this value.
struct Namespace(Child);

impl Namespace {
    fn new() -> Self {
        let holder = Command::new("unshare")
            .args(["--user", "sleep", "600"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mine = fs::read_link("/proc/self/ns/user").unwrap();
        let its = format!("/proc/{}", holder.id());
        eventually("a namespace of its own", || {
            let other = fs::read_link(format!("{its}/ns/user")).ok()?;
            (other != mine).then_some(())
        });
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("{its}/{map}"), format!("0 {OUTSIDE} 65536\n")).unwrap();
        }
        Self(holder)
    }

    /// The program, inside and as this user and group of the namespace.
    fn run_in(&self, program: &Program, user: u32, group: u32) -> Program {
        let target = format!("--target={}", self.0.id());
        let (user, group) = (format!("--setuid={user}"), format!("--setgid={group}"));
        program
            .clone()
            .behind(&["nsenter", &target, "--user", &user, &group])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn everyone_may_connect(mut flags: Vec<String>) -> Vec<String> {
    flags.extend(["--socket-mode", "0666"].map(str::to_owned));
    flags
}

#[test]
fn a_custodian_that_strangers_would_be_taken_for_does_not_start() {
    let namespace = Namespace::new();
    let (place, program) = place_of(OUTSIDE + OVERFLOW);
    let program = namespace.run_in(&program, OVERFLOW, OVERFLOW);
    let flags = everyone_may_connect(place.software_flags());
    let (status, sentence) = served_or_refused(&program, &place, &flags).unwrap_err();
    assert_eq!(status, 2, "{sentence}");
    for word in ["65534", "namespace", "run it as another user"] {
        assert!(sentence.contains(word), "{sentence}");
    }
    assert_eq!(place.names(), ["program", "seed.bin"]);
}

#[test]
fn a_custodian_of_another_user_serves_there_and_lets_no_stranger_in() {
    let namespace = Namespace::new();
    let (place, program) = place_of(OUTSIDE + 1000);
    let program = namespace.run_in(&program, 1000, 1000);
    let flags = everyone_may_connect(place.software_flags());
    let server = served_or_refused(&program, &place, &flags).unwrap();
    for (user, status) in [
        (OUTSIDE + 1000, 200),
        (OUTSIDE, 200),
        (UNMAPPED, 403),
        (OUTSIDE + OVERFLOW, 403),
        (0, 403),
    ] {
        let answer = server.ask_as(user, "GET", "/v1/keys", None);
        assert_eq!(answer.status, status, "{user}");
    }
}

#[test]
fn an_unmapped_group_is_not_taken_for_the_custodians_own() {
    let namespace = Namespace::new();
    let (place, program) = place_of(OUTSIDE + 1000);
    let usual = namespace.run_in(&program, 1000, 1000);
    let flags = place.software_flags();
    let mut server = served_or_refused(&usual, &place, &flags).unwrap();
    assert!(server.terminate().success());
    let registry = place.registry();
    chown(&registry, None, Some(UNMAPPED)).unwrap();
    fs::set_permissions(&registry, Permissions::from_mode(0o660)).unwrap();
    // Both groups are shown as 65534, and they are not one.
    let overflow = namespace.run_in(&program, 1000, OVERFLOW);
    let (status, sentence) = served_or_refused(&overflow, &place, &flags).unwrap_err();
    assert_eq!(status, 2, "{sentence}");
    assert!(sentence.contains("other users can write"), "{sentence}");
}
