//! The settings of the providers, which come out of their faces.

use std::path::PathBuf;

use signer_domain::ProviderName;
use signer_module::{Face, Settings};

use super::Environment;
use crate::catalogue::{Catalogue, SOFTWARE, faces};
use crate::cli::TypedFlags;
use crate::failure::Failure;

/// What was said of providers, on the command line and in the environment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) typed: &'a TypedFlags,
    pub(crate) environment: &'a Environment,
}

impl Said<'_> {
    /// The settings of one provider.
    ///
    /// # Errors
    /// When a value is not of its kind.
    pub(crate) fn settings(self, face: &'static Face) -> Result<Settings, Failure> {
        let settings = Settings::read(
            face,
            |flag| self.typed.value_of(flag),
            |flag| self.environment.value_of(flag),
        );
        Ok(settings?)
    }

    /// The settings of those that are `configured`, in that order. A setting of another one must not be
    /// swallowed.
    ///
    /// # Errors
    /// When a value is not of its kind, or is for a provider that is not configured.
    pub(super) fn settings_of(
        self,
        providers: &Catalogue,
        configured: &[ProviderName],
    ) -> Result<Vec<Settings>, Failure> {
        let mut all = Vec::new();
        for face in faces(providers) {
            let settings = self.settings(face)?;
            let provider = face.name;
            if configured.contains(&provider) {
                all.push(settings);
            } else if let Some(source) = settings.first_given() {
                let sentence = format!(
                    "{} is for the {provider} provider, which is not configured; leave it out, or add \
                     --key-provider {provider}",
                    source.flag()
                );
                return Err(source.explain(sentence).into());
            }
        }
        all.sort_by_key(|settings| {
            configured
                .iter()
                .position(|name| *name == settings.face().name)
        });
        Ok(all)
    }
}

/// The settings that the development set-up brings along: a seed file of the software provider.
///
/// # Errors
/// Never in practice.
pub(super) fn settings_of_development(
    flag: &'static str,
    seed_file: PathBuf,
) -> Result<Vec<Settings>, Failure> {
    let Ok(seed_file) = seed_file.into_os_string().into_string() else {
        return Err(Failure::general("the seed file has no name"));
    };
    let brought = |name: &str| (name == flag).then_some(&seed_file);
    Ok(vec![Settings::read(&SOFTWARE, brought, |_| None)?])
}
