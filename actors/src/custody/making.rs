//! The way of a request for a new key to the provider that will hold it.

use actix::dev::{MessageResponse, ToEnvelope};
use actix::{Handler, Message};
use signer_domain::ports::CustodyError;
use signer_domain::{Deadline, ProviderName};

use super::ActorCustody;
use crate::errors::provider_down;
use crate::provider::ProviderActor;

impl ActorCustody {
    /// Asks the provider that is named, or else the first one, to make a key.
    ///
    /// # Errors
    /// [`CustodyError::KeyNotFound`] when it is not configured; [`CustodyError::ProviderUnavailable`]
    /// when it is down; [`CustodyError::Overloaded`]; and as the provider's actor answers.
    pub(super) async fn have_made<M, T>(
        &self,
        provider: Option<ProviderName>,
        request: M,
        deadline: Deadline,
    ) -> Result<T, CustodyError>
    where
        M: Message<Result = Result<T, CustodyError>> + Send + 'static,
        T: Send + 'static,
        ProviderActor: Handler<M>,
        <ProviderActor as Handler<M>>::Result: MessageResponse<ProviderActor, M>,
        <ProviderActor as actix::Actor>::Context: ToEnvelope<ProviderActor, M>,
    {
        let providers = &self.shared.providers;
        let name = provider.or_else(|| providers.first());
        let name = name.ok_or(CustodyError::KeyNotFound)?;
        let _seat = providers.enter_work(name).inspect_err(|_overloaded| {
            self.shared.metrics.overloads.inc();
        })?;
        let addr = self.addresses.of(name).ok_or_else(provider_down)?;
        self.answer_of_provider(addr.send(request), deadline).await
    }
}
