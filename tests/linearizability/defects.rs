//! Custodies with a defect that the checker has to find.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use signer_domain::{Digest, PublicKey, Scope};

use crate::clients::{Answer, Subject};
use crate::model::{Name, Novelty, Operation, Outcome, Rotation};

/// Moves the mark of the current key late: the first answer for a scope is remembered, and the
/// key that gave it goes on to sign for the scope as long as it can.
pub(crate) struct LateCurrent {
    pub(crate) inner: Arc<dyn Subject>,
    pub(crate) remembered: Mutex<HashMap<Scope, Name>>,
}

#[async_trait]
impl Subject for LateCurrent {
    async fn ask(&self, scope: Scope, operation: Operation, digest: Digest) -> Answer {
        let remembered = self.remembered.lock().get(&scope).copied();
        if let (Operation::SignForScope, Some(name)) = (operation, remembered) {
            let late = self.inner.ask(scope, Operation::SignBy(name), digest).await;
            if late.signature.is_some() {
                return late;
            }
        }
        let answer = self.inner.ask(scope, operation, digest).await;
        if let (Operation::SignForScope, Outcome::Signed(name)) = (operation, &answer.outcome) {
            self.remembered.lock().insert(scope, *name);
        }
        answer
    }

    async fn public_keys(&self, scope: Scope) -> Vec<(Name, PublicKey)> {
        self.inner.public_keys(scope).await
    }
}

/// Acknowledges a retirement, and the end of a rotation, before it has happened.
pub(crate) struct HastyRetirement {
    pub(crate) inner: Arc<dyn Subject>,
}

#[async_trait]
impl Subject for HastyRetirement {
    async fn ask(&self, scope: Scope, operation: Operation, digest: Digest) -> Answer {
        let inner = Arc::clone(&self.inner);
        let Operation::Close { old, new } = operation else {
            return inner.ask(scope, operation, digest).await;
        };
        let open = inner.ask(scope, Operation::ShowRotation, digest).await;
        let rotation = |is_open| Outcome::Rotation(Novelty::Found, Rotation { old, new, is_open });
        if open.outcome != rotation(true) {
            return inner.ask(scope, operation, digest).await;
        }
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            inner.ask(scope, operation, digest).await
        });
        Answer {
            outcome: rotation(false),
            signature: None,
        }
    }

    async fn public_keys(&self, scope: Scope) -> Vec<(Name, PublicKey)> {
        self.inner.public_keys(scope).await
    }
}

/// Two clients that generate the same key at once are both told that they made it.
pub(crate) struct TwoMakers {
    pub(crate) inner: Arc<dyn Subject>,
}

#[async_trait]
impl Subject for TwoMakers {
    async fn ask(&self, scope: Scope, operation: Operation, digest: Digest) -> Answer {
        let mut answer = self.inner.ask(scope, operation, digest).await;
        if let (Operation::Generate(_), Outcome::Key(novelty, _)) = (operation, &mut answer.outcome)
        {
            *novelty = Novelty::Made;
        }
        answer
    }

    async fn public_keys(&self, scope: Scope) -> Vec<(Name, PublicKey)> {
        self.inner.public_keys(scope).await
    }
}
