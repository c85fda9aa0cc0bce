//! Many digests in one request.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use signer_domain::Deadline;
use signer_domain::ports::{CustodyError, SignRequest, SignTarget, SignedDigest};

use super::ActorCustody;
use crate::admission::Seat;
use crate::key::KeyGate;
use crate::routes::Line;

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
    /// Whether a turn was had, and the key was retired before the signature was released.
    fn is_lost(&self) -> bool {
        let is_retired = |lease: &Arc<Lease>| {
            lease.gate.is_closed() || self.signed == Err(CustodyError::KeyRetired)
        };
        self.lease.as_ref().is_some_and(is_retired)
    }

    /// The result, unless the key was retired while other items of the batch were still under way:
    /// no signature is released after that was acknowledged.
    fn release(self) -> Signed {
        match self.lease {
            Some(lease) if lease.gate.is_closed() => Err(CustodyError::KeyRetired),
            Some(_) | None => self.signed,
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
        let mut made = self.sign_these(0..requests.len(), requests, deadline).await;
        for _ in 0..ROUNDS {
            let is_lost = |made: &Made| made.is_lost() && is_for_scope(requests, made.position);
            let (lost, kept): (Vec<Made>, Vec<Made>) = made.into_iter().partition(is_lost);
            made = kept;
            if lost.is_empty() {
                break;
            }
            let positions = lost.iter().map(|made| made.position);
            made.extend(self.sign_these(positions, requests, deadline).await);
        }
        made.sort_unstable_by_key(|made| made.position);
        made.into_iter().map(Made::release).collect()
    }

    async fn sign_these(
        &self,
        positions: impl Iterator<Item = usize>,
        requests: &[SignRequest],
        deadline: Deadline,
    ) -> Vec<Made> {
        let groups = groups(positions, requests).into_iter();
        let signing = groups.map(|group| self.sign_group(group, requests, deadline));
        join_all(signing).await.into_iter().flatten().collect()
    }

    async fn sign_group(
        &self,
        group: Group,
        requests: &[SignRequest],
        deadline: Deadline,
    ) -> Vec<Made> {
        let Group { target, positions } = group;
        let share = self.signs_per_turn(&target);
        let shares: Vec<Vec<usize>> = positions.chunks(share).map(<[usize]>::to_vec).collect();
        let sign = |share| self.sign_share(&target, share, requests, deadline);
        let made = stream::iter(shares)
            .map(sign)
            .buffer_unordered(WIDTH_PER_KEY);
        made.flat_map(stream::iter).collect().await
    }

    /// As many of a key's digests as one turn may cover.
    fn signs_per_turn(&self, target: &SignTarget) -> usize {
        let provider = match target {
            SignTarget::Handle(handle) => handle.provider(),
            SignTarget::Scope(scope) => match self.routes.currents.recall(*scope) {
                Ok(handle) => handle.provider(),
                Err(_unknown_yet) => return 1,
            },
        };
        self.routes.providers.signs_per_turn(provider).get()
    }

    async fn sign_share(
        &self,
        target: &SignTarget,
        positions: Vec<usize>,
        requests: &[SignRequest],
        deadline: Deadline,
    ) -> Vec<Made> {
        let turn = self.turn_for(target, Line::Share, deadline).await;
        let lease = turn.as_ref().ok().map(|turn| {
            let gate = Arc::clone(turn.gate());
            Arc::new(Lease {
                _seat: gate.lease().ok(),
                gate,
            })
        });
        let mut made = Vec::with_capacity(positions.len());
        for position in positions {
            let signed = match (&turn, requests.get(position)) {
                (Ok(turn), Some(request)) => turn.sign(&request.digest, deadline).await,
                (Err(error), _) => Err(error.clone()),
                (Ok(_), None) => Err(CustodyError::Internal),
            };
            made.push(Made {
                position,
                signed,
                lease: lease.clone(),
            });
            // Signing may never wait, so a batch has to let others run of its own accord.
            tokio::task::yield_now().await;
        }
        made
    }
}

fn is_for_scope(requests: &[SignRequest], position: usize) -> bool {
    let target = requests.get(position).map(|request| &request.target);
    matches!(target, Some(SignTarget::Scope(_)))
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
