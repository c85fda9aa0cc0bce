//! Threads with a session each, and the queue of messages that they share.
//!
//! A call into a module cannot be cancelled. A thread that is inside for longer than is reasonable
//! is *left*: another takes its place, and should it come back after all, it ends. Those who
//! wait for an answer wait until their deadline in any case. How many threads may be left is limited;
//! beyond that nothing takes their place, until one of them comes back.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;

use super::error::unavailable;
use super::session_thread::{Message, SessionThread};
use super::stopwatch::Stopwatch;
use super::token::Token;

/// How many threads may be left in calls that do not return.
const MOST_LEFT: usize = 16;
/// How many calls may wait for a session.
const LONGEST_QUEUE: usize = 4096;

/// What a pool is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    /// The name of its threads.
    pub(super) name: &'static str,
    /// How many threads it has.
    pub(super) size: usize,
    /// How long a thread may be inside the module without a break before it is left.
    pub(super) patience: Duration,
}

/// Threads with a session each. Dropping it lets them finish what they are at and end.
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    purpose: Purpose,
    token: Arc<Token>,
    state: Mutex<State>,
    arrival: Condvar,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Box<dyn Envelope>>,
    /// Which thread is at work.
    busy: HashMap<u64, Busy>,
    /// Threads that take work.
    serving: usize,
    /// Threads that were left.
    left: usize,
    next_thread: u64,
    /// Every thread that may still be there.
    threads: Vec<JoinHandle<()>>,
    is_closing: bool,
}

/// A message of whichever kind, on its way to the thread that is idle next.
trait Envelope: Send {
    fn context(&self) -> &'static str;

    /// Has the message carried out, and sends the answer.
    fn open(self: Box<Self>, session: &mut SessionThread);
}

struct Addressed<M: Message> {
    message: M,
    deadline: Deadline,
    /// Whether a thread has taken the message up.
    begun: Arc<AtomicBool>,
    reply: oneshot::Sender<Result<M::Answer, KeyProviderError>>,
}

impl<M: Message> Envelope for Addressed<M> {
    fn context(&self) -> &'static str {
        M::DOING
    }

    fn open(self: Box<Self>, session: &mut SessionThread) {
        // Nobody waits any more: the key is not touched.
        if self.deadline.is_past() || self.reply.is_closed() {
            return;
        }
        self.begun.store(true, Ordering::SeqCst);
        session.deadline = self.deadline;
        let answer = self.message.carry_out(session);
        // Whoever asked may have gone in the meantime.
        drop(self.reply.send(answer));
    }
}

/// What a thread is at, and how long it has been inside the module.
struct Busy {
    context: &'static str,
    stopwatch: Arc<Stopwatch>,
}

impl Pool {
    pub(super) fn new(purpose: Purpose, token: Arc<Token>) -> Self {
        Self(Arc::new(Shared {
            purpose,
            token,
            state: Mutex::default(),
            arrival: Condvar::new(),
            ended: Condvar::new(),
        }))
    }

    /// Sends a message to one of the threads, and waits for the answer until the deadline.
    ///
    /// # Errors
    /// Those of the message; "unavailable" when there is no answer in time.
    pub(super) async fn call<M: Message>(
        &self,
        message: M,
        deadline: Deadline,
    ) -> Result<M::Answer, KeyProviderError> {
        if deadline.is_past() {
            return Err(unavailable(M::DOING, false));
        }
        let (reply, mut answer) = oneshot::channel();
        let begun = Arc::new(AtomicBool::new(false));
        let addressed = Addressed {
            message,
            deadline,
            begun: Arc::clone(&begun),
            reply,
        };
        if !self.0.submit(Box::new(addressed)) {
            return Err(unavailable(M::DOING, false));
        }
        let unanswered = || Err(unavailable(M::DOING, begun.load(Ordering::SeqCst)));
        loop {
            let patience = self.0.purpose.patience.min(deadline.remaining());
            match tokio::time::timeout(patience, &mut answer).await {
                Ok(Ok(outcome)) => return outcome,
                Ok(Err(_dropped)) => return unanswered(),
                Err(_elapsed) => self.0.leave_the_overdue(),
            }
            if deadline.is_past() {
                return unanswered();
            }
        }
    }

    /// Lets the threads end and waits for them; tells whether all have ended in time.
    pub(super) fn close(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut state = self.0.begin_closing();
        let is_there = |state: &mut State| state.serving + state.left > 0;
        let waited = self.0.ended.wait_while_until(&mut state, is_there, until);
        if waited.timed_out() && is_there(&mut state) {
            return false;
        }
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        // What a module keeps for each thread is torn down as the thread ends, after the last that
        // it does here; the module must not be finalised under that.
        for thread in threads {
            drop(thread.join());
        }
        true
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop(self.0.begin_closing());
    }
}

impl Shared {
    /// Queues a message; tells whether there was room.
    fn submit(self: &Arc<Self>, envelope: Box<dyn Envelope>) -> bool {
        let mut state = self.state.lock();
        if state.is_closing || state.queue.len() >= LONGEST_QUEUE {
            return false;
        }
        self.fill(&mut state);
        state.queue.push_back(envelope);
        drop(state);
        self.arrival.notify_one();
        true
    }

    fn begin_closing(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        state.is_closing = true;
        state.queue.clear();
        self.arrival.notify_all();
        state
    }

    /// Starts threads until there are as many as there should be.
    fn fill(self: &Arc<Self>, state: &mut State) {
        while !state.is_closing && state.serving < self.purpose.size && state.left <= MOST_LEFT {
            let thread = state.next_thread;
            state.next_thread += 1;
            let shared = Arc::clone(self);
            let name = format!("{}-{thread}", self.purpose.name);
            let started = std::thread::Builder::new()
                .name(name)
                .spawn(move || shared.serve(thread));
            state.threads.retain(|thread| !thread.is_finished());
            match started {
                Ok(started) => state.threads.push(started),
                Err(cause) => {
                    tracing::error!(%cause, "thread for a session not started");
                    return;
                }
            }
            state.serving += 1;
        }
    }

    /// Leaves every thread that is inside the module for too long.
    fn leave_the_overdue(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let overdue: Vec<u64> = state
            .busy
            .iter()
            .filter(|(_, busy)| busy.stopwatch.elapsed() >= self.purpose.patience)
            .map(|(thread, _)| *thread)
            .collect();
        for thread in overdue {
            let Some(Busy { context, .. }) = state.busy.remove(&thread) else {
                continue;
            };
            state.serving -= 1;
            state.left += 1;
            self.token.module.note_hung(context);
            tracing::error!(
                threads = self.purpose.name,
                context,
                left = state.left,
                "call to the token does not return; its thread is left"
            );
        }
        self.fill(&mut state);
        let nobody_serves = state.serving == 0 && !state.is_closing;
        drop(state);
        if nobody_serves {
            self.token.note_helpless();
        }
    }

    /// The life of one thread.
    fn serve(self: Arc<Self>, thread: u64) {
        let stopwatch = Arc::default();
        let begin = || SessionThread::new(Arc::clone(&self.token), Arc::clone(&stopwatch));
        let mut session = begin();
        while let Some(envelope) = self.next(thread, &stopwatch) {
            let context = envelope.context();
            if catch_unwind(AssertUnwindSafe(|| envelope.open(&mut session))).is_err() {
                tracing::error!("session thread panicked; it goes on with a new session");
                session = begin();
            }
            if self.state.lock().busy.remove(&thread).is_none() {
                drop(session);
                self.come_back(context);
                return;
            }
        }
        drop(session);
        self.state.lock().serving -= 1;
        self.ended.notify_all();
    }

    fn next(&self, thread: u64, stopwatch: &Arc<Stopwatch>) -> Option<Box<dyn Envelope>> {
        let mut state = self.state.lock();
        loop {
            if state.is_closing {
                return None;
            }
            if let Some(envelope) = state.queue.pop_front() {
                stopwatch.start();
                let busy = Busy {
                    context: envelope.context(),
                    stopwatch: Arc::clone(stopwatch),
                };
                state.busy.insert(thread, busy);
                return Some(envelope);
            }
            self.arrival.wait(&mut state);
        }
    }

    /// Ends a thread that was left, now that its call has returned.
    fn come_back(self: &Arc<Self>, context: &'static str) {
        tracing::warn!(
            threads = self.purpose.name,
            context,
            "call to the token has returned after all"
        );
        self.token.module.note_returned(context);
        let mut state = self.state.lock();
        state.left -= 1;
        self.fill(&mut state);
        self.ended.notify_all();
    }
}
