use async_trait::async_trait;
use parking_lot::Mutex;
use signer_domain::ProviderName;
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_module::{ProviderModule, Refusal};

use super::*;

/// What became of the token, in order.
static TOLD: Mutex<Vec<&str>> = Mutex::new(Vec::new());

static TOKEN: Face = Face::bare(ProviderName::new("pkcs11"));
static SERVICE: Face = Face::bare(ProviderName::new("aws-kms"));

struct TokenModule;
struct RefusingModule;

#[derive(Debug)]
struct Token;

#[async_trait]
impl ProviderModule for TokenModule {
    fn face(&self) -> &'static Face {
        &TOKEN
    }

    async fn prepare(&self, _: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        TOLD.lock().push("prepared");
        Ok(Arc::new(Token))
    }
}

#[async_trait]
impl ProviderModule for RefusingModule {
    fn face(&self) -> &'static Face {
        &SERVICE
    }

    async fn prepare(&self, _: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        Err(Refusal::usage("--aws-region: there is none"))
    }
}

#[async_trait]
impl Prepared for Token {
    async fn meet(&self) -> Result<(), Refusal> {
        TOLD.lock().push("met");
        Ok(())
    }

    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>> {
        Box::pin(pending())
    }

    fn close(&self) -> Closed {
        TOLD.lock().push("closed");
        Closed::InOrder
    }
}

#[test]
fn no_token_is_met_before_all_settings_were_judged_and_a_prepared_one_is_closed() {
    let said = |face| Settings::read(face, |_| None, |_| None).unwrap();
    let settings = [said(&TOKEN), said(&SERVICE)];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let refused = runtime.block_on(OpenProviders::of(
        &settings,
        &[&TokenModule, &RefusingModule],
    ));
    let refusal = refused.unwrap_err().to_string();
    assert_eq!(refusal, "--aws-region: there is none");
    assert_eq!(*TOLD.lock(), ["prepared", "closed"]);
}
