//! Many digests in one request.

mod pace;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use signer_domain::Deadline;
use signer_domain::ports::{CustodyError, SignRequest, SignTarget, SignedDigest};

use super::ActorCustody;
use super::signing::is_bar;
use crate::admission::Seat;
use crate::key::{KeyGate, Turn};
use crate::routes::Line;
use pace::{Pace, Pen};

/// How often what a batch lost to the end of a rotation is signed again by the new key.
const ROUNDS: usize = 2;

/// How many turns of one key a batch holds or waits for at once.
const WIDTH_PER_KEY: usize = 16;

type Signed = Result<SignedDigest, CustodyError>;

/// The items of one batch that name the same key: positions in the batch.
struct Group {
    target: SignTarget,
    positions: Vec<usize>,
}

/// One signed item, and what tells whether it may still be released.
struct Made {
    position: usize,
    signed: Signed,
    lease: Option<Arc<Lease>>,
}

/// Keeps a key's gate in place while the batch holds signatures by it.
struct Lease {
    gate: Arc<KeyGate>,
    _seat: Option<Seat>,
}

impl Made {
    /// Whether a turn was had, and the key was retired or blocked before the signature was released.
    fn is_lost(&self) -> bool {
        let is_barred = |lease: &Arc<Lease>| {
            let is_refused = self.signed.as_ref().is_err_and(is_bar);
            lease.gate.is_closed() || lease.gate.is_blocked() || is_refused
        };
        self.lease.as_ref().is_some_and(is_barred)
    }

    /// The result, unless the key was retired while other items of the batch were still under way:
    /// no signature is released after that was acknowledged.
    fn release(self) -> Signed {
        let signed = self.signed?;
        match self.lease {
            Some(lease) => lease.gate.hand_out(signed),
            None => Ok(signed),
        }
    }
}

impl ActorCustody {
    /// Signs many digests; the results stand in the order of the requests. Keys do not wait for each
    /// other.
    pub(super) async fn sign_all(
        &self,
        requests: &[SignRequest],
        deadline: Deadline,
    ) -> Vec<Signed> {
        let batch = Batch {
            custody: self,
            requests,
            deadline,
            pace: Pace::of_this_thread(),
        };
        let mut made = batch.sign_these(0..requests.len()).await;
        for _ in 0..ROUNDS {
            let is_lost = |made: &Made| made.is_lost() && is_for_scope(requests, made.position);
            let (lost, kept): (Vec<Made>, Vec<Made>) = made.into_iter().partition(is_lost);
            made = kept;
            if lost.is_empty() {
                break;
            }
            let positions = lost.iter().map(|made| made.position);
            made.extend(batch.sign_these(positions).await);
        }
        made.sort_unstable_by_key(|made| made.position);
        let release = |made: Made| self.while_it_stands(made.release()?);
        made.into_iter().map(release).collect()
    }
}

/// What all parts of one batch share.
struct Batch<'a> {
    custody: &'a ActorCustody,
    requests: &'a [SignRequest],
    deadline: Deadline,
    pace: Arc<Pace>,
}

impl Batch<'_> {
    async fn sign_these(&self, positions: impl Iterator<Item = usize>) -> Vec<Made> {
        let groups = groups(positions, self.requests).into_iter();
        let signing = groups.map(|group| self.sign_group(group));
        join_all(signing).await.into_iter().flatten().collect()
    }

    async fn sign_group(&self, group: Group) -> Vec<Made> {
        let Group { target, positions } = group;
        let share = self.signs_per_turn(&target);
        let shares: Vec<Vec<usize>> = positions.chunks(share).map(<[usize]>::to_vec).collect();
        let sign = |positions| self.sign_share(&target, positions, Manner::of(share));
        let made = stream::iter(shares)
            .map(sign)
            .buffer_unordered(WIDTH_PER_KEY);
        made.flat_map(stream::iter).collect().await
    }

    /// As many of a key's digests as one turn may cover.
    fn signs_per_turn(&self, target: &SignTarget) -> usize {
        let routes = &self.custody.routes;
        let provider = match target {
            SignTarget::Handle(handle) => handle.provider(),
            SignTarget::Scope(scope) => match routes.currents.recall(*scope) {
                Ok(handle) => handle.provider(),
                Err(_unknown_yet) => return 1,
            },
        };
        routes.providers.signs_per_turn(provider).get()
    }

    async fn take_turn(&self, target: &SignTarget) -> Result<Turn, CustodyError> {
        let Self {
            custody, deadline, ..
        } = self;
        custody.turn_for(target, Line::Share, *deadline).await
    }

    async fn sign_share(
        &self,
        target: &SignTarget,
        positions: Vec<usize>,
        manner: Manner,
    ) -> Vec<Made> {
        match manner {
            Manner::Call => {
                let turn = self.take_turn(target).await;
                self.sign_in_turn(turn, positions, None).await
            }
            Manner::Computation => {
                let turn = self.take_turn(target);
                let (turn, _place) = self.pace.soon(positions.len(), turn).await;
                let pen = self.pace.pen().await;
                self.sign_in_turn(turn, positions, Some(pen)).await
            }
        }
    }

    async fn sign_in_turn(
        &self,
        turn: Result<Turn, CustodyError>,
        positions: Vec<usize>,
        mut pen: Option<Pen<'_>>,
    ) -> Vec<Made> {
        let lease = turn.as_ref().ok().map(|turn| {
            let gate = Arc::clone(turn.gate());
            Arc::new(Lease {
                _seat: gate.lease().ok(),
                gate,
            })
        });
        let mut made = Vec::with_capacity(positions.len());
        for position in positions {
            let signed = match (&turn, self.requests.get(position)) {
                (Ok(turn), Some(request)) => turn.sign(&request.digest, self.deadline).await,
                (Err(error), _) => Err(error.clone()),
                (Ok(_), None) => Err(CustodyError::Internal),
            };
            made.push(Made {
                position,
                signed,
                lease: lease.clone(),
            });
            // Signing may never wait, so a batch has to let others run of its own accord.
            match &mut pen {
                Some(pen) => pen.rest().await,
                None => tokio::task::yield_now().await,
            }
        }
        made
    }
}

fn is_for_scope(requests: &[SignRequest], position: usize) -> bool {
    let target = requests.get(position).map(|request| &request.target);
    matches!(target, Some(SignTarget::Scope(_)))
}

/// How the provider of a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// By a call that is waited for; the more of them at once, the better.
    Call,
    /// On the calling thread; nothing is gained by more at once.
    Computation,
}

impl Manner {
    const fn of(signs_per_turn: usize) -> Self {
        if signs_per_turn > 1 {
            Self::Computation
        } else {
            Self::Call
        }
    }
}

fn groups(positions: impl Iterator<Item = usize>, requests: &[SignRequest]) -> Vec<Group> {
    let mut of_target: HashMap<&SignTarget, Vec<usize>> = HashMap::new();
    for position in positions {
        if let Some(request) = requests.get(position) {
            of_target.entry(&request.target).or_default().push(position);
        }
    }
    let group = |(target, positions): (&SignTarget, _)| Group {
        target: target.clone(),
        positions,
    };
    of_target.into_iter().map(group).collect()
}
