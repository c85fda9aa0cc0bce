//! The pair by which the token is known.
//!
//! A token that has logged us out, lost its store, or was wiped answers a search with "nothing found"
//! and no error. That a key is not there is therefore believed only of a session that sees the
//! *sentinel*, a pair named `<prefix>:sentinel`, and signs with it.
//!
//! It is made when the token is first used, and only then: when the token certainly holds nothing
//! of ours, and the registry knows no key of it. Keys of ours without their sentinel are a damaged token,
//! and no sentinel is made for it.
//! The first sentinel that a process meets is the one it holds the token to for as long as it lives.
//!
//! Custodians that start at once on an empty token may make one each. That does no harm: a process
//! goes by the one it met first, and before that by the one whose public key is the lowest, so that
//! all that start later agree. None is destroyed, for another process may go by it.

mod pairs;

use self::pairs::PROBE;
use super::desk::Desk;
use super::error::Fault;
use super::key_cache::{KnownKey, LiveKey};
use super::label::Label;

pub(super) use self::pairs::SeenSentinel;

impl Desk<'_> {
    /// Proves that the token is there and whole, at the price of one signature where that is possible.
    pub(super) fn prove(&self) -> Result<(), Fault> {
        self.require_login()?;
        let label = self.sentinel_label();
        let Some(KnownKey::Live(sentinel)) = self.known(&label) else {
            return self.witness();
        };
        // A search may wait for a key object that hangs, where a handle at hand does not.
        self.probe(&sentinel)
            .inspect_err(|_fault| self.token.keys.forget(&label))
    }

    /// Proves that this session sees what the token holds: the token of before, with its sentinel.
    pub(super) fn witness(&self) -> Result<(), Fault> {
        self.require_login()?;
        self.token
            .require_identity(self.module, self.standing, self.until)?;
        let label = self.sentinel_label();
        let pinned = self.token.sentinel(self.until)?;
        let seen = match self.see_sentinel(&label, pinned)? {
            Some(seen) => seen,
            None => self.make_sentinel(&label)?,
        };
        let sentinel = seen.key;
        if pinned.is_some_and(|pinned| pinned != sentinel.public_key) {
            tracing::error!("token holds another sentinel than before");
            return Err(Fault::doubtful("looking for the sentinel of before"));
        }
        self.probe(&sentinel)?;
        if pinned.is_none() {
            self.token.pin_sentinel(sentinel.public_key, self.until)?;
            tracing::info!(
                public_key = sentinel.public_key.to_base64(),
                "sentinel found"
            );
        }
        self.token.sentinels.note(seen.pairs);
        self.keep(&label, KnownKey::Live(sentinel));
        Ok(())
    }

    /// Proves once more that nothing has changed since this session was a witness.
    pub(super) fn testify_again(&self) -> Result<(), Fault> {
        self.require_login()?;
        match self.known(&self.sentinel_label()) {
            Some(KnownKey::Live(sentinel)) => self.probe(&sentinel),
            Some(KnownKey::Retired) | None => self.witness(),
        }
    }

    fn sentinel_label(&self) -> Label {
        self.token.settings.labels.of_sentinel()
    }

    /// Has the sentinel sign, and verifies it.
    pub(super) fn probe(&self, sentinel: &LiveKey) -> Result<(), Fault> {
        let signature = self.sign(sentinel.private, &PROBE)?;
        if sentinel.verifier.accepts(&PROBE, &signature) {
            Ok(())
        } else {
            Err(Fault::WrongSignature)
        }
    }

    /// Makes the sentinel of a token that certainly holds nothing of ours.
    fn make_sentinel(&self, label: &Label) -> Result<SeenSentinel, Fault> {
        let absent = || Fault::doubtful("looking for the sentinel");
        if self.token.sentinel(self.until)?.is_some() {
            return Err(absent());
        }
        // Of all sessions of this process that find none, one makes it.
        let _makes = self.token.sentinel_making(self.until)?;
        if let Some(seen) = self.see_sentinel(label, None)? {
            return Ok(seen);
        }
        let labels = &self.token.settings.labels;
        if self.list()?.iter().any(|key| labels.covers(&key.label)) {
            // Another process may just have made it, and keys too.
            return self
                .see_sentinel(label, None)?
                .ok_or_else(|| damaged(label));
        }
        self.require_login()?;
        self.token
            .require_identity(self.module, self.standing, self.until)?;
        self.token
            .require_no_login_since(self.standing, self.until)?;
        self.token.require_first_use()?;
        tracing::info!(%label, "token holds nothing of ours; making its sentinel");
        self.generate(label)?;
        // Another process may have made one as well; then both see two, or the later one does.
        self.see_sentinel(label, None)?.ok_or_else(absent)
    }
}

/// Says that a token holds keys of ours without their sentinel.
pub(super) fn damaged(sentinel: &Label) -> Fault {
    Fault::misconfigured(
        "looking for the sentinel",
        format!(
            "the token holds keys of this label prefix but no {sentinel}; it is damaged, or the prefix belongs to somebody else"
        ),
    )
}
