//! The client of the SDK.

use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Credentials;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use signer_cloud::CloudLimits;

use super::super::settings::AwsKmsSettings;
use super::limited::limited;
use super::trust;

const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// How long one try of a call may take, so that a request of usual patience has room for three.
pub(in super::super) const ATTEMPT_PATIENCE: Duration = Duration::from_secs(3);

/// What a client is made of, as often as it has to be.
#[derive(Clone)]
pub(in super::super) struct Configured {
    settings: AwsKmsSettings,
    credentials: Option<Credentials>,
}

impl Configured {
    /// With the credentials of the machine.
    pub(in super::super) const fn new(settings: AwsKmsSettings) -> Self {
        Self {
            settings,
            credentials: None,
        }
    }

    /// With these credentials, whatever the machine has.
    pub(in super::super) fn with_credentials(self, credentials: Credentials) -> Self {
        let credentials = Some(credentials);
        Self {
            credentials,
            ..self
        }
    }

    pub(super) const fn limits(&self) -> CloudLimits {
        self.settings.limits
    }

    /// A client that makes each call once: what is worth repeating is repeated by its caller, who knows
    /// which calls may be.
    pub(super) async fn connect(&self) -> Client {
        let mut loader = loader(&self.settings);
        if let Some(credentials) = self.credentials.clone() {
            loader = loader.credentials_provider(credentials);
            loader = loader.use_fips(false).use_dual_stack(false);
        }
        Client::new(&loader.load().await)
    }
}

/// The region that the environment, the configuration files or the machine name, in this order.
pub(in super::super) async fn default_region(profile: Option<&str>) -> Option<String> {
    let found = base(profile).load().await;
    found.region().map(ToString::to_string)
}

fn loader(settings: &AwsKmsSettings) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_PATIENCE)
        .operation_attempt_timeout(ATTEMPT_PATIENCE)
        .build();
    let loader = base(settings.profile.as_deref())
        .region(Region::new(settings.region.as_str().to_owned()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    match &settings.endpoint {
        Some(endpoint) => loader.endpoint_url(endpoint.as_str()),
        None => loader,
    }
}

/// What asks for a region or for credentials needs as well.
fn base(profile: Option<&str>) -> ConfigLoader {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let client = Builder::new()
        .tls_provider(tls)
        .tls_context(trust::of_the_machine());
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(limited(client.build_https()));
    match profile {
        Some(profile) => loader.profile_name(profile),
        None => loader,
    }
}
