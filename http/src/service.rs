//! What happens to every request, in one pass: identify, admit, read, do, answer.
//!
//! One function instead of a stack of layers: each layer would cost an allocation and an indirect
//! call on a path that is compared with a signature of 30 microseconds.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::{Payload, Request, RequestHead, Response};
use bytes::Bytes;
use futures_util::FutureExt as _;
use signer_domain::Deadline;
use signer_domain::ports::Custody;

use crate::access::Access;
use crate::answer::{Afterwards, Answer};
use crate::answer_body::AnswerBody;
use crate::body;
use crate::calls::{keys, probes, sign};
use crate::drain::{Drain, Stage};
use crate::metrics::{FAILING, OK, Telemetry};
use crate::op::Op;
use crate::patience::{Impatience, Patience};
use crate::peer::Ingress;
use crate::query;
use crate::refusal::Refusal;
use crate::request_id::{FreshIds, RequestId};
use crate::routes::{Call, NoCall};
use crate::socket::SocketPlace;

/// The largest body of a call for one key, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;
/// The largest body of a batch, in bytes.
pub(crate) const BATCH_LIMIT: usize = 512 * 1024;
/// The longest path and header fields together, in bytes.
pub(crate) const HEAD_LIMIT: usize = 32 * 1024;
/// The custody knows the deadline and answers by it, with the better reason; this much later nobody
/// waits for it any more.
const GRACE: Duration = Duration::from_millis(250);
/// How long the supervisor may take to prove that it is alive.
const LIVENESS_LIMIT: Duration = Duration::from_secs(2);

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) custody: Arc<dyn Custody>,
    pub(crate) telemetry: Telemetry,
    pub(crate) drain: Arc<Drain>,
    pub(crate) socket: Arc<SocketPlace>,
    pub(crate) access: Access,
    pub(crate) request_deadline: Duration,
}

/// One worker's part of the server.
pub(crate) struct Service {
    shared: Shared,
    fresh_ids: FreshIds,
}

/// A request, and whether its body was read to the end.
struct Incoming<'r> {
    head: &'r RequestHead,
    payload: Payload,
    is_read: bool,
}

impl Incoming<'_> {
    fn unread(self) -> Payload {
        if self.is_read {
            Payload::None
        } else {
            self.payload
        }
    }
}

impl Service {
    pub(crate) fn new(shared: Shared) -> Rc<Self> {
        Rc::new(Self {
            shared,
            fresh_ids: FreshIds::new(),
        })
    }

    /// Answers one request, whatever happens.
    pub(crate) async fn respond(&self, mut request: Request) -> Response<AnswerBody> {
        let started = Instant::now();
        let payload = request.take_payload();
        let ingress = request.conn_data().copied();
        let ingress = ingress.unwrap_or(Ingress::Unidentified);
        let head = request.head();
        let request_id = RequestId::of(head.headers(), &self.fresh_ids);
        let call = Call::find(&head.method, head.uri.path());
        let op = call.map_or(Op::Unknown, |call| call.op());
        let mut measurement = self.shared.telemetry.http.start(op, started);
        let mut incoming = Incoming {
            head,
            payload,
            is_read: false,
        };
        let outcome = self.attend(&mut incoming, call, ingress, &request_id, started);
        let outcome = AssertUnwindSafe(outcome).catch_unwind().await;
        let (answer, outcome) = match outcome {
            Ok(Ok(answer)) if answer.is_success() => (answer, OK),
            Ok(Ok(answer)) => (answer, FAILING),
            Ok(Err(refusal)) => {
                let outcome = refusal.code.as_str();
                (Answer::problem(refusal, &request_id), outcome)
            }
            Err(_panic) => {
                let id = request_id.as_str();
                tracing::error!(request_id = id, op = op.as_str(), "handler panicked");
                let refusal = Refusal::internal();
                let outcome = refusal.code.as_str();
                (Answer::problem(refusal, &request_id), outcome)
            }
        };
        measurement.set_outcome(outcome);
        tracing::debug!(
            request_id = request_id.as_str(),
            op = op.as_str(),
            outcome,
            peer = ?ingress,
            latency_us = started.elapsed().as_micros(),
            "request answered"
        );
        let response = answer.into_response(request_id, self.afterwards(&incoming));
        response.map_body(|_head, bytes| AnswerBody::new(bytes, incoming.unread()))
    }

    /// Does what was asked, or says why not.
    async fn attend(
        &self,
        incoming: &mut Incoming<'_>,
        call: Result<Call<'_>, NoCall>,
        ingress: Ingress,
        request_id: &RequestId,
        started: Instant,
    ) -> Result<Answer, Refusal> {
        // Nothing of what a stranger sends is looked at, let alone waited for.
        if !self.shared.access.admits(ingress, call.as_ref().ok()) {
            return Err(Refusal::denied());
        }
        let call = self.check_call(call, ingress)?;
        check_head(incoming.head)?;
        let deadline = Deadline::at(started + self.shared.request_deadline);
        let mut patience = Patience::until(deadline, &self.shared.drain);
        let body = read_body(incoming, call, &mut patience).await?;
        patience.extend(GRACE);
        let done = self.perform(call, incoming.head, &body, request_id, deadline);
        match patience.wait_for(done).await {
            Ok(outcome) => outcome,
            Err(Impatience::DeadlinePassed) => Err(Refusal::deadline_exceeded()),
            Err(Impatience::DrainExpired) => Err(Refusal::draining()),
        }
    }

    fn check_call<'p>(
        &self,
        call: Result<Call<'p>, NoCall>,
        ingress: Ingress,
    ) -> Result<Call<'p>, Refusal> {
        let call = call.map_err(|no_call| match no_call {
            NoCall::OtherMethod { allow } if ingress != Ingress::Health => {
                Refusal::other_method(allow)
            }
            NoCall::OtherMethod { .. } | NoCall::UnknownPath => Refusal::unknown_path(),
        })?;
        if ingress == Ingress::Health && !call.is_health() {
            return Err(Refusal::unknown_path());
        }
        if self.shared.drain.stage() == Stage::Expired && !call.is_health() {
            return Err(Refusal::draining());
        }
        Ok(call)
    }

    async fn perform(
        &self,
        call: Call<'_>,
        head: &RequestHead,
        body: &[u8],
        request_id: &RequestId,
        deadline: Deadline,
    ) -> Result<Answer, Refusal> {
        let custody = &*self.shared.custody;
        let query = head.uri.query();
        if call.takes_no_query() {
            query::expect_none(query)?;
        }
        match call {
            Call::Sign(handle) => sign::with_handle(custody, handle, body, deadline).await,
            Call::SignScope(scope) => sign::with_scope(custody, scope, body, deadline).await,
            Call::Batch => sign::batch(custody, body, request_id, deadline).await,
            Call::Generate => keys::generate(custody, body, deadline).await,
            Call::List => keys::list(custody, query, deadline).await,
            Call::Show(handle) => keys::show(custody, handle, deadline).await,
            Call::Retire(handle) => keys::retire(custody, handle, body, deadline).await,
            Call::PublicKey(handle) => {
                keys::public_key(custody, handle, head.headers(), deadline).await
            }
            Call::Livez => Ok(self.livez().await),
            Call::Readyz => {
                let stage = self.shared.drain.stage();
                Ok(probes::readyz(custody, &self.shared.socket, stage).await)
            }
            Call::Metrics => probes::metrics(&self.shared.telemetry.registry, head.headers()),
            Call::OpenApi => Ok(probes::openapi()),
        }
    }

    async fn livez(&self) -> Answer {
        let deadline = Deadline::after(LIVENESS_LIMIT);
        let mut patience = Patience::until(deadline, &self.shared.drain);
        let answer = patience
            .wait_for(probes::livez(&*self.shared.custody))
            .await;
        answer.unwrap_or_else(|_impatience| probes::lifeless())
    }

    /// A connection is closed when the process stops, or when the rest of a body that nobody wants
    /// would otherwise have to be read first.
    fn afterwards(&self, incoming: &Incoming<'_>) -> Afterwards {
        let is_stopping = self.shared.drain.stage() != Stage::Serving;
        let is_unread = !incoming.is_read && body::has_body(incoming.head.headers());
        if is_stopping || is_unread {
            Afterwards::Close
        } else {
            Afterwards::KeepAlive
        }
    }
}

/// Reads the body of a call that takes one; refuses that of any other.
async fn read_body(
    incoming: &mut Incoming<'_>,
    call: Call<'_>,
    patience: &mut Patience<'_>,
) -> Result<Bytes, Refusal> {
    let limit = match call.body() {
        Body::None => {
            body::expect_none(incoming.head)?;
            return Ok(Bytes::new());
        }
        Body::Optional { .. } if !body::has_body(incoming.head.headers()) => {
            return Ok(Bytes::new());
        }
        Body::Optional { limit } | Body::Required { limit } => limit,
    };
    body::check_declaration(incoming.head, limit)?;
    let collected = body::collect(&mut incoming.payload, limit);
    match patience.wait_for(collected).await {
        Ok(body) => {
            incoming.is_read = body.is_ok();
            body
        }
        Err(Impatience::DeadlinePassed) => Err(Refusal::slow_body()),
        Err(Impatience::DrainExpired) => Err(Refusal::draining()),
    }
}

/// Refuses a head that is larger than any honest one.
fn check_head(head: &RequestHead) -> Result<(), Refusal> {
    let fields = head.headers().iter();
    let fields: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let target = head.uri.path().len() + head.uri.query().map_or(0, str::len);
    if fields + target > HEAD_LIMIT {
        return Err(Refusal::invalid(format!(
            "head: path and header fields must be at most {HEAD_LIMIT} bytes long together"
        )));
    }
    Ok(())
}

/// What a call has to do with a body of at most `limit` bytes.
#[derive(Debug, Clone, Copy)]
enum Body {
    None,
    Optional { limit: usize },
    Required { limit: usize },
}

impl Call<'_> {
    const fn body(&self) -> Body {
        match self {
            Self::Generate | Self::Sign(_) | Self::SignScope(_) => {
                Body::Required { limit: BODY_LIMIT }
            }
            Self::Batch => Body::Required { limit: BATCH_LIMIT },
            Self::Retire(_) => Body::Optional { limit: BODY_LIMIT },
            Self::List
            | Self::Show(_)
            | Self::PublicKey(_)
            | Self::Livez
            | Self::Readyz
            | Self::Metrics
            | Self::OpenApi => Body::None,
        }
    }

    /// Whether parameters make no sense here. Probes and scrapers may add theirs.
    const fn takes_no_query(&self) -> bool {
        match self {
            Self::Generate
            | Self::Sign(_)
            | Self::SignScope(_)
            | Self::Batch
            | Self::Show(_)
            | Self::PublicKey(_)
            | Self::Retire(_) => true,
            Self::List | Self::Livez | Self::Readyz | Self::Metrics | Self::OpenApi => false,
        }
    }
}
