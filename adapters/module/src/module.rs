//! How the program opens a provider, uses it and lets it go.

use std::fmt;
use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry;
use signer_domain::ports::{KeyProvider, KeyProviderError, KeyRecords};

use crate::face::Face;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::unsupported::UnsupportedProvider;

/// A provider as its crate exports it.
#[async_trait]
pub trait ProviderModule: Send + Sync {
    /// What is shown of it.
    fn face(&self) -> &'static Face;

    /// Whether this binary holds it.
    ///
    /// # Errors
    /// When it does not, in one sentence with the cure.
    fn support(&self) -> Result<(), UnsupportedProvider> {
        Ok(())
    }

    /// Judges the settings. Makes no file, but may load what is loaded once only.
    ///
    /// # Errors
    /// When one is missing or not of its form, or the binary does not hold the provider.
    async fn prepare(&self, settings: &Settings) -> Result<Arc<dyn Prepared>, Refusal>;
}

/// A provider whose settings were judged. It lives as long as the process.
#[async_trait]
pub trait Prepared: fmt::Debug + Send + Sync {
    /// Waits a moment for the back end, and tells what only the operator can put right. One that is not
    /// there may come yet, and is no error.
    ///
    /// # Errors
    /// With the sentence that names the cure.
    async fn meet(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// Opens the provider, on the thread that is going to use it; again whenever that begins anew.
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>>;

    /// Tells it what it has to know of the registry, before it is opened.
    ///
    /// # Errors
    /// When that cannot be read.
    async fn learn_from(&self, registry: Arc<dyn KeyRecords>) -> Result<(), Refusal> {
        drop(registry);
        Ok(())
    }

    /// Says in the log what its settings mean, once, when the custodian is about to serve.
    fn announce(&self) {}

    /// Adds its metrics.
    fn register(&self, _metrics: &mut Registry) {}

    /// Ends when nothing but a new process can help, with the sentence that says why.
    async fn stuck(&self) -> &'static str {
        pending().await
    }

    /// Ends its use, at the end of the process.
    fn close(&self) -> Closed {
        Closed::InOrder
    }
}

/// Says in the log what an operator must know of a provider that is about to serve.
pub fn announce(face: &Face, prepared: &dyn Prepared) {
    if let Some(why) = face.dev_only {
        tracing::warn!(provider = %face.name, "key provider is dev-only: {why}");
    }
    prepared.announce();
}

/// How the use of a provider ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Nothing is left of it.
    InOrder,
    /// A call does not return: the process must end on the spot, for an ordinary exit would wait for that
    /// call for ever, or crash.
    LeaveAtOnce,
}

/// What stands for a provider in a binary without it. Judges none of its settings.
#[derive(Debug)]
pub struct LeftOut(pub &'static Face);

#[async_trait]
impl ProviderModule for LeftOut {
    fn face(&self) -> &'static Face {
        self.0
    }

    fn support(&self) -> Result<(), UnsupportedProvider> {
        Err(UnsupportedProvider(self.0.name))
    }

    async fn prepare(&self, _settings: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        Err(Refusal::usage(UnsupportedProvider(self.0.name)))
    }
}
