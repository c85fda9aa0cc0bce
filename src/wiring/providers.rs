//! From the settings to providers that actors can open.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::{pending, select_all};
use prometheus_client::registry::Registry as Metrics;
use signer_actors::ProviderSpec;
use signer_domain::ports::KeyRecords;
use signer_module::{BoxFuture, Closed, Face, Prepared, Settings};
use signer_software::create_seed_file;

use super::Around;
use crate::catalogue::Catalogue;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{output, telemetry};

/// Makes the development seed, unless it is there from last time.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn provide_development_seed(file: &Path) -> Result<(), Failure> {
    if file.symlink_metadata().is_ok() {
        return Ok(());
    }
    create_seed_file(file).map_err(Failure::general)
}

/// The configured providers, in their order, from their settings to the end of the process.
#[derive(Debug, Default)]
pub(crate) struct OpenProviders(Vec<(&'static Face, Arc<dyn Prepared>)>);

impl OpenProviders {
    /// Tells a provider that is misconfigured before anything is created.
    ///
    /// # Errors
    /// When one of them cannot be used as it is configured.
    pub(crate) async fn of(settings: &[Settings], providers: &Catalogue) -> Result<Self, Failure> {
        let mut opened = Self::default();
        match opened.judge_and_meet(settings, providers).await {
            Ok(()) => Ok(opened),
            Err(refusal) => opened.close(Err(refusal)).map(|()| opened),
        }
    }

    /// No back end is met, and no PIN spent, before the settings of all providers were judged.
    async fn judge_and_meet(
        &mut self,
        settings: &[Settings],
        providers: &Catalogue,
    ) -> Result<(), Failure> {
        for settings in settings {
            let name = settings.face().name;
            for module in providers.iter().filter(|it| it.face().name == name) {
                // From here on it has to be closed, whatever comes of it.
                self.0
                    .push((module.face(), module.prepare(settings).await?));
            }
        }
        for (_, prepared) in &self.0 {
            prepared.meet().await?;
        }
        Ok(())
    }

    /// The providers, ready to be opened by their actors.
    pub(crate) fn specs(&self, around: &'static dyn Around) -> Vec<ProviderSpec> {
        let spec = |(face, prepared): &(&Face, Arc<dyn Prepared>)| {
            let prepared = Arc::clone(prepared);
            let factory = move || {
                let opening = prepared.open();
                let opened: BoxFuture<'static, _> =
                    Box::pin(async move { Ok(around.provider(opening.await?)) });
                opened
            };
            ProviderSpec {
                name: face.name,
                is_dev_only: face.dev_only.is_some(),
                factory: Arc::new(factory),
            }
        };
        self.0.iter().map(spec).collect()
    }

    /// Tells them what they have to know of the registry.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn learn_from(&self, registry: Arc<dyn KeyRecords>) -> Result<(), Failure> {
        for (_, prepared) in &self.0 {
            prepared.learn_from(Arc::clone(&registry)).await?;
        }
        Ok(())
    }

    /// Says in the log what an operator must know of them.
    pub(crate) fn announce(&self) {
        for (face, prepared) in &self.0 {
            signer_module::announce(face, &**prepared);
        }
    }

    /// Adds their metrics.
    pub(crate) fn register(&self, metrics: &mut Metrics) {
        for (_, prepared) in &self.0 {
            prepared.register(metrics);
        }
    }

    /// Ends when one of them is stuck in a way that nothing but a new process can help, with the reason.
    pub(crate) async fn stuck(&self) -> &'static str {
        if self.0.is_empty() {
            return pending().await;
        }
        let (reason, _, _) = select_all(self.0.iter().map(|(_, prepared)| prepared.stuck())).await;
        reason
    }

    /// Closes them at the end of the process, and hands its outcome on.
    ///
    /// # Errors
    /// Those of `outcome`.
    pub(crate) fn close(&self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        let mut last = Closed::InOrder;
        for (_, prepared) in self.0.iter().rev() {
            if prepared.close() == Closed::LeaveAtOnce {
                last = Closed::LeaveAtOnce;
            }
        }
        leave(last, outcome)
    }
}

/// Hands the outcome of the process on, or ends it on the spot where an ordinary exit would wait for ever.
///
/// # Errors
/// Those of `outcome`.
pub(crate) fn leave<T>(closed: Closed, outcome: Result<T, Failure>) -> Result<T, Failure> {
    if closed == Closed::InOrder {
        return outcome;
    }
    let exit = match outcome {
        Ok(_) => {
            telemetry::flush();
            Exit::Ok
        }
        Err(failure) => {
            output::say(&failure);
            failure.exit()
        }
    };
    signal_hook::low_level::exit(exit.status().into())
}

#[cfg(test)]
mod tests;
