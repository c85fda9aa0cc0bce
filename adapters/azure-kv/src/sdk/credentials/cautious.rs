//! A credential that asks for tokens with care.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use parking_lot::Mutex;

use super::super::error::reason_of;

/// How long the custodian waits for a token. The library asks the metadata service of a virtual
/// machine for more than a minute, also where there is none.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long a token is given again although the vault has refused it: who is refused for another reason
/// must not make the identity service pay for it.
const EARLY: Duration = Duration::from_secs(5);
/// How long a failure is told again: calls ask for a token one after the other, and would wait for each
/// other's failures.
const JUST_NOW: Duration = Duration::from_secs(1);

/// Waits for a token not for ever, and asks for no token but those it is meant to ask for: a vault
/// names the scope by itself, and it could name another service's.
///
/// Each token comes from a credential that is opened anew, because those of the library give the token
/// they have until it expires, also when the vault has said that it is worth nothing.
pub(super) struct Cautious {
    open: Open,
    only_for: Option<String>,
    last: Mutex<Option<(Instant, Outcome)>>,
}

/// Opens a credential of the library.
type Open = Box<dyn Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync>;

/// What became of the last question for a token.
type Outcome = Result<AccessToken, ErrorKind>;

impl Cautious {
    /// A credential that asks for the scope `only_for`, where there is one, and for no other.
    pub(super) fn new(open: Open, only_for: Option<String>) -> Self {
        Self {
            open,
            only_for,
            last: Mutex::default(),
        }
    }

    /// The last outcome, as long as it is too early to ask again.
    fn recent(&self) -> Option<azure_core::Result<AccessToken>> {
        let last = self.last.lock();
        let (since, outcome) = last.as_ref()?;
        match outcome {
            Ok(token) if since.elapsed() < EARLY => Some(Ok(token.clone())),
            Err(kind) if since.elapsed() < JUST_NOW => Some(Err(azure_core::Error::with_error(
                ErrorKind::Credential,
                azure_core::Error::with_message(kind.clone(), "it failed a moment ago"),
                "the identity service gave no token",
            ))),
            Ok(_) | Err(_) => None,
        }
    }

    async fn ask(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let credential = (self.open)()?;
        let token = credential.get_token(scopes, options);
        match tokio::time::timeout(PATIENCE, token).await {
            Ok(token) => token,
            Err(elapsed) => Err(azure_core::Error::with_error(
                ErrorKind::Credential,
                azure_core::Error::new(ErrorKind::Io, elapsed),
                "the identity service gave no token in time",
            )),
        }
    }
}

/// The kind of a failure, without what the identity service answered.
fn kind_of(failure: &azure_core::Error) -> ErrorKind {
    match reason_of(failure).unwrap_or(failure).kind() {
        ErrorKind::HttpResponse {
            status, error_code, ..
        } => ErrorKind::HttpResponse {
            status: *status,
            error_code: error_code.clone(),
            raw_response: None,
        },
        other => other.clone(),
    }
}

#[async_trait]
impl TokenCredential for Cautious {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if let Some(only) = &self.only_for
            && scopes != [only.as_str()]
        {
            return Err(azure_core::Error::with_message(
                ErrorKind::Other,
                "the vault asks for a token of a service other than the configured one",
            ));
        }
        if let Some(recent) = self.recent() {
            return recent;
        }
        let token = self.ask(scopes, options).await;
        let outcome = token.as_ref().map(AccessToken::clone).map_err(kind_of);
        *self.last.lock() = Some((Instant::now(), outcome));
        token
    }
}

impl fmt::Debug for Cautious {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cautious").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Gives a token that tells how many there were before, or none.
    #[derive(Debug)]
    struct Identity(Option<AtomicUsize>);

    #[async_trait]
    impl TokenCredential for Identity {
        async fn get_token(
            &self,
            _scopes: &[&str],
            _options: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let Some(given) = &self.0 else {
                return std::future::pending().await;
            };
            let number = given.fetch_add(1, Ordering::SeqCst);
            let now = azure_core::time::OffsetDateTime::now_utc();
            Ok(AccessToken::new(number.to_string(), now))
        }
    }

    fn cautious(identity: Identity, only_for: Option<&str>) -> Cautious {
        let identity = Arc::new(identity);
        let open = move || -> azure_core::Result<Arc<dyn TokenCredential>> {
            Ok(Arc::<Identity>::clone(&identity))
        };
        Cautious::new(Box::new(open), only_for.map(str::to_owned))
    }

    #[tokio::test]
    async fn a_token_is_asked_for_the_configured_service_only() {
        let ours = "https://vault.azure.net/.default";
        let credential = cautious(Identity(Some(AtomicUsize::new(0))), Some(ours));
        let ask = async |scope: &str| credential.get_token(&[scope], None).await;
        ask(ours).await.unwrap();
        let others = "https://management.azure.com/.default";
        ask(others).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_token_that_is_refused_is_replaced_but_not_at_once() {
        let credential = cautious(Identity(Some(AtomicUsize::new(0))), None);
        let ask = async || {
            let token = credential.get_token(&["a"], None).await.unwrap();
            token.token.secret().to_owned()
        };
        assert_eq!([ask().await, ask().await], ["0", "0"]);
        let long_ago = Instant::now().checked_sub(EARLY).unwrap();
        credential.last.lock().as_mut().unwrap().0 = long_ago;
        assert_eq!(ask().await, "1");
    }

    #[tokio::test(start_paused = true)]
    async fn an_identity_service_that_says_nothing_is_not_waited_for_long() {
        let credential = cautious(Identity(None), None);
        for _ in 0..2 {
            // The second one does not wait for another failure.
            let refusal = credential.get_token(&["a"], None).await.unwrap_err();
            assert_eq!(*refusal.kind(), ErrorKind::Credential);
            assert_eq!(
                reason_of(&refusal).map(azure_core::Error::kind),
                Some(&ErrorKind::Io)
            );
        }
    }
}
