//! Deaths and failures while the record of requests is signed, and while its file is left for another.

use std::fs;

use rustix::process::Signal;
use signer_test_support::{Connection, Server, Workplace, eventually, sign_request, under_test};

use super::scenario::path;
use super::trial::{Answer, Place, Trial, acknowledged};

const LOG: &str = "audit.jsonl";
const MOVED: &str = "audit.jsonl.1";

impl Trial<'_> {
    /// Dies before and after each step in which a first start makes its checkpoint key and signs with it
    /// that the log is empty. Only where nothing was there before the change.
    pub(crate) fn kill_while_making_the_key(&mut self) {
        if !self.scenario.before.is_empty() {
            return;
        }
        let untouched = Workplace::with_seed();
        for hit in 1.. {
            for moment in ["before", "after"] {
                let place = Place::copy_of(&untouched);
                let mut server = place.spawn(&format!("audit_file.make_key.{moment}:{hit}"));
                if server.ready_or_ended().is_none() {
                    server.kill();
                    assert!(hit > 1, "no step of the first start makes a key");
                    return;
                }
                self.note_death(&mut server);
                self.recover(&place, &Answer::Cut, 0);
            }
        }
    }

    /// Dies before and after each step of an orderly end: of its checkpoint, which first cuts what a
    /// death may have left of one and is then written in two halves, and of the note that it was one.
    pub(crate) fn kill_at_the_end(&mut self) {
        for armed in [
            "audit_file.sign_checkpoint.before:1",
            "audit_file.sign_checkpoint.after:1",
            "audit_file.sign_checkpoint.before:2",
            "audit_file.sign_checkpoint.after:2",
            "audit_file.sign_checkpoint.before:3",
            "audit_file.sign_checkpoint.after:3",
            "audit_file.note_run.before:3",
            "audit_file.note_run.after:3",
        ] {
            let place = Place::copy_of(&self.beginning);
            let answer = self.die_at(&place, armed, |server| server.signal(Signal::TERM));
            self.recover(&place, &answer, 0);
        }
    }

    /// Dies before and after each step of a rotation of the record: of the checkpoint that closes the
    /// old file, of the one that begins the new one, and of the first note and entry of that. A
    /// checkpoint is written in two halves; the first of a run also cuts what a death left of one.
    pub(crate) fn kill_while_rotating_the_record(&mut self) {
        for (call, hits) in [
            ("sign_checkpoint", 1..=5),
            ("open", 2..=2),
            ("note_run", 3..=5),
        ] {
            for hit in hits {
                for moment in ["before", "after"] {
                    let place = Place::copy_of(&self.beginning);
                    let log = place.file(LOG);
                    let moved = place.file(MOVED);
                    let armed = format!("audit_file.{call}.{moment}:{hit}");
                    let answer = self.die_at(&place, &armed, |server| {
                        fs::rename(&log, &moved).unwrap();
                        server.signal(Signal::HUP);
                        rotate_until_it_is_dead(server);
                    });
                    // Until all of the old file is signed, and noted as such, nobody can tell whether it
                    // holds more.
                    let is_known = match call {
                        "sign_checkpoint" => hit > 3,
                        "note_run" => hit > 3 || moment == "after",
                        _ => true,
                    };
                    assert_eq!(is_refused(&place), !is_known, "{armed}");
                    if !is_known {
                        assert!(!log.exists(), "{armed}");
                        fs::rename(&moved, &log).unwrap();
                    }
                    self.recover(&place, &answer, 0);
                }
            }
        }
    }

    /// Has the change acknowledged, and then lets the custodian die by what `end` does.
    fn die_at(&mut self, place: &Place, armed: &str, end: impl FnOnce(&mut Server)) -> Answer {
        let mut server = place.spawn(armed);
        assert_eq!(server.ready_or_ended(), None, "{armed}");
        let answer = self.scenario.act.ask(&mut server.connect()).unwrap();
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        end(&mut server);
        self.note_death(&mut server);
        acknowledged(&answer)
    }
}

/// Asks for entries and for other files, until the custodian has come to its point.
fn rotate_until_it_is_dead(server: &mut Server) {
    eventually("the death of the custodian", || {
        if let Ok(mut connection) = Connection::open(server.socket()) {
            connection.ask("GET", "/v1/keys", None).ok();
        }
        if server.ended().is_some() {
            return Some(());
        }
        server.signal(Signal::HUP);
        None
    });
}

fn is_refused(place: &Place) -> bool {
    let mut server = place.spawn("registry.check.before:1000000");
    let ended = server.ready_or_ended();
    server.kill();
    let Some(status) = ended else {
        return false;
    };
    let said = server.take_log();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("audit accept-cut"), "{said}");
    true
}

#[test]
fn an_end_that_could_not_be_signed_is_no_orderly_one() {
    let place = Workplace::with_seed();
    let program = under_test!().with_variable(
        "SIGNER_UNDER_TEST_CRASH",
        "audit_file.sign_checkpoint.before:1+=fail",
    );
    let mut server = Server::start(&program, &place, &[]);
    server.generate("k1");
    let sign = format!("{}/sign", path("k1"));
    server
        .post(&sign, &sign_request(&[1; 64]))
        .expect_status(200);
    assert!(server.terminate().success());
    fs::rename(place.file(LOG), place.file(MOVED)).unwrap();
    let program = under_test!();
    let flags = place.software_flags();
    let mut refused = Server::spawn(&program, &place, flags);
    let status = refused.ready_or_ended().map(|status| status.code());
    assert_eq!(status, Some(Some(2)));
    fs::rename(place.file(MOVED), place.file(LOG)).unwrap();
    let mut server = Server::start(&program, &place, &[]);
    assert!(server.terminate().success());
    fs::rename(place.file(LOG), place.file(MOVED)).unwrap();
    Server::start(&program, &place, &[]);
}
