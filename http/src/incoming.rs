//! A request on its way in.

use actix_http::{Payload, RequestHead};
use bytes::Bytes;

use crate::body;
use crate::demands::Body;
use crate::meter::Holding;
use crate::patience::{Impatience, Patience};
use crate::refusal::Refusal;
use crate::routes::Call;
use crate::visit::Visit;

/// The longest path and header fields together, in bytes.
const HEAD_LIMIT: usize = 32 * 1024;

/// A request, and how far its body was read.
pub(crate) struct Incoming<'r> {
    pub(crate) head: &'r RequestHead,
    payload: Payload,
    progress: Progress,
    holding: Option<Holding>,
}

/// How far a body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Not to its end.
    Unread,
    /// To its end.
    Read,
}

impl<'r> Incoming<'r> {
    pub(crate) const fn new(head: &'r RequestHead, payload: Payload) -> Self {
        Self {
            head,
            payload,
            progress: Progress::Unread,
            holding: None,
        }
    }

    /// How many bytes of the stream the head has been, at least.
    pub(crate) fn head_size(&self) -> usize {
        let fields = self.head.headers().iter().count();
        self.text_size() + 4 * fields
    }

    fn text_size(&self) -> usize {
        let fields = self.head.headers().iter();
        let fields: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        let uri = &self.head.uri;
        fields + uri.path().len() + uri.query().map_or(0, str::len)
    }

    /// Refuses a head that is larger than any honest one.
    pub(crate) fn check_head(&self) -> Result<(), Refusal> {
        if self.text_size() > HEAD_LIMIT {
            return Err(Refusal::invalid(format!(
                "head: path and header fields must be at most {HEAD_LIMIT} bytes long together"
            )));
        }
        Ok(())
    }

    /// Reads the body of a call that takes one; refuses that of any other. What the call takes is
    /// asked of `reserve` before anything is read.
    pub(crate) async fn read_body(
        &mut self,
        call: Call<'_>,
        patience: &mut Patience<'_>,
        visit: Option<&Visit>,
        reserve: impl FnOnce(usize) -> Result<Option<Holding>, Refusal>,
    ) -> Result<Bytes, Refusal> {
        let limit = match call.body() {
            Body::None => {
                body::expect_none(self.head)?;
                None
            }
            Body::Optional { .. } if !body::has_body(self.head.headers()) => None,
            Body::Optional { limit } | Body::Required { limit } => Some(limit),
        };
        let Some(limit) = limit else {
            self.holding = reserve(call.memory(0))?;
            return Ok(Bytes::new());
        };
        let expected = body::check_declaration(self.head, limit)?;
        self.holding = reserve(call.memory(expected))?;
        let _reading = match visit {
            Some(visit) => Some(visit.read_body().await),
            None => None,
        };
        let collected = body::collect(self.head, &mut self.payload, limit);
        match patience.wait_for(collected).await {
            Ok(Ok(body)) => {
                self.progress = Progress::Read;
                Ok(body)
            }
            Ok(Err(refusal)) => Err(refusal),
            Err(Impatience::DeadlinePassed) => Err(Refusal::slow_body()),
            Err(Impatience::DrainExpired) => Err(Refusal::draining()),
        }
    }

    /// What is held for the request, and now for an answer of so many bytes.
    pub(crate) fn take_holding(&mut self, answer: usize) -> Option<Holding> {
        let mut holding = self.holding.take()?;
        holding.shrink_to(answer);
        Some(holding)
    }

    /// Whether there is more of a body than anybody wants.
    fn leaves_a_rest(&self) -> bool {
        self.progress != Progress::Read && body::has_body(self.head.headers())
    }

    /// Whether no other request may follow on this connection: the rest of a body that nobody wants
    /// would have to be read first, or what follows might be meant for another protocol.
    pub(crate) fn is_the_last(&self) -> bool {
        self.leaves_a_rest() || body::wants_other_protocol(self.head)
    }

    /// What was left of the body.
    pub(crate) fn into_rest(self) -> Payload {
        match self.progress {
            Progress::Read => Payload::None,
            Progress::Unread => self.payload,
        }
    }
}
