//! An answer that an actor gives when it knows it.

use std::cell::RefCell;
use std::rc::Rc;

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, Message};

/// An answer that the actor owes. Whoever gives it up lets the asker ask anew.
#[derive(Debug)]
pub(super) struct Promise<T>(Rc<RefCell<Slot<T>>>);

/// What a handler returns that will answer later, or has answered already.
#[derive(Debug)]
pub struct Later<T>(Rc<RefCell<Slot<T>>>);

#[derive(Debug)]
enum Slot<T> {
    /// Neither is there.
    Empty,
    Asker(OneshotSender<T>),
    Answer(T),
    /// Nobody waits.
    Over,
}

pub(super) fn promise<T>() -> (Promise<T>, Later<T>) {
    let slot = Rc::new(RefCell::new(Slot::Empty));
    (Promise(Rc::clone(&slot)), Later(slot))
}

impl<T> Promise<T> {
    /// Answers.
    pub(super) fn keep(self, answer: T) {
        let former = self.0.replace(Slot::Over);
        match former {
            Slot::Empty => drop(self.0.replace(Slot::Answer(answer))),
            // Who no longer listens needs no answer.
            Slot::Asker(asker) => drop(asker.send(answer)),
            Slot::Answer(_) | Slot::Over => {}
        }
    }

    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match &*self.0.borrow() {
            Slot::Asker(asker) => asker.is_closed(),
            Slot::Empty | Slot::Answer(_) => false,
            Slot::Over => true,
        }
    }

    /// Answers by what the work comes to, unless the asker goes away first: then the work is dropped. To
    /// be called from a task, which begins when the handler has returned.
    pub(super) async fn keep_by(self, work: impl Future<Output = T>) {
        let Slot::Asker(mut asker) = self.0.replace(Slot::Over) else {
            return;
        };
        tokio::select! {
            biased;
            answer = work => drop(asker.send(answer)),
            () = asker.closed() => {}
        }
    }
}

impl<A, M> MessageResponse<A, M> for Later<M::Result>
where
    A: Actor,
    M: Message,
{
    fn handle(self, _ctx: &mut A::Context, asker: Option<OneshotSender<M::Result>>) {
        let former = self.0.replace(Slot::Over);
        match (former, asker) {
            (Slot::Empty, Some(asker)) => drop(self.0.replace(Slot::Asker(asker))),
            (Slot::Answer(answer), Some(asker)) => drop(asker.send(answer)),
            (_, _) => {}
        }
    }
}
