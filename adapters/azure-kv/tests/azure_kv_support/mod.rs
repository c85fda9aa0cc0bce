//! A fake vault over real TLS, and providers of it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use signer_azure_kv::{
    AzureCredentials, AzureKvMode, AzureKvProvider, AzureKvSettings, WrappingKey, WrappingKeyHome,
    WrappingKeySize,
};
use signer_cloud::CloudLimits;
use signer_cloud::install_tls;
use signer_cloud_fakes::{Certificate, FakeServer, FakeVault, VaultKind};

/// A vault on a port of this machine, which also gives tokens.
pub(crate) struct Stage {
    pub(crate) vault: Arc<FakeVault>,
    pub(crate) server: FakeServer,
    certificate: Certificate,
}

impl Stage {
    pub(crate) fn new(kind: VaultKind) -> Self {
        install_tls();
        let vault = Arc::new(FakeVault::new(kind));
        let certificate = Certificate::new();
        let service = Arc::<FakeVault>::clone(&vault);
        Self {
            server: FakeServer::start_tls(service, &certificate),
            vault,
            certificate,
        }
    }

    /// Settings that keep nobody waiting for a limit.
    pub(crate) fn settings(&self, mode: AzureKvMode) -> AzureKvSettings {
        let url = self.server.url();
        AzureKvSettings {
            vault: url.parse().unwrap(),
            mode,
            wrapping_key: WrappingKey {
                home: WrappingKeyHome::Hardware,
                size: WrappingKeySize::Bits3072,
            },
            token_resource: Some("https://vault.azure.net".parse().unwrap()),
            credentials: credentials(&url),
            limits: CloudLimits {
                max_in_flight: NonZeroUsize::new(256).unwrap(),
                per_second: NonZeroU32::new(10_000).unwrap(),
            },
        }
    }

    /// The provider of a process of its own.
    pub(crate) fn open(&self, mode: AzureKvMode) -> AzureKvProvider {
        self.open_as(&self.settings(mode))
    }

    pub(crate) fn open_as(&self, settings: &AzureKvSettings) -> AzureKvProvider {
        let certificate = reqwest::Certificate::from_pem(self.certificate.pem().as_bytes());
        let http = reqwest::Client::builder().tls_certs_merge([certificate.unwrap()]);
        // No proxy of the machine knows of the fake.
        AzureKvProvider::open_with(settings, http.no_proxy()).unwrap()
    }
}

/// The secret of an application, and an Entra ID at `authority`.
pub(crate) fn credentials(authority: &str) -> AzureCredentials {
    let found = |name| match name {
        "AZURE_TENANT_ID" => Some("00000000-0000-0000-0000-000000000001".to_owned()),
        "AZURE_CLIENT_ID" => Some("00000000-0000-0000-0000-000000000002".to_owned()),
        "AZURE_CLIENT_SECRET" => Some(FakeVault::CLIENT_SECRET.to_owned()),
        "AZURE_AUTHORITY_HOST" => Some(authority.to_owned()),
        _ => None,
    };
    AzureCredentials::from_variables(found).unwrap()
}
