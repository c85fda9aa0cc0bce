//! What goes wrong between a client and a service.

use std::fmt;
use std::time::Duration;

use crate::message::{Answer, Request};

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This is answered, and the service never learns of the request.
    Answer(Answer),
    /// The service answers, and the answer comes this much later.
    Slow(Duration),
    /// The connection ends before the service learns of the request.
    Cut,
    /// The service does what it is asked, and the connection ends before its answer.
    LoseAnswer,
    /// The connection ends without an answer, and the service does what it is asked this much later.
    Late(Duration),
    /// The service does not learn of the request, and nothing is ever answered.
    Hang,
    /// The service answers, and its answer is changed on the way.
    Change(fn(Answer) -> Answer),
    /// This is answered, and behind it so many more bytes than anybody should read.
    Endless(Answer),
    /// This is answered, and its connection ends before the body is whole.
    Truncated(Answer),
}

/// Which requests a fault is for.
type Matcher = Box<dyn Fn(&Request) -> bool + Send>;

/// A fault, and how many times it still happens.
pub(crate) struct Rule {
    pub(crate) matches: Matcher,
    pub(crate) fault: Fault,
    pub(crate) times: usize,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("fault", &self.fault)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// The fault for this request, from the first rule that is for it and not spent.
pub(crate) fn due(rules: &mut [Rule], request: &Request) -> Option<Fault> {
    let rule = rules
        .iter_mut()
        .find(|rule| rule.times > 0 && (rule.matches)(request))?;
    rule.times -= 1;
    Some(rule.fault.clone())
}
