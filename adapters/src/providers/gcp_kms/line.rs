//! The line to the service: connections, credentials, pace and second tries.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use google_cloud_auth::credentials::{Builder as Credentials, anonymous};
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_kms_v1::Error;
use google_cloud_kms_v1::client::KeyManagementService;
use tokio::sync::Mutex;

use signer_domain::Deadline;

use super::error::Refusal;
use super::settings::{GcpEndpoint, GcpSettings};
use crate::providers::cloud::pace::Pace;
use crate::providers::cloud::trouble::{Trouble, told_that};

/// An answer that takes longer is not waited for when the call can be made again.
const PATIENCE: Duration = Duration::from_secs(3);
/// Whether a call can be made twice without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It says the same each time.
    Freely,
    /// It makes something.
    Never,
}

/// The line to the service. It is made at the first call, on the runtime of that call, and made anew
/// when its credentials are refused or nothing is heard.
pub(super) struct Line {
    endpoint: GcpEndpoint,
    pace: Pace,
    session: Mutex<Option<Session>>,
}

#[derive(Clone)]
struct Session {
    since: Instant,
    service: KeyManagementService,
}

impl Line {
    pub(super) fn new(settings: &GcpSettings) -> Self {
        Self {
            endpoint: settings.endpoint.clone(),
            pace: Pace::new(settings.limits),
            session: Mutex::default(),
        }
    }

    /// Makes a call, again after a fault that passes when the call can be repeated, and again when the
    /// credentials were refused and are read anew.
    ///
    /// # Errors
    /// What the last try came to.
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
        loop {
            let refusal = match self.ask_once(deadline, repeat, &call).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            let renewed = self.renew(refusal.renews_lines_of());
            // The service did nothing, and credentials that were replaced meanwhile are good.
            if renewed && refusal.is_of_credentials() && !signed_in_anew {
                signed_in_anew = true;
                continue;
            }
            let again = repeat == Repeat::Freely && refusal.is_passing();
            let pause = pauses.next().filter(|_| again);
            match pause.filter(|pause| *pause < deadline.remaining()) {
                Some(pause) => tokio::time::sleep(pause).await,
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
        // In a box: the futures of the library are large, and the callers' would be with them.
        let answer = Box::pin(async {
            let service = self.service().await?;
            call(service).await.map_err(Refusal::from)
        });
        let patient = async {
            Ok(match repeat {
                Repeat::Never => answer.await,
                Repeat::Freely => match tokio::time::timeout(PATIENCE, answer).await {
                    Ok(answer) => answer,
                    Err(_elapsed) => Err(Refusal::Trouble(
                        Trouble::Silent,
                        told_that("no answer within three seconds"),
                    )),
                },
            })
        };
        let paced = self.pace.call(deadline, patient).await;
        paced.map_err(Refusal::Paced)?
    }

    async fn service(&self) -> Result<KeyManagementService, Refusal> {
        let mut session = self.session.lock().await;
        if let Some(session) = session.as_ref() {
            return Ok(session.service.clone());
        }
        let service = open(&self.endpoint).await?;
        *session = Some(Session {
            since: Instant::now(),
            service: service.clone(),
        });
        Ok(service)
    }

    /// Lets the next call make the line anew, unless it is younger than that: who issues tokens must
    /// not be stormed. Tells whether it does.
    fn renew(&self, age: Option<Duration>) -> bool {
        // Whoever holds the lock looks at the session or is making one.
        let (Some(age), Ok(mut session)) = (age, self.session.try_lock()) else {
            return false;
        };
        let given_up = session.take_if(|session| session.since.elapsed() >= age);
        given_up.is_some()
    }
}

/// Reads the credentials anew. The library tries nothing by itself: it would neither count against the
/// limits nor know the deadline.
async fn open(endpoint: &GcpEndpoint) -> Result<KeyManagementService, Refusal> {
    let credentials = if endpoint.is_emulator() {
        anonymous::Builder::new().build()
    } else {
        let found = Credentials::default().build();
        found.map_err(|error| Refusal::of_file(&error))?
    };
    let mut builder = KeyManagementService::builder()
        .with_credentials(credentials)
        .with_retry_policy(NeverRetry);
    if let Some(url) = endpoint.url() {
        builder = builder.with_endpoint(url);
    }
    let built = builder.build().await;
    built.map_err(|error| Refusal::of_building(&error))
}
