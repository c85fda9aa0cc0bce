//! What happens to every request, in one pass: identify, admit, read, do, record, answer.
//!
//! One function instead of a stack of layers: each layer would cost an allocation and an indirect
//! call on a path that is compared with a signature of 30 microseconds.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::{ConnectionType, Request, Response};
use actix_web::rt::time::sleep;
use bytes::Bytes;
use futures_util::FutureExt as _;
use signer_domain::ports::{AuditStatus, CheckState, CustodyError};
use signer_domain::{Deadline, KnownProviders};
use tokio::sync::Semaphore;

use crate::access::Access;
use crate::answer::{Afterwards, Answer};
use crate::answer_body::AnswerBody;
use crate::audit::{Draft, peer_of};
use crate::bare_answer::BareAnswer;
use crate::calls::{Task, keys, probes, rotations, sign};
use crate::clock;
use crate::crowd::Crowd;
use crate::demands::{Recording, beyond_flat_rate};
use crate::denials::{Denial, Denials, Noting};
use crate::drain::{Drain, Stage};
use crate::incoming::Incoming;
use crate::memory::MemoryBudget;
use crate::meter::{Holding, Meter};
use crate::metrics::{FAILING, OK, Telemetry};
use crate::op::Op;
use crate::patience::{Impatience, Patience};
use crate::peer::Ingress;
use crate::ports::Ports;
use crate::query;
use crate::reception::Reception;
use crate::refusal::Refusal;
use crate::request_id::{FreshIds, RequestId};
use crate::routes::{Call, NoCall};
use crate::socket::SocketPlace;
use crate::visit::Visit;

/// The custody knows the deadline and answers by it, with the better reason; this much later nobody
/// waits for it any more.
const GRACE: Duration = Duration::from_millis(250);
/// How many lists one worker makes at once: to write one takes as long as many signatures.
const LISTS_AT_ONCE: usize = 2;
/// How long the supervisor may take to prove that it is alive.
const LIVENESS_LIMIT: Duration = Duration::from_secs(2);

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) telemetry: Telemetry,
    pub(crate) drain: Arc<Drain>,
    pub(crate) socket: Arc<SocketPlace>,
    pub(crate) access: Access,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) denials: Arc<Denials>,
    pub(crate) request_deadline: Duration,
    pub(crate) providers: KnownProviders,
}

/// One worker's part of the server.
pub(crate) struct Service {
    shared: Shared,
    fresh_ids: FreshIds,
    reception: Reception,
    listing: Semaphore,
}

impl Service {
    pub(crate) fn new(shared: Shared) -> Rc<Self> {
        let Shared { crowd, budget, .. } = &shared;
        let reception = Reception::new(shared.access, Arc::clone(crowd), Arc::clone(budget));
        Rc::new(Self {
            shared,
            fresh_ids: FreshIds::new(),
            reception,
            listing: Semaphore::new(LISTS_AT_ONCE),
        })
    }

    /// Answers one request, whatever happens.
    pub(crate) async fn respond(&self, mut request: Request) -> Response<AnswerBody> {
        let started = Instant::now();
        let payload = request.take_payload();
        let visit = request.conn_data::<Rc<Visit>>();
        let visit = visit.map(Rc::clone);
        let visit = visit.as_ref();
        let meter = request.conn_data::<Rc<Meter>>().map(Rc::clone);
        let meter = meter.as_ref();
        let ingress = visit.map_or(Ingress::Unidentified, |visit| visit.ingress());
        let head = request.head();
        visit.inspect(|visit| visit.begin_work(head));
        let request_id = RequestId::of(head.headers(), &self.fresh_ids);
        let call = Call::find(&head.method, head.uri.path());
        let op = call.map_or(Op::Unknown, |call| call.op());
        let mut measurement = self.shared.telemetry.http.start(op, started);
        let mut incoming = Incoming::new(head, payload);
        meter.inspect(|meter| meter.begin(incoming.head_size()));
        let mut draft = Draft::open(
            &*self.shared.ports.audit,
            &self.shared.providers,
            &request_id,
            call,
            ingress,
            started,
        );
        let outcome = self.attend(
            &mut incoming,
            meter,
            call,
            visit.map(Rc::as_ref),
            &mut draft,
        );
        let outcome = AssertUnwindSafe(outcome).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_panic| {
            let id = request_id.as_str();
            tracing::error!(request_id = id, op = op.as_str(), "handler panicked");
            Err(Refusal::internal())
        });
        let (answer, outcome) = match self.conclude(draft, outcome, ingress, &request_id).await {
            Ok(answer) if answer.is_success() => (answer, OK),
            Ok(answer) => (answer, FAILING),
            Err(refusal) => {
                let outcome = refusal.code.as_str();
                (Answer::problem(refusal, &request_id), outcome)
            }
        };
        measurement.set_outcome(outcome);
        tracing::debug!(
            request_id = request_id.as_str(),
            op = op.as_str(),
            outcome,
            peer = %ingress,
            latency_us = started.elapsed().as_micros(),
            "request answered"
        );
        let counted = meter.filter(|_| ingress != Ingress::Health);
        let (mut answer, holding) = self.hold(answer, &mut incoming, counted, &request_id);
        let afterwards = if answer.is_denial() {
            Afterwards::Close
        } else {
            self.afterwards(&incoming, visit.map(Rc::as_ref))
        };
        meter.inspect(|meter| match afterwards {
            Afterwards::KeepAlive(_) => meter.end(),
            Afterwards::Close => meter.finish(),
        });
        if afterwards == Afterwards::Close
            && let Some(visit) = visit
        {
            visit.end();
        }
        let untaken = visit.map(|visit| visit.end_work(answer.take_holds()));
        let rest = answer.take_rest();
        let response = answer.into_response(request_id, afterwards);
        response.map_body(|_head, bytes| {
            AnswerBody::new(bytes, rest, incoming.into_rest(), (untaken, holding))
        })
    }

    /// Records how a request ended. What a stranger repeats is counted, and answered later.
    async fn conclude(
        &self,
        draft: Draft<'_>,
        outcome: Result<Answer, Refusal>,
        ingress: Ingress,
        request_id: &RequestId,
    ) -> Result<Answer, Refusal> {
        let op = draft.op();
        match &outcome {
            Err(refusal) if self.shared.access.is_stranger(ingress) => {
                if let Noting::Counted(pause) = self.note_denial(refusal, op, ingress, request_id) {
                    draft.discard();
                    sleep(pause).await;
                    return outcome;
                }
            }
            Ok(_) | Err(_) => {}
        }
        let answer = draft.close(outcome).await?;
        // The record takes its time, and is only a record of what was made.
        if answer.is_holding() {
            self.may_release()?;
        }
        Ok(answer)
    }

    /// Whether signatures may leave just now.
    pub(crate) fn may_release(&self) -> Result<(), CustodyError> {
        self.shared.ports.custody.may_release()
    }

    fn note_denial(
        &self,
        refusal: &Refusal,
        op: Op,
        ingress: Ingress,
        request_id: &RequestId,
    ) -> Noting {
        let denial = Denial {
            code: refusal.code,
            op,
            peer: peer_of(ingress),
            request_id: request_id.as_str(),
        };
        self.shared.denials.note(denial, Instant::now())
    }

    /// Reserves what a long answer takes until it has left, unless the request did so before.
    fn hold(
        &self,
        answer: Answer,
        incoming: &mut Incoming<'_>,
        meter: Option<&Rc<Meter>>,
        request_id: &RequestId,
    ) -> (Answer, Option<Holding>) {
        let length = beyond_flat_rate(answer.footprint());
        let holding = incoming.take_holding(length.unwrap_or_default());
        match (length, meter) {
            (Some(length), Some(meter)) if holding.is_none() => {
                match self.reception.reserve(meter, length) {
                    None => (Answer::problem(Refusal::no_memory(), request_id), None),
                    holding => (answer, holding),
                }
            }
            _ => (answer, holding),
        }
    }

    /// Takes in a connection, or says in what words it is turned away: without any, if it is that of
    /// a stranger.
    pub(crate) fn welcome(&self, ingress: Ingress) -> Result<(u64, Rc<Meter>), Bytes> {
        self.reception.welcome(ingress).ok_or_else(|| {
            if self.shared.access.is_stranger(ingress) {
                Bytes::new()
            } else {
                Self::in_full(Refusal::no_place(), &self.fresh_id())
            }
        })
    }

    /// A connection has ended.
    pub(crate) fn forget(&self, number: u64) {
        self.reception.forget(number);
    }

    /// What a caller is told who brings a head for which there is no room, as it is recorded.
    pub(crate) fn farewell(&self, meter: &Meter, ingress: Ingress) -> Bytes {
        let refusal = if meter.is_stranger() {
            Refusal::denied()
        } else {
            Refusal::no_memory()
        };
        let request_id = self.note_unreadable(&refusal, ingress);
        Self::in_full(refusal, &request_id)
    }

    /// The whole answer, head and body, behind which the connection ends.
    fn in_full(refusal: Refusal, request_id: &RequestId) -> Bytes {
        let date = clock::http_date();
        BareAnswer::to_slow_head(date.as_deref()).put_into_words(refusal, request_id)
    }

    /// Records what the HTTP parser refused before there was a request, and gives it an id.
    pub(crate) fn note_unreadable(&self, refusal: &Refusal, ingress: Ingress) -> RequestId {
        let started = Instant::now();
        let request_id = self.fresh_id();
        let mut measurement = self.shared.telemetry.http.start(Op::Unknown, started);
        measurement.set_outcome(refusal.code.as_str());
        let call = Err(NoCall::UnknownPath);
        let draft = Draft::open(
            &*self.shared.ports.audit,
            &self.shared.providers,
            &request_id,
            call,
            ingress,
            started,
        );
        let is_stranger = self.shared.access.is_stranger(ingress);
        if is_stranger
            && self.note_denial(refusal, Op::Unknown, ingress, &request_id) != Noting::Alone
        {
            draft.discard();
        } else {
            draft.note(refusal);
        }
        request_id
    }

    /// An id for what never becomes a request.
    pub(crate) fn fresh_id(&self) -> RequestId {
        self.fresh_ids.next()
    }

    /// Does what was asked, or says why not.
    async fn attend(
        &self,
        incoming: &mut Incoming<'_>,
        meter: Option<&Rc<Meter>>,
        call: Result<Call<'_>, NoCall>,
        visit: Option<&Visit>,
        draft: &mut Draft<'_>,
    ) -> Result<Answer, Refusal> {
        let ingress = visit.map_or(Ingress::Unidentified, Visit::ingress);
        // Nothing of what a stranger sends is looked at, let alone waited for.
        if !self.shared.access.admits(ingress, call.as_ref().ok()) {
            return Err(Refusal::denied());
        }
        let call = self.check_call(call, ingress)?;
        incoming.check_head()?;
        let deadline = Deadline::at(draft.started() + self.shared.request_deadline);
        let mut patience = Patience::until(deadline, &self.shared.drain);
        let reserve = |bytes| self.reserve(meter, bytes);
        let body = incoming
            .read_body(call, &mut patience, visit, reserve)
            .await?;
        meter.inspect(|meter| meter.work());
        self.expect_record_of(call)?;
        patience.extend(GRACE);
        let ports = &self.shared.ports;
        let (request_id, subject) = draft.parts();
        let done = self.perform(
            call,
            Task {
                custody: &*ports.custody,
                rotations: &ports.rotations,
                providers: &self.shared.providers,
                head: incoming.head,
                body: &body,
                request_id,
                deadline,
                subject,
            },
        );
        match patience.wait_for(done).await {
            Ok(outcome) => outcome,
            Err(Impatience::DeadlinePassed) => Err(Refusal::deadline_exceeded()),
            Err(Impatience::DrainExpired) => Err(Refusal::draining()),
        }
    }

    /// Reserves what a request takes, and lets its body in.
    fn reserve(&self, meter: Option<&Rc<Meter>>, bytes: usize) -> Result<Option<Holding>, Refusal> {
        let Some(meter) = meter else {
            return Ok(None);
        };
        let mut holding = None;
        if bytes > 0 {
            let reserved = self.reception.reserve(meter, bytes);
            holding = Some(reserved.ok_or_else(Refusal::no_memory)?);
        }
        meter.receive();
        Ok(holding)
    }

    fn check_call<'p>(
        &self,
        call: Result<Call<'p>, NoCall>,
        ingress: Ingress,
    ) -> Result<Call<'p>, Refusal> {
        let serves_all = ingress != Ingress::Health;
        let call = call.map_err(|no_call| match no_call {
            NoCall::OtherMethod { allow, is_health } if serves_all || is_health => {
                Refusal::other_method(allow)
            }
            NoCall::OtherMethod { .. } | NoCall::UnknownPath => Refusal::unknown_path(),
        })?;
        if !serves_all && !call.is_health() {
            return Err(Refusal::unknown_path());
        }
        if self.shared.drain.stage() == Stage::Expired && !call.is_health() {
            return Err(Refusal::draining());
        }
        Ok(call)
    }

    /// Refuses to begin what could not be recorded.
    fn expect_record_of(&self, call: Call<'_>) -> Result<(), Refusal> {
        match (call.recording(), self.shared.ports.audit.status()) {
            (Recording::Assured, AuditStatus::Kept(CheckState::Failing)) => {
                Err(Refusal::audit_unavailable())
            }
            (Recording::Assured, AuditStatus::Kept(CheckState::Ok) | AuditStatus::Off)
            | (Recording::None | Recording::Afterwards, _) => Ok(()),
        }
    }

    async fn perform(&self, call: Call<'_>, task: Task<'_>) -> Result<Answer, Refusal> {
        if call.takes_no_query() {
            query::expect_none(task.head.uri.query())?;
        }
        match call {
            Call::Sign(handle) => sign::with_handle(task, handle).await,
            Call::SignScope(scope) => sign::with_scope(task, scope).await,
            Call::Batch => sign::batch(task).await,
            Call::Generate => keys::generate(task).await,
            Call::List => {
                let _place = self.listing.acquire().await;
                keys::list(task).await
            }
            Call::Show(handle) => keys::show(task, handle).await,
            Call::Retire(handle) => keys::retire(task, handle).await,
            Call::Block(handle) => keys::block(task, handle).await,
            Call::Unblock(handle) => keys::unblock(task, handle).await,
            Call::ReleaseQuarantine(handle) => keys::release_quarantine(task, handle).await,
            Call::PublicKey(handle) => keys::public_key(task, handle).await,
            Call::RotationOpen(scope) => rotations::open(task, scope).await,
            Call::RotationShow(scope) => rotations::show(task, scope).await,
            Call::RotationClose(scope) => rotations::close(task, scope).await,
            Call::Jwks(scope) => {
                let _place = self.listing.acquire().await;
                rotations::jwks(task, scope).await
            }
            Call::Livez => Ok(self.livez().await),
            Call::Readyz => Ok(self.readyz().await),
            Call::Metrics => probes::metrics(&self.shared.telemetry.registry, task.head.headers()),
            Call::OpenApi => Ok(probes::openapi(task.providers)),
        }
    }

    async fn readyz(&self) -> Answer {
        let Ports { custody, audit, .. } = &self.shared.ports;
        let stage = self.shared.drain.stage();
        probes::readyz(&**custody, audit.status(), &self.shared.socket, stage).await
    }

    async fn livez(&self) -> Answer {
        let deadline = Deadline::after(LIVENESS_LIMIT);
        let mut patience = Patience::until(deadline, &self.shared.drain);
        let answer = patience
            .wait_for(probes::livez(&*self.shared.ports.custody))
            .await;
        answer.unwrap_or_else(|_impatience| probes::lifeless())
    }

    /// A connection is closed when the process stops, when the caller wishes it, or when no other
    /// request may follow this one.
    fn afterwards(&self, incoming: &Incoming<'_>, visit: Option<&Visit>) -> Afterwards {
        let is_stopping = self.shared.drain.stage() != Stage::Serving;
        let is_wished = incoming.head.connection_type() != ConnectionType::KeepAlive;
        match visit {
            Some(visit) if !(is_stopping || is_wished || incoming.is_the_last()) => {
                Afterwards::KeepAlive(visit.idle_limit())
            }
            Some(_) | None => Afterwards::Close,
        }
    }
}
