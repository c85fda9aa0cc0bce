//! Many digests in one request.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use signer_domain::Deadline;
use signer_domain::ports::{CustodyError, SignRequest, SignTarget, SignedDigest};

use super::ActorCustody;
use crate::key::Turn;

/// How many turns one batch holds or waits for at once.
const WIDTH: usize = 64;
/// How long a batch waits before it tries a full queue again.
const OVERLOAD_PAUSE: Duration = Duration::from_millis(2);

type Signed = Result<SignedDigest, CustodyError>;

/// Items of one batch that share a turn: positions in the batch.
struct Share {
    target: SignTarget,
    positions: Vec<usize>,
}

impl ActorCustody {
    /// Signs many digests; the results stand in the order of the requests.
    pub(super) async fn sign_all(
        &self,
        requests: &[SignRequest],
        deadline: Deadline,
    ) -> Vec<Signed> {
        let shares = self.shares(requests);
        let sign = |share| self.sign_share(share, requests, deadline);
        let mut signed: Vec<_> = stream::iter(shares)
            .map(sign)
            .buffer_unordered(WIDTH)
            .flat_map(stream::iter)
            .collect()
            .await;
        signed.sort_unstable_by_key(|(position, _)| *position);
        signed.into_iter().map(|(_, signed)| signed).collect()
    }

    /// Deals the items out: those for one key go together, as many as one turn may cover.
    fn shares(&self, requests: &[SignRequest]) -> Vec<Share> {
        let mut of_target: HashMap<&SignTarget, Vec<usize>> = HashMap::new();
        for (position, request) in requests.iter().enumerate() {
            of_target.entry(&request.target).or_default().push(position);
        }
        let mut shares = Vec::new();
        for (target, positions) in of_target {
            for some in positions.chunks(self.signs_per_turn(target)) {
                shares.push(Share {
                    target: target.clone(),
                    positions: some.to_vec(),
                });
            }
        }
        shares
    }

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
        share: Share,
        requests: &[SignRequest],
        deadline: Deadline,
    ) -> Vec<(usize, Signed)> {
        let turn = self.turn_patiently(&share.target, deadline).await;
        let mut results = Vec::with_capacity(share.positions.len());
        for position in share.positions {
            let signed = match (&turn, requests.get(position)) {
                (Ok(turn), Some(request)) => turn.sign(&request.digest, deadline).await,
                (Err(error), _) => Err(error.clone()),
                (Ok(_), None) => Err(CustodyError::Internal),
            };
            results.push((position, signed));
            // Signing may never wait, so a batch has to let others run of its own accord.
            tokio::task::yield_now().await;
        }
        results
    }

    /// A batch waits where a single request would be turned away.
    async fn turn_patiently(
        &self,
        target: &SignTarget,
        deadline: Deadline,
    ) -> Result<Turn, CustodyError> {
        loop {
            match self.turn_for(target, deadline).await {
                Err(CustodyError::Overloaded { .. }) if !deadline.is_past() => {
                    tokio::time::sleep(OVERLOAD_PAUSE).await;
                }
                turn => return turn,
            }
        }
    }
}
