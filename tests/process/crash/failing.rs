//! One change, and a failure at each of its steps.

use std::time::{Duration, Instant};

use signer_test_support::{Server, pause};

use super::inspection::inspect;
use super::trial::{AFTERMATH, Answer, Place, Trial, acknowledged};

/// How often a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasts {
    Once,
    Forever,
}

impl Trial<'_> {
    /// Lets the first step fail, the second, and so on, until nothing is left that could: once, when
    /// the change is asked for until it is done, or for ever.
    pub(crate) fn fail_at_every_step(&mut self, lasts: Lasts) {
        let first = self.first_step_after_the_start();
        for step in first.. {
            let place = Place::copy_of(&self.beginning);
            let plus = if lasts == Lasts::Forever { "+" } else { "" };
            let mut server = place.spawn(&format!("any:{step}{plus}=fail"));
            let mut answer = Answer::Cut;
            if server.ready_or_ended().is_none() {
                answer = match lasts {
                    Lasts::Once => self.ask_until_it_is_done(&server),
                    Lasts::Forever => self.ask_in_vain(&server),
                };
                pause(AFTERMATH);
                let has_struck = server.has_logged(|line| line.starts_with("crash point "));
                if has_struck && lasts == Lasts::Once {
                    let state = inspect(&mut server.connect());
                    assert_eq!(
                        state, self.scenario.new,
                        "{}, step {step}",
                        self.scenario.name
                    );
                }
            }
            server.kill();
            let has_struck = self.note_points(&mut server);
            self.recover(&place, &answer, step);
            if !has_struck {
                return;
            }
        }
    }

    /// Dies before and after what a failed write left in the record is cut away.
    pub(crate) fn kill_while_cutting(&mut self) {
        for moment in ["before", "after"] {
            let place = Place::copy_of(&self.beginning);
            let armed = "audit_file.append.after:1=fail,audit_file.truncate";
            let mut server = place.spawn(&format!("{armed}.{moment}:1"));
            assert_eq!(server.ready_or_ended(), None);
            // It is refused, or cut off: nothing is released without its record.
            if let Ok(answer) = self.scenario.act.ask(&mut server.connect()) {
                assert_eq!(answer.problem_code(), "audit_unavailable");
            }
            self.note_death(&mut server);
            self.recover(&place, &Answer::Cut, 0);
        }
    }

    /// One fault is overcome within ten seconds.
    fn ask_until_it_is_done(&self, server: &Server) -> Answer {
        let asked = Instant::now();
        let mut connection = server.connect();
        let answer = loop {
            let answer = self.scenario.act.ask(&mut connection).unwrap();
            if answer.status < 500 {
                break answer;
            }
            assert!(asked.elapsed() < Duration::from_secs(10), "{answer:?}");
            pause(Duration::from_millis(20));
        };
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        acknowledged(&answer)
    }

    fn ask_in_vain(&self, server: &Server) -> Answer {
        let answer = self.scenario.act.ask(&mut server.connect()).unwrap();
        match answer.status {
            200 | 201 => acknowledged(&answer),
            500.. => Answer::Cut,
            _ => panic!("{answer:?}"),
        }
    }
}
