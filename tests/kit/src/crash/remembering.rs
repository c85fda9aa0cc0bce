//! A provider that holds what it made and nothing else, and still knows after a death.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

/// Gives a provider that can make any key at any time the memory of a back end of its own: a key is
/// there from when it was made, and unusable from when it was retired. What is remembered is a list of
/// handles in a file, which outlives the process.
#[derive(Debug)]
pub struct Remembering<P: ?Sized> {
    file: PathBuf,
    inner: Arc<P>,
}

/// What a back end remembers of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Never,
    Made,
    Retired,
}

impl<P: KeyProvider + ?Sized> Remembering<P> {
    /// Lets `inner` hold the keys that `file` lists.
    pub const fn new(inner: Arc<P>, file: PathBuf) -> Self {
        Self { file, inner }
    }

    fn memory_of(&self, handle: &HandleId) -> Result<Memory, KeyProviderError> {
        let lines = match fs::read_to_string(&self.file) {
            Ok(lines) => lines,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Memory::Never),
            Err(cause) => return Err(unavailable(cause)),
        };
        let knows = |word: &str| {
            let mut lines = lines.lines();
            lines.any(|line| line.split_once(' ') == Some((word, handle.as_str())))
        };
        Ok(match (knows("made"), knows("retired")) {
            (_, true) => Memory::Retired,
            (true, false) => Memory::Made,
            (false, false) => Memory::Never,
        })
    }

    fn remember(&self, word: &str, handle: &HandleId) -> Result<(), KeyProviderError> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.file);
        let line = format!("{word} {handle}\n");
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(unavailable)
    }

    fn require(&self, handle: &HandleId) -> Result<(), KeyProviderError> {
        match self.memory_of(handle)? {
            Memory::Made => Ok(()),
            Memory::Retired => Err(KeyProviderError::KeyRetired),
            Memory::Never => Err(KeyProviderError::KeyNotFound),
        }
    }
}

fn unavailable(cause: std::io::Error) -> KeyProviderError {
    KeyProviderError::ProviderUnavailable {
        context: "remembering keys for a test",
        retry_after: Duration::from_secs(1),
        outcome_unknown: true,
        source: Some(Box::new(cause)),
    }
}

#[async_trait]
impl<P: KeyProvider + ?Sized> KeyProvider for Remembering<P> {
    fn capabilities(&self) -> ProviderCapabilities {
        self.inner.capabilities()
    }

    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let made = self.inner.generate(scope, key_id, deadline).await?;
        match self.memory_of(&made.handle_id)? {
            Memory::Never => self.remember("made", &made.handle_id)?,
            Memory::Made => {}
            Memory::Retired => return Err(KeyProviderError::KeyRetired),
        }
        Ok(made)
    }

    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        self.require(handle)?;
        self.inner.sign(handle, digest, deadline).await
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }

    fn forget(&self, handle: &HandleId) {
        self.inner.forget(handle);
    }

    async fn public_key(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        self.require(handle)?;
        self.inner.public_key(handle, deadline).await
    }

    async fn retire(&self, handle: &HandleId, _deadline: Deadline) -> Result<(), KeyProviderError> {
        match self.memory_of(handle)? {
            Memory::Made => self.remember("retired", handle),
            Memory::Retired => Ok(()),
            Memory::Never => Err(KeyProviderError::KeyNotFound),
        }
    }

    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        // The inner provider may have forgotten what it made; it makes the same key again.
        let found = self.inner.generate(scope, key_id, deadline).await?;
        match self.memory_of(&found.handle_id)? {
            Memory::Never => Ok(None),
            Memory::Made | Memory::Retired => Ok(Some(found)),
        }
    }

    async fn check(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        self.inner.check(deadline).await
    }
}
