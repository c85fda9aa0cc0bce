//! One change, and a death at each of its steps.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use signer_test_support::{Program, Response, Server, Workplace, pause, setting, under_test};

use super::inspection::{Held, inspect, inspect_registry, remains};
use super::scenario::{Scenario, State};

/// So many steps at most are taken by a start in the background, before or after it says that it is ready.
const IN_THE_BACKGROUND: usize = 8;
/// What a custodian does after its answer, such as telling a provider, begins within this time.
pub(crate) const AFTERMATH: Duration = Duration::from_millis(250);

/// A change that is tried again and again, each time from the same beginning.
pub(crate) struct Trial<'s> {
    pub(crate) scenario: &'s Scenario,
    pub(crate) beginning: Workplace,
    /// The points at which a custodian died.
    pub(crate) points: BTreeSet<String>,
    pub(crate) deaths: usize,
    /// What deaths left behind; what was seen before recovers as it did before.
    seen: BTreeSet<String>,
}

/// How a change ended that was asked of a custodian that was to die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With the id of the request.
    Acknowledged(String),
    Cut,
}

pub(crate) fn acknowledged(answer: &Response) -> Answer {
    let request_id = answer.header("x-request-id").unwrap();
    Answer::Acknowledged(request_id.to_owned())
}

/// A place with its own copy of everything.
pub(crate) struct Place(Workplace);

impl Place {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    fn memory(&self) -> PathBuf {
        self.0.file("keys.txt")
    }

    fn program(&self) -> Program {
        let memory = self.memory().display().to_string();
        under_test!().with_variable("SIGNER_UNDER_TEST_KEYS", &memory)
    }

    /// Starts a custodian that dies where `armed` says.
    pub(crate) fn spawn(&self, armed: &str) -> Server {
        let program = self
            .program()
            .with_variable("SIGNER_UNDER_TEST_CRASH", armed);
        let flags = self.0.software_flags();
        Server::spawn(&program, &self.0, flags)
    }

    /// Starts a custodian that does not die.
    pub(crate) fn start(&self) -> Server {
        Server::start(&self.program(), &self.0, &[])
    }

    /// Makes sure that the record of requests is whole, and tells of what was acknowledged.
    pub(crate) fn verify_record(&self, answer: &Answer) {
        let names = ["audit.jsonl.1", "audit.jsonl"];
        let files: Vec<_> = names.map(|name| self.0.file(name)).into();
        let files: Vec<_> = files.iter().filter(|file| file.exists()).collect();
        let verify = [OsStr::new("audit"), OsStr::new("verify")].into_iter();
        let line = verify.chain(files.iter().map(|file| file.as_os_str()));
        self.program().run(self.0.path(), line).expect_status(0);
        if let Answer::Acknowledged(request_id) = answer {
            let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
            let lines: String = texts.collect();
            let of_request = lines
                .lines()
                .filter(|line| line.contains(request_id.as_str()));
            assert_eq!(of_request.count(), 1, "the entry of {request_id}");
        }
    }

    /// A place of what there is.
    pub(crate) const fn at(workplace: Workplace) -> Self {
        Self(workplace)
    }

    pub(crate) fn copy_of(other: &Workplace) -> Self {
        let copy = Workplace::empty();
        // A killed custodian leaves its socket, which is nothing to copy.
        let files = other.names().into_iter();
        for name in files.filter(|name| other.file(name).is_file()) {
            fs::copy(other.file(&name), copy.file(&name)).unwrap();
        }
        Self(copy)
    }
}

impl<'s> Trial<'s> {
    pub(crate) fn new(scenario: &'s Scenario) -> Self {
        let beginning = Place(Workplace::with_seed());
        let mut server = beginning.start();
        let mut connection = server.connect();
        for act in scenario.before {
            let answer = act.ask(&mut connection).unwrap();
            assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        }
        assert_eq!(inspect(&mut connection), scenario.old, "{}", scenario.name);
        drop(connection);
        assert!(server.terminate().success());
        Self {
            scenario,
            beginning: beginning.0,
            points: BTreeSet::new(),
            deaths: 0,
            seen: BTreeSet::new(),
        }
    }

    /// Kills at the first step, the second, and so on, until a custodian has nothing left to do.
    pub(crate) fn kill_at_every_step(&mut self) {
        let first = self.first_step_after_the_start();
        for step in first.saturating_sub(IN_THE_BACKGROUND).max(1).. {
            let place = Place::copy_of(&self.beginning);
            let mut server = place.spawn(&format!("any:{step}"));
            if server.ready_or_ended().is_some() {
                // What a start does in the background comes sooner or later than being ready.
                self.note_death(&mut server);
                self.recover(&place, &Answer::Cut, step);
                continue;
            }
            let answer = self.act(&mut server);
            let died = self.wait_for_death(&mut server);
            if !died {
                assert_ne!(answer, Answer::Cut, "{}", self.scenario.name);
                drop(server);
                self.recover(&place, &answer, step);
                return;
            }
            let left = remains(&place.0.registry(), &place.memory());
            // In a long run each death is followed by others, also where it left what another one left.
            if self.seen.insert(left) || setting("SIGNER_TEST_THOROUGH", false) {
                self.die_at_every_step_of_the_recovery(&place, &answer, step);
                self.die_again_and_again(&place);
            }
            self.recover(&place, &answer, step);
        }
    }

    /// Kills at each step of a start, all in one place: a start changes nothing when there is nothing
    /// to repair.
    pub(crate) fn first_step_after_the_start(&mut self) -> usize {
        let place = Place::copy_of(&self.beginning);
        for step in 1.. {
            let mut server = place.spawn(&format!("any:{step}"));
            if server.ready_or_ended().is_none() {
                server.kill();
                let mut server = place.start();
                assert_eq!(inspect(&mut server.connect()), self.scenario.old);
                server.kill();
                return step;
            }
            self.note_death(&mut server);
        }
        panic!("out of steps")
    }

    fn act(&self, server: &mut Server) -> Answer {
        let Ok(answer) = self.scenario.act.ask(&mut server.connect()) else {
            return Answer::Cut;
        };
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        acknowledged(&answer)
    }

    fn wait_for_death(&mut self, server: &mut Server) -> bool {
        let pieces = 25;
        for _ in 0..pieces {
            if server.ended().is_some() {
                self.note_death(server);
                return true;
            }
            pause(AFTERMATH / pieces);
        }
        false
    }

    pub(crate) fn note_death(&mut self, server: &mut Server) {
        let status = server.wait();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
        assert!(self.note_points(server), "it died somewhere else");
        self.deaths += 1;
    }

    /// Notes the points that struck in a custodian that has ended; whether there was one.
    pub(crate) fn note_points(&mut self, server: &mut Server) -> bool {
        let log = server.take_log();
        let lines = log.lines();
        let struck = lines.filter_map(|line| line.strip_prefix("crash point "));
        let struck: Vec<_> = struck.map(str::to_owned).collect();
        let is_any = !struck.is_empty();
        self.points.extend(struck);
        is_any
    }

    /// Dies once more, at each step of the recovery, each time from what the first death left.
    fn die_at_every_step_of_the_recovery(&mut self, left: &Place, answer: &Answer, step: usize) {
        for second in 1.. {
            let place = Place::copy_of(&left.0);
            if !self.die_while_recovering(&place, second) {
                return;
            }
            self.recover(&place, answer, step);
        }
    }

    /// Dies at the first step of the recovery, then at the second of what is left of it, and so on.
    fn die_again_and_again(&mut self, place: &Place) {
        let mut steps = 1..;
        while steps
            .next()
            .is_some_and(|step| self.die_while_recovering(place, step))
        {}
    }

    /// Whether the recovery had such a step to die at.
    fn die_while_recovering(&mut self, place: &Place, step: usize) -> bool {
        let mut server = place.spawn(&format!("any:{step}"));
        if server.ready_or_ended().is_some() {
            self.note_death(&mut server);
            return true;
        }
        let died = self.wait_for_death(&mut server);
        server.kill();
        died
    }

    /// Starts a custodian that lives, and looks at everything: before the change is asked for again,
    /// and after.
    pub(crate) fn recover(&self, place: &Place, answer: &Answer, step: usize) {
        let Scenario {
            name,
            act,
            old,
            new,
            ..
        } = self.scenario;
        let mut server = place.start();
        let mut connection = server.connect();
        let context = format!("{name}, step {step}, {answer:?}");
        let state = inspect(&mut connection);
        match answer {
            Answer::Acknowledged(_) => assert_eq!(state, *new, "{context}"),
            Answer::Cut => assert!(state == *old || state == *new, "{context}: {state:?}"),
        }
        inspect_registry(&place.0.registry(), &state);
        compare_with_provider(place, &state, &context);
        let again = act.ask(&mut connection).unwrap();
        assert!(matches!(again.status, 200 | 201), "{context}: {again:?}");
        let state = inspect(&mut connection);
        assert_eq!(state, *new, "{context}");
        inspect_registry(&place.0.registry(), &state);
        compare_with_provider(place, &state, &context);
        drop(connection);
        server.kill();
        place.verify_record(answer);
    }
}

/// Waits until the provider holds what is shown and nothing else.
fn compare_with_provider(place: &Place, state: &State, context: &str) {
    for _ in 0..100 {
        if Held::read(&place.memory()).agrees_with(state) {
            return;
        }
        pause(Duration::from_millis(50));
    }
    let held = Held::read(&place.memory());
    panic!("{context}: the provider holds {held:?}, and there is {state:?}");
}
