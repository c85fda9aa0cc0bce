//! A provider that was named and is not there.

use signer_domain::ProviderName;
use signer_http::wire::ReadyzDocument;

use crate::client::{Answer, Custodian};
use crate::exit::Exit;
use crate::failure::Failure;

/// Makes a refusal clear that comes of a provider which is not configured.
///
/// On the wire that is a key that is not found, as for a handle of such a provider. Which ones are
/// configured everybody may ask, who may ask at all.
pub(super) async fn with_provider<T>(
    custodian: &mut Custodian,
    named: Option<ProviderName>,
    answer: Result<Answer<T>, Failure>,
) -> Result<Answer<T>, Failure> {
    match (answer, named) {
        (Err(refusal), Some(provider)) if refusal.exit() == Exit::NotFound => {
            Err(explain(custodian, provider).await.unwrap_or(refusal))
        }
        (answer, _) => answer,
    }
}

/// The sentence about the provider; `None` when it is configured, or nobody can tell.
async fn explain(custodian: &mut Custodian, provider: ProviderName) -> Option<Failure> {
    let readiness = custodian.get_raw("/readyz").await.ok()?;
    let readiness: ReadyzDocument = serde_json::from_slice(readiness.body()).ok()?;
    let configured = readiness.checks.providers;
    if configured.contains_key(provider.as_str()) {
        return None;
    }
    let names: Vec<&str> = configured.keys().map(String::as_str).collect();
    let names = names.join(", ");
    Some(Failure::new(
        Exit::NotFound,
        format_args!(
            "--provider {provider}: not configured at this custodian, which has {names}; name one it \
             has, or leave the flag out"
        ),
    ))
}
