//! Many digests in one request.

use std::collections::HashMap;

use futures_util::future::join_all;
use signer_domain::Deadline;
use signer_domain::ports::{CustodyError, SignRequest, SignTarget, SignedDigest};

use super::ActorCustody;
use super::signing::is_bar;
use crate::key::{SignMany, Unreleased};

/// How often what a batch lost to the end of a rotation is signed again by the new key.
const ROUNDS: usize = 2;

type Made = Result<Unreleased, CustodyError>;

impl ActorCustody {
    /// Signs many digests; the results stand in the order of the requests. Keys do not wait for each
    /// other. Nothing is handed out before all is made.
    pub(super) async fn sign_all(
        &self,
        requests: &[SignRequest],
        deadline: Deadline,
    ) -> Vec<Result<SignedDigest, CustodyError>> {
        let mut made: Vec<Made> = Vec::new();
        made.resize_with(requests.len(), || Err(CustodyError::Internal));
        let mut open: Vec<usize> = (0..requests.len()).collect();
        for _ in 0..=ROUNDS {
            let groups = groups(&open, requests);
            let signing = groups
                .iter()
                .map(|(target, positions)| self.sign_group(target, positions, requests, deadline));
            let signed = join_all(signing).await.into_iter().flatten();
            for (position, signed) in groups.values().flatten().zip(signed) {
                if let Some(place) = made.get_mut(*position) {
                    *place = signed;
                }
            }
            open.retain(|position| {
                let request = requests.get(*position);
                let is_for_scope =
                    request.is_some_and(|request| matches!(request.target, SignTarget::Scope(_)));
                is_for_scope && made.get(*position).is_some_and(is_lost)
            });
            for request in open.iter().filter_map(|position| requests.get(*position)) {
                if let SignTarget::Scope(scope) = request.target {
                    self.shared.currents.forget(scope);
                }
            }
            if open.is_empty() {
                break;
            }
        }
        let release = |made: Made| self.while_it_stands(made?.release()?);
        made.into_iter().map(release).collect()
    }

    /// What the digests at these positions come to, in their order.
    async fn sign_group(
        &self,
        target: &SignTarget,
        positions: &[usize],
        requests: &[SignRequest],
        deadline: Deadline,
    ) -> Vec<Made> {
        let digest = |position: &usize| requests.get(*position).map(|request| request.digest);
        let digests = positions.iter().filter_map(digest).collect();
        match self
            .ask_target(target, &SignMany { digests }, deadline)
            .await
        {
            Ok(made) => made,
            Err(error) => positions.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

/// Whether a key was asked and signs no more, or will by now not let its signature out.
fn is_lost(made: &Made) -> bool {
    match made {
        Ok(unreleased) => unreleased.is_barred(),
        Err(error) => is_bar(error),
    }
}

/// The items that name the same key: positions in the batch.
fn groups<'a>(
    positions: &[usize],
    requests: &'a [SignRequest],
) -> HashMap<&'a SignTarget, Vec<usize>> {
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for position in positions {
        if let Some(request) = requests.get(*position) {
            groups.entry(&request.target).or_default().push(*position);
        }
    }
    groups
}
