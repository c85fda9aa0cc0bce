//! What was last seen of the marks of keys and of scopes that cannot sign.

use std::collections::BTreeMap;

use parking_lot::RwLock;
use signer_domain::ports::KeyNotices;
use signer_domain::{KeyMarks, ProviderName, Scope, SigningKey};

use crate::metrics::Metrics;

/// So many scopes are named one by one.
const NAMED: usize = 3;

/// What was last seen of the marks of keys and of scopes that cannot sign. Probes and scrapes read it.
#[derive(Debug)]
pub(crate) struct NoticeWatch {
    warnings: RwLock<Vec<String>>,
    metrics: Metrics,
}

impl NoticeWatch {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            warnings: RwLock::default(),
            metrics,
        }
    }

    /// Takes over what the registry says.
    pub(crate) fn show(&self, notices: &KeyNotices) {
        let KeyNotices {
            keys,
            scopes_without_current,
        } = notices;
        let unable = keys.iter().filter(|key| key.current && !key.may_sign());
        let mut scopes: Vec<Scope> = unable.map(|key| key.scope).collect();
        scopes.extend(scopes_without_current);
        self.metrics.show_marks(keys, scopes.len());
        let mut warnings = warnings_of(
            keys,
            |marks| marks.quarantined,
            |provider, count| {
                format!(
                    "quarantined keys of key provider \"{provider}\": {count}; signatures by them did not \
                 verify; once the cause is known: keys release-quarantine HANDLE"
                )
            },
        );
        warnings.extend(warnings_of(
            keys,
            |marks| marks.blocked,
            |provider, count| {
                format!(
                    "blocked keys of key provider \"{provider}\": {count}; \"keys list\" marks them"
                )
            },
        ));
        warnings.extend(warnings_of(keys, |marks| marks.unconfirmed, |provider, count| {
            format!(
                "retired keys that key provider \"{provider}\" has not confirmed to be unusable: \
                 {count}; \"keys list\" marks them as unconfirmed"
            )
        }));
        warnings.extend(warning_of_scopes(&scopes));
        *self.warnings.write() = warnings;
    }

    /// What an operator should attend to.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.read().clone()
    }
}

/// A sentence for each provider that has keys with such marks.
fn warnings_of(
    keys: &[SigningKey],
    is_meant: impl Fn(KeyMarks) -> bool,
    sentence: impl Fn(ProviderName, usize) -> String,
) -> Vec<String> {
    let mut counts = BTreeMap::<ProviderName, usize>::new();
    for key in keys.iter().filter(|key| is_meant(key.marks)) {
        *counts.entry(key.provider()).or_default() += 1;
    }
    let told = counts.into_iter();
    told.map(|(provider, count)| sentence(provider, count))
        .collect()
}

fn warning_of_scopes(scopes: &[Scope]) -> Option<String> {
    if scopes.is_empty() {
        return None;
    }
    let named: Vec<String> = scopes
        .iter()
        .take(NAMED)
        .map(|scope| format!("\"{scope}\""))
        .collect();
    let more = if scopes.len() > NAMED { ", ..." } else { "" };
    Some(format!(
        "scopes without a current key that may sign: {} ({}{more}); generate a key there, or unblock or \
         release the current one",
        scopes.len(),
        named.join(", ")
    ))
}
