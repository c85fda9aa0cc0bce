//! A custodian, its service, and whoever issues tokens.

use std::fs;
use std::sync::Arc;

use serde_json::json;
use signer_cloud_fakes::{Certificate, FakeServer, GcpKms};
use signer_test_support::{
    Program, PublishedKey, Server, Workplace, eventually, path_of, under_test,
};

pub(crate) const KEY_RING: &str = "projects/test-project/locations/europe-west3/keyRings/signer";

/// What signs in, and must never be seen anywhere.
pub(crate) const REFRESH_TOKEN: &str = "throw-away-refresh-token-Qm9ndXM";
pub(crate) const CLIENT_SECRET: &str = "throw-away-client-secret-WmVyb2s";

/// A place, a service, and the way there.
pub(crate) struct House {
    pub(crate) place: Workplace,
    pub(crate) service: Arc<GcpKms>,
    pub(crate) kms: FakeServer,
    /// Issues tokens where the service asks for them.
    pub(crate) tokens: Option<FakeServer>,
}

impl House {
    /// The service is an emulator that asks nobody who calls.
    pub(crate) fn with_emulator() -> Self {
        let service = Arc::new(GcpKms::new(KEY_RING));
        let place = Workplace::empty();
        fs::write(place.file("trusted.pem"), Certificate::new().pem()).unwrap();
        Self {
            kms: FakeServer::start(Arc::<GcpKms>::clone(&service)),
            service,
            place,
            tokens: None,
        }
    }

    /// The service speaks TLS and asks for an access token, and its certificate is trusted.
    pub(crate) fn with_credentials() -> Self {
        let certificate = Certificate::new();
        let house = Self::behind(&certificate);
        house.trust(&certificate.pem());
        house
    }

    /// The same, but the certificate, which is returned too, is not trusted.
    pub(crate) fn with_a_stranger() -> (Self, String) {
        let certificate = Certificate::new();
        let house = Self::behind(&certificate);
        house.trust(&Certificate::new().pem());
        (house, certificate.pem())
    }

    /// Trusts this certificate and no other.
    pub(crate) fn trust(&self, certificate: &str) {
        fs::write(self.place.file("trusted.pem"), certificate).unwrap();
    }

    fn behind(certificate: &Certificate) -> Self {
        let service = Arc::new(GcpKms::new(KEY_RING));
        service.require_tokens();
        let house = Self {
            place: Workplace::empty(),
            kms: FakeServer::start_tls(Arc::<GcpKms>::clone(&service), certificate),
            tokens: Some(FakeServer::start(Arc::<GcpKms>::clone(&service))),
            service,
        };
        house.write_credentials();
        house
    }

    /// The file that `GOOGLE_APPLICATION_CREDENTIALS` names.
    pub(crate) fn write_credentials(&self) {
        let issuer = self.tokens.as_ref().unwrap().url();
        let document = json!({
            "type": "authorized_user",
            "client_id": "test-client",
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            "token_uri": format!("{issuer}/token"),
        });
        let file = self.place.file("credentials.json");
        fs::write(file, document.to_string()).unwrap();
    }

    /// The program, with nothing of this machine that Google's libraries look at.
    pub(crate) fn program(&self) -> Program {
        let path = |name: &str| self.place.file(name).display().to_string();
        under_test!()
            .with_variable("GOOGLE_APPLICATION_CREDENTIALS", &path("credentials.json"))
            .with_variable("GOOGLE_CLOUD_QUOTA_PROJECT", "test-project")
            .with_variable("GCE_METADATA_HOST", "127.0.0.1:1")
            .with_variable("HOME", &path("home"))
            .with_variable("SSL_CERT_FILE", &path("trusted.pem"))
            .with_variable("SSL_CERT_DIR", &path("no-certificates"))
            .with_variable("NO_PROXY", "127.0.0.1")
            .with_variable("no_proxy", "127.0.0.1")
    }

    pub(crate) fn flags(&self, more: &[&str]) -> Vec<String> {
        let mut flags = self.place.place_flags();
        let url = self.kms.url();
        let gcp = [
            "--key-provider",
            "gcp-kms",
            "--gcp-key-ring",
            KEY_RING,
            "--gcp-endpoint-url",
            &url,
        ];
        flags.extend(gcp.iter().chain(more).map(|&flag| flag.to_owned()));
        let level = "--gcp-protection-level";
        if !more.contains(&level) {
            flags.extend([level, "software"].map(str::to_owned));
        }
        flags
    }

    /// A custodian that is ready.
    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        let mut server = self.spawn(more);
        server.wait_until_ready();
        server
    }

    /// A custodian that was started.
    pub(crate) fn spawn(&self, more: &[&str]) -> Server {
        self.spawn_as(&self.program(), more)
    }

    pub(crate) fn spawn_as(&self, program: &Program, more: &[&str]) -> Server {
        Server::spawn(program, &self.place, self.flags(more))
    }
}

pub(crate) fn generate(server: &Server, key_id: &str) -> PublishedKey {
    PublishedKey::of(&server.generate(key_id).json())
}

/// The path of a call for a key.
pub(crate) fn path(key: &PublishedKey, call: &str) -> String {
    let handle = key.handle_id.replace('/', "%2F");
    format!("{}/{call}", path_of(&handle))
}

/// Waits for a custodian that is not ready and says why.
pub(crate) fn wait_for_warning(server: &Server, said: &str) -> String {
    eventually(said, || {
        let mut connection = signer_test_support::Connection::open(server.socket()).ok()?;
        let answer = connection.ask("GET", "/readyz", None).ok()?;
        let text = answer.text().to_owned();
        (answer.status == 503 && text.contains(said)).then_some(text)
    })
}
