//! The line to the service: connections, credentials, pace and second tries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use google_cloud_auth::credentials::{Builder as CredentialsBuilder, Credentials, anonymous};
use google_cloud_kms_v1::Error;
use google_cloud_kms_v1::client::KeyManagementService;
use tokio::sync::Mutex;

use signer_cloud::{Pace, Trouble, told_that};
use signer_domain::Deadline;

use super::error::Refusal;
use super::settings::{GcpEndpoint, GcpSettings};
use super::transport::{Transport, nothing};

/// An answer that takes longer is not waited for when the call can be made again.
const PATIENCE: Duration = Duration::from_secs(3);
/// Who issues tokens answers in much less, and the library would wait without end.
const SIGN_IN_PATIENCE: Duration = Duration::from_secs(4);
/// A line that is no good is not made anew more often, lest who issues tokens is stormed.
const LIFE_AT_THE_LEAST: Duration = Duration::from_secs(1);

/// Whether a call can be made twice without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It says the same each time, and leaves nothing behind.
    Freely,
    /// It changes something, and twice is no more than once.
    AsOnce,
    /// It makes something.
    Never,
}

impl Repeat {
    const fn changes_something(self) -> bool {
        match self {
            Self::Freely => false,
            Self::AsOnce | Self::Never => true,
        }
    }
}

/// The line to the service. It is made at the first call, on the runtime of that call, and made anew
/// when its credentials are refused or its certificates are not enough.
#[derive(Clone)]
pub(super) struct Line {
    endpoint: GcpEndpoint,
    pace: Pace,
    session: Arc<Mutex<Option<Session>>>,
}

#[derive(Clone)]
struct Session {
    since: Instant,
    credentials: Credentials,
    service: KeyManagementService,
}

impl Line {
    pub(super) fn new(settings: &GcpSettings) -> Self {
        Self {
            endpoint: settings.endpoint.clone(),
            pace: Pace::new(settings.limits),
            session: Arc::default(),
        }
    }

    /// The same line for those who want signatures.
    pub(super) fn for_signatures(&self) -> Self {
        Self {
            pace: self.pace.for_signatures(),
            ..self.clone()
        }
    }

    /// Makes a call, again after a fault that passes when the call can be repeated, and again when the
    /// credentials were refused and are read anew.
    ///
    /// # Errors
    /// What the last try came to. Of a call that changes something it leaves doubt when any try did.
    pub(super) async fn ask<T, F>(
        &self,
        deadline: Deadline,
        repeat: Repeat,
        call: impl Fn(KeyManagementService) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_times(2)
            .with_jitter()
            .build();
        let mut signed_in_anew = false;
        let mut may_have_had_its_effect = false;
        loop {
            let refusal = match self.ask_once(deadline, repeat, &call).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            may_have_had_its_effect |= repeat.changes_something() && refusal.leaves_doubt();
            let renewed = refusal.asks_for_renewal() && self.renew();
            // Credentials that were replaced meanwhile are good.
            if renewed && refusal.is_of_credentials() && !signed_in_anew {
                signed_in_anew = true;
                continue;
            }
            let again = repeat != Repeat::Never && refusal.is_passing();
            let pause = pauses.next().filter(|_| again);
            match pause.filter(|pause| *pause < deadline.remaining()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None if may_have_had_its_effect => return Err(refusal.after_doubt()),
                None => return Err(refusal),
            }
        }
    }

    async fn ask_once<T, F>(
        &self,
        deadline: Deadline,
        repeat: Repeat,
        call: impl Fn(KeyManagementService) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let patient = async {
            let service = self.signed_in().await?;
            let answer = call(service);
            match repeat {
                Repeat::Never => answer.await.map_err(Refusal::from),
                Repeat::Freely | Repeat::AsOnce => {
                    match tokio::time::timeout(PATIENCE, answer).await {
                        Ok(answer) => answer.map_err(Refusal::from),
                        Err(_elapsed) => Err(Refusal::Trouble(
                            Trouble::Silent,
                            told_that("no answer within three seconds"),
                        )),
                    }
                }
            }
        };
        // In a box: the futures of the library are large, and the callers' would be with them.
        let boxed = Box::pin(patient);
        let paced = self.pace.call(deadline, async { Ok(boxed.await) }).await;
        paced.map_err(Refusal::Final)?
    }

    /// The service, once there is a token for it. What goes wrong with one is told apart from what goes
    /// wrong with the service.
    async fn signed_in(&self) -> Result<KeyManagementService, Refusal> {
        let session = self.session().await?;
        let token = session.credentials.headers(nothing());
        match tokio::time::timeout(SIGN_IN_PATIENCE, token).await {
            Ok(Ok(_)) => Ok(session.service),
            Ok(Err(error)) => Err(Refusal::of_credentials(&error)),
            Err(_elapsed) => Err(Refusal::NoToken(told_that("no token within four seconds"))),
        }
    }

    async fn session(&self) -> Result<Session, Refusal> {
        let mut session = self.session.lock().await;
        if let Some(session) = session.as_ref() {
            return Ok(session.clone());
        }
        let opened = open(&self.endpoint).await?;
        Ok(session.insert(opened).clone())
    }

    /// Lets the next call make the line anew, unless that has just been done. Tells whether it does.
    fn renew(&self) -> bool {
        // Whoever holds the lock looks at the session or is making one.
        let Ok(mut session) = self.session.try_lock() else {
            return false;
        };
        let given_up = session.take_if(|session| session.since.elapsed() >= LIFE_AT_THE_LEAST);
        given_up.is_some()
    }
}

/// Reads the credentials anew.
async fn open(endpoint: &GcpEndpoint) -> Result<Session, Refusal> {
    let credentials = if endpoint.is_emulator() {
        anonymous::Builder::new().build()
    } else {
        let found = CredentialsBuilder::default().build();
        found.map_err(|error| Refusal::of_file(&error))?
    };
    let transport = Transport::new(credentials.clone(), endpoint.url()).await;
    let transport = transport.map_err(|error| Refusal::of_building(&error))?;
    Ok(Session {
        since: Instant::now(),
        credentials,
        service: KeyManagementService::from_stub(transport),
    })
}
