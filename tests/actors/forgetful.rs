//! A registry whose answers can get lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use signer_domain::ports::{
    Abandonment, CurrentKey, GeneratedKey, KeyNotices, KeyPage, KeyQuery, KeyRegistry,
    KeyRegistryError, PendingKey, Reservation, RotationRegistry, RotationReservation,
};
use signer_domain::{
    HandleId, KeyId, KeyMark, ProviderName, RotationTransition, Scope, SigningKey, Timestamp,
};
use signer_kit::registry::Registries;
use tokio::sync::oneshot;

/// The real registry, but for answers that it gives late or not at all.
#[derive(Debug)]
pub(crate) struct Forgetful<R> {
    pub(crate) inner: Arc<R>,
    pub(crate) lapses: Arc<Lapses>,
}

/// What the next answers are to suffer.
#[derive(Debug, Default)]
pub(crate) struct Lapses {
    /// How many further answers to a retirement or the end of a rotation get lost.
    pub(crate) losses: AtomicUsize,
    /// How many retirements and blocks fail before they have any effect.
    pub(crate) refusals: AtomicUsize,
    /// Whether what was learned of the registry does not count any more.
    pub(crate) is_lost: AtomicBool,
    /// Holds the next answer to `find` back.
    pub(crate) record: Hold,
    /// Holds the next reservation back that is to be abandoned.
    pub(crate) abandonment: Hold,
}

/// Where the next who comes by tells that it is there, and then waits until it may go.
#[derive(Debug, Default)]
pub(crate) struct Hold(Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>);

impl Hold {
    /// Holds the next one. The first channel tells when it is there; the second one lets it go.
    pub(crate) fn next(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (is_there, came) = oneshot::channel();
        let (go, may_go) = oneshot::channel();
        *self.0.lock() = Some((is_there, may_go));
        (came, go)
    }

    pub(crate) async fn pass(&self) {
        let held = self.0.lock().take();
        if let Some((is_there, may_go)) = held {
            is_there.send(()).unwrap();
            may_go.await.unwrap();
        }
    }
}

impl Lapses {
    /// Loses an answer, if one is to get lost.
    fn answer<T>(&self, answer: T) -> Result<T, KeyRegistryError> {
        strike(&self.losses).map(|()| answer)
    }
}

/// Fails if a failure is due.
fn strike(due: &AtomicUsize) -> Result<(), KeyRegistryError> {
    let one_less = |due: usize| due.checked_sub(1);
    match due.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
        Ok(_) => Err(failed()),
        Err(_none) => Ok(()),
    }
}

const fn failed() -> KeyRegistryError {
    KeyRegistryError::Unavailable {
        context: "failing, as the test asked",
        source: None,
    }
}

#[async_trait]
impl<R: Registries> KeyRegistry for Forgetful<R> {
    async fn reserve(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<Reservation, KeyRegistryError> {
        self.inner.reserve(scope, key_id, provider, at).await
    }

    async fn complete(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        self.inner.complete(pending, generated, at).await
    }

    async fn abandon(&self, pending: &PendingKey) -> Result<Abandonment, KeyRegistryError> {
        self.lapses.abandonment.pass().await;
        self.inner.abandon(pending).await
    }

    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        self.inner.pending().await
    }

    async fn any_of(&self, provider: ProviderName) -> Result<Option<SigningKey>, KeyRegistryError> {
        self.inner.any_of(provider).await
    }

    async fn find(&self, handle: &HandleId) -> Result<Option<SigningKey>, KeyRegistryError> {
        let found = self.inner.find(handle).await;
        self.lapses.record.pass().await;
        found
    }

    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError> {
        self.inner.current(scope).await
    }

    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError> {
        self.inner.list(query).await
    }

    async fn mark(&self, handle: &HandleId, mark: KeyMark) -> Result<SigningKey, KeyRegistryError> {
        strike(&self.lapses.refusals)?;
        let marked = self.inner.mark(handle, mark).await?;
        self.lapses.answer(marked)
    }

    async fn unmark(
        &self,
        handle: &HandleId,
        mark: KeyMark,
    ) -> Result<SigningKey, KeyRegistryError> {
        let unmarked = self.inner.unmark(handle, mark).await?;
        self.lapses.answer(unmarked)
    }

    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError> {
        self.inner.notices().await
    }

    async fn begin_retirement(&self, handle: &HandleId) -> Result<SigningKey, KeyRegistryError> {
        self.inner.begin_retirement(handle).await
    }

    async fn begun_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.inner.begun_retirements().await
    }

    async fn retire(
        &self,
        key: &SigningKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        strike(&self.lapses.refusals)?;
        self.lapses.answer(self.inner.retire(key, at).await?)
    }

    fn stands(&self) -> Result<(), KeyRegistryError> {
        if self.lapses.is_lost.load(Ordering::SeqCst) {
            return Err(failed());
        }
        self.inner.stands()
    }

    async fn check(&self) -> Result<(), KeyRegistryError> {
        self.inner.check().await
    }
}

#[async_trait]
impl<R: Registries> RotationRegistry for Forgetful<R> {
    async fn reserve_rotation(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<RotationReservation, KeyRegistryError> {
        let inner = &self.inner;
        inner
            .reserve_rotation(scope, new_key_id, provider, at)
            .await
    }

    async fn open_rotation(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let inner = &self.inner;
        inner.open_rotation(pending, generated, at, closes_at).await
    }

    async fn rotate_to(
        &self,
        key: &SigningKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        self.inner.rotate_to(key, at, closes_at).await
    }

    async fn rotation(
        &self,
        scope: &Scope,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        self.inner.rotation(scope).await
    }

    async fn rotation_between(
        &self,
        scope: &Scope,
        old_key_id: &KeyId,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let inner = &self.inner;
        inner.rotation_between(scope, old_key_id, new_key_id).await
    }

    async fn open_rotations(&self) -> Result<Vec<RotationTransition>, KeyRegistryError> {
        self.inner.open_rotations().await
    }

    async fn close_rotation(
        &self,
        transition: &RotationTransition,
        at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let closed = self.inner.close_rotation(transition, at).await?;
        self.lapses.answer(closed)
    }

    async fn unconfirmed_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.inner.unconfirmed_retirements().await
    }

    async fn confirm_retirement(&self, handle: &HandleId) -> Result<(), KeyRegistryError> {
        self.inner.confirm_retirement(handle).await
    }
}
