//! Whether a concurrent history could have happened one call after the other.
//!
//! The search of Wing and Gong: of the calls that may come next, take one, and see whether the rest
//! fits; what was tried once is remembered (Lowe, "Testing for linearizability"). A call may take
//! effect in more than one step, because some calls here are two transactions on purpose.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

/// What one call may do, one step at a time.
pub(crate) trait Specification: Clone + Eq + Hash + fmt::Debug {
    type Operation: fmt::Debug;
    type Outcome: fmt::Debug;

    /// Every way in which a call that led to `outcome` may go on from here.
    fn steps(
        &self,
        operation: &Self::Operation,
        outcome: &Self::Outcome,
        progress: Progress,
    ) -> Vec<(Self, Progress)>;
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Progress {
    NotBegun,
    /// Its first step was its own.
    Begun,
    /// Its first step was to join what another call had begun.
    Joined,
    Done,
}

/// One call of one client.
#[derive(Debug, Clone)]
pub(crate) struct Call<O, R> {
    pub(crate) client: usize,
    pub(crate) operation: O,
    pub(crate) outcome: R,
    pub(crate) asked: u64,
    /// None when it is unknown whether and when the call took effect.
    pub(crate) answered: Option<u64>,
}

/// No order of the calls explains what they led to.
#[derive(Debug)]
pub(crate) struct NotLinearizable<S> {
    /// The most calls that could be put in an order, and the state they lead to.
    pub(crate) explained: Vec<usize>,
    pub(crate) state: S,
}

type History<S> = [Call<<S as Specification>::Operation, <S as Specification>::Outcome>];

/// Looks for an order of the calls that explains everything.
pub(crate) fn check<S: Specification>(
    initial: &S,
    history: &History<S>,
) -> Result<Vec<usize>, NotLinearizable<S>> {
    let mut search = Search {
        history,
        tried: HashSet::new(),
        order: Vec::new(),
        best: NotLinearizable {
            explained: Vec::new(),
            state: initial.clone(),
        },
    };
    let progress = vec![Progress::NotBegun; history.len()];
    if search.go_on(initial, &progress) {
        Ok(search.order)
    } else {
        Err(search.best)
    }
}

struct Search<'h, S: Specification> {
    history: &'h History<S>,
    tried: HashSet<(Vec<Progress>, S)>,
    /// The calls in the order in which they were done.
    order: Vec<usize>,
    best: NotLinearizable<S>,
}

impl<S: Specification> Search<'_, S> {
    fn go_on(&mut self, state: &S, progress: &[Progress]) -> bool {
        let is_open = |number: usize| progress[number] != Progress::Done;
        // Nobody asked after an answer can have come before the call that was answered.
        let horizon = (0..self.history.len())
            .filter(|&number| is_open(number))
            .filter_map(|number| self.history[number].answered)
            .min();
        let Some(horizon) = horizon else {
            return true;
        };
        if !self.tried.insert((progress.to_vec(), state.clone())) {
            return false;
        }
        if self.order.len() > self.best.explained.len() {
            self.best.explained.clone_from(&self.order);
            self.best.state = state.clone();
        }
        for (number, call) in self.history.iter().enumerate() {
            if !is_open(number) || call.asked > horizon {
                continue;
            }
            for (next, step) in state.steps(&call.operation, &call.outcome, progress[number]) {
                let mut progress = progress.to_vec();
                progress[number] = step;
                if step == Progress::Done {
                    self.order.push(number);
                }
                if self.go_on(&next, &progress) {
                    return true;
                }
                if step == Progress::Done {
                    self.order.pop();
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A register that holds a number.
    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct Register(u8);

    #[derive(Debug, Clone)]
    enum Act {
        Write(u8),
        Read,
    }

    impl Specification for Register {
        type Operation = Act;
        type Outcome = u8;

        fn steps(&self, act: &Act, read: &u8, _: Progress) -> Vec<(Self, Progress)> {
            match act {
                Act::Write(number) => vec![(Self(*number), Progress::Done)],
                Act::Read if *read == self.0 => vec![(self.clone(), Progress::Done)],
                Act::Read => Vec::new(),
            }
        }
    }

    fn call(act: Act, outcome: u8, asked: u64, answered: u64) -> Call<Act, u8> {
        Call {
            client: 0,
            operation: act,
            outcome,
            asked,
            answered: Some(answered),
        }
    }

    #[test]
    fn calls_that_overlap_may_take_effect_in_either_order() {
        let history = [
            call(Act::Write(1), 0, 0, 5),
            call(Act::Read, 0, 1, 2),
            call(Act::Read, 1, 3, 4),
        ];
        assert_eq!(check(&Register(0), &history).unwrap(), [1, 0, 2]);
    }

    #[test]
    fn an_effect_that_was_seen_does_not_go_away_again() {
        let history = [
            call(Act::Write(1), 0, 0, 5),
            call(Act::Read, 1, 1, 2),
            call(Act::Read, 0, 3, 4),
        ];
        let refusal = check(&Register(0), &history).unwrap_err();
        assert_eq!(refusal.explained, [0, 1]);
    }

    #[test]
    fn an_answer_ends_the_time_in_which_a_call_takes_effect() {
        let history = [call(Act::Write(1), 0, 0, 1), call(Act::Read, 0, 2, 3)];
        check(&Register(0), &history).unwrap_err();
    }

    #[test]
    fn a_call_without_an_answer_may_take_effect_at_any_time_or_never() {
        let lost = Call {
            answered: None,
            ..call(Act::Write(1), 0, 0, 0)
        };
        let seen_late = [
            lost.clone(),
            call(Act::Read, 0, 2, 3),
            call(Act::Read, 1, 4, 5),
        ];
        assert_eq!(check(&Register(0), &seen_late).unwrap(), [1, 0, 2]);
        let never_seen = [lost, call(Act::Read, 0, 2, 3)];
        assert_eq!(check(&Register(0), &never_seen).unwrap(), [1]);
    }
}
