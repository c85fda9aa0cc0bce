//! A custodian, its service, and whoever issues tokens.

use std::fs;
use std::sync::Arc;

use ring::digest::{SHA512, digest};
use ring::signature::Ed25519KeyPair;
use serde_json::json;
use signer_cloud_fakes::{
    Answer, Certificate, FakeServer, GcpKms, Request, gcp_refusal, gcp_sign_prehashed,
};
use signer_test_support::{Canary, Program, PublishedKey, Server, Traces, Workplace};

use crate::suite::service::{self, Call, KeyService, Served, VENDOR_TEXT};
use crate::suite::signing::SignsItself;
use crate::suite::{Disruption, Installation, Secret, WrongSetting};

const KEY_RING: &str = "projects/test-project/locations/europe-west3/keyRings/signer";

/// What signs in, and must never be seen anywhere.
const REFRESH_TOKEN: &str = "throw-away-refresh-token-Qm9ndXM";
const CLIENT_SECRET: &str = "throw-away-client-secret-WmVyb2s";

/// A place, a service that speaks TLS and asks for an access token, and whoever issues those.
pub(crate) struct Harness {
    pub(crate) place: Workplace,
    pub(crate) service: Arc<GcpKms>,
    pub(crate) kms: FakeServer,
    pub(crate) tokens: FakeServer,
}

impl Harness {
    /// The service is an emulator that asks nobody who calls.
    pub(crate) fn with_emulator() -> Self {
        let service = Arc::new(GcpKms::new(KEY_RING));
        let kms = FakeServer::start(Arc::<GcpKms>::clone(&service));
        let harness = Self::with(service, kms);
        harness.trust(&Certificate::new().pem());
        harness
    }

    fn behind(certificate: &Certificate) -> Self {
        let service = Arc::new(GcpKms::new(KEY_RING));
        service.require_tokens();
        let kms = FakeServer::start_tls(Arc::<GcpKms>::clone(&service), certificate);
        let harness = Self::with(service, kms);
        harness.write_credentials();
        harness
    }

    fn with(service: Arc<GcpKms>, kms: FakeServer) -> Self {
        Self {
            place: Workplace::empty(),
            tokens: FakeServer::start(Arc::<GcpKms>::clone(&service)),
            kms,
            service,
        }
    }

    /// The file that `GOOGLE_APPLICATION_CREDENTIALS` names.
    pub(crate) fn write_credentials(&self) {
        let issuer = self.tokens.url();
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
}

impl Installation for Harness {
    const NAME: &'static str = "gcp-kms";
    const HANDLES: &'static str =
        "gcp-kms:projects/test-project/locations/europe-west3/keyRings/signer/cryptoKeys/k-";
    const AWAY: &'static str = "connecting to the key service";
    const WRONG_SETTINGS: &'static [WrongSetting] = &[
        (
            "--gcp-key-ring",
            None,
            "is required with --key-provider gcp-kms; name a key ring, as in \
             projects/PROJECT/locations/LOCATION/keyRings/RING",
        ),
        (
            "--gcp-protection-level",
            None,
            "is required with --key-provider gcp-kms; name where new keys live: software, or hsm \
             where Google offers Ed25519 there",
        ),
        (
            "--gcp-key-ring",
            Some("signer"),
            "must be the full name of a key ring, \
             projects/PROJECT/locations/LOCATION/keyRings/RING, as 'gcloud kms keyrings list' \
             prints it",
        ),
        (
            "--gcp-key-prefix",
            Some("a/b"),
            "must be at most 20 ASCII letters, digits, '-' and '_'",
        ),
        (
            "--gcp-protection-level",
            Some("HSM"),
            "must be hsm or software",
        ),
        (
            "--gcp-endpoint-url",
            Some("kms"),
            "must be a URL without a path, such as https://cloudkms.googleapis.com",
        ),
        (
            "--gcp-endpoint-url",
            Some("http://kms.example.com"),
            "must open with https://: plain http is only for an emulator on this machine, such as \
             http://127.0.0.1:9010",
        ),
        (
            "--gcp-max-in-flight",
            Some("0"),
            "must be a number from 1 to 1024",
        ),
        (
            "--gcp-requests-per-second",
            Some("0"),
            "must be a number from 1 to 100000",
        ),
    ];
    const KEPT: &'static [&'static str] = &["credentials.json"];
    const LOGGED: &'static str = "invalid_grant";
    const LOST_KEY_ANSWER: u16 = 201;

    fn new() -> Self {
        let certificate = Certificate::new();
        let harness = Self::behind(&certificate);
        harness.trust(&certificate.pem());
        harness
    }

    fn place(&self) -> &Workplace {
        &self.place
    }

    /// With nothing of this machine that Google's libraries look at.
    fn equip(&self, program: Program) -> Program {
        let path = |name: &str| self.place.file(name).display().to_string();
        program
            .with_variable("GOOGLE_APPLICATION_CREDENTIALS", &path("credentials.json"))
            .with_variable("GOOGLE_CLOUD_QUOTA_PROJECT", "test-project")
            .with_variable("GCE_METADATA_HOST", "127.0.0.1:1")
            .with_variable("HOME", &path("home"))
            .with_variable("SSL_CERT_FILE", &path("trusted.pem"))
            .with_variable("SSL_CERT_DIR", &path("no-certificates"))
            .with_variable("NO_PROXY", "127.0.0.1")
            .with_variable("no_proxy", "127.0.0.1")
    }

    fn provider_flags(&self) -> Vec<String> {
        [
            "--key-provider",
            Self::NAME,
            "--gcp-key-ring",
            KEY_RING,
            "--gcp-endpoint-url",
            &self.kms.url(),
            "--gcp-protection-level",
            "software",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn unhurried() -> &'static [&'static str] {
        &["--gcp-requests-per-second", "1000"]
    }

    fn usable(&self) -> Vec<String> {
        let versions = self.service.enabled().into_iter();
        versions.map(|it| format!("gcp-kms:{it}")).collect()
    }

    fn made(&self) -> usize {
        self.service.pairs()
    }

    fn begin(&self, disruption: Disruption) {
        service::begin(self, disruption);
    }

    fn end(&self) {
        service::end(self);
    }

    /// Lets the library trace its requests, too.
    fn serve_indiscreetly(&self, traces: &mut Traces) -> Server {
        let program = self
            .program()
            .with_variable("GOOGLE_CLOUD_RUST_LOGGING", "true");
        service::serve_indiscreetly(self, &program, traces)
    }

    /// Whoever issues tokens repeats the refresh token in its refusal.
    fn provoke(&self, server: &Server, key: &PublishedKey, traces: &mut Traces) {
        service::refuse_at_work(self, server, key, traces);
        traces.note_process(server, "environ");
    }

    fn secrets(&self) -> Vec<Secret> {
        let canary = Canary::new("the refresh token", REFRESH_TOKEN.as_bytes());
        let sent = self.tokens.requests();
        assert!(sent.iter().any(|request| canary.is_in(&request.body)));
        let mut texts = self.service.issued_tokens();
        assert!(!texts.is_empty());
        texts.extend([REFRESH_TOKEN, CLIENT_SECRET].map(str::to_owned));
        let texts = texts.into_iter().map(Secret::AsText);
        texts.chain([Secret::InAnyForm(canary)]).collect()
    }
}

impl Served for Harness {
    fn server(&self) -> &FakeServer {
        &self.kms
    }

    fn asks(request: &Request, call: Call) -> bool {
        match call {
            Call::Make => request.method == "POST" && request.path.ends_with("/cryptoKeys"),
            Call::Sign => request.path.ends_with(":asymmetricSign"),
            Call::Retire => request.method == "PATCH",
        }
    }

    fn refuse_credentials(&self) {
        self.service.revoke_tokens();
    }

    fn accept_credentials(&self) {
        self.service.issue_again();
    }
}

impl KeyService for Harness {
    const UNTOLD: &'static [&'static str] = &[
        "test-project",
        "invalid authentication",
        "expired or revoked",
        "invalid_grant",
    ];

    fn issuer(&self) -> Option<&FakeServer> {
        None
    }

    fn throttled() -> Answer {
        gcp_refusal(429, "RESOURCE_EXHAUSTED", VENDOR_TEXT)
    }

    fn denied() -> Answer {
        gcp_refusal(403, "PERMISSION_DENIED", VENDOR_TEXT)
    }

    fn of_a_stranger() -> (Self, String) {
        let certificate = Certificate::new();
        let harness = Self::behind(&certificate);
        harness.trust(&Certificate::new().pem());
        (harness, certificate.pem())
    }

    fn trust(&self, certificate: &str) {
        fs::write(self.place.file("trusted.pem"), certificate).unwrap();
    }
}

/// Makes a signature of a seed and the data.
type Sign = fn(&[u8; 32], &[u8]) -> Vec<u8>;

fn sign(seed: &[u8; 32], data: &[u8]) -> Vec<u8> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    pair.sign(data).as_ref().to_vec()
}

impl SignsItself for Harness {
    type Wrong = Sign;
    const WRONGS: &'static [(&'static str, Sign)] = &[
        ("wrong", |_, _| vec![7; 64]),
        ("other-key", |_, data| sign(&[9; 32], data)),
        ("prehashed", gcp_sign_prehashed),
        ("hashed-again", |seed, data| {
            sign(seed, digest(&SHA512, data).as_ref())
        }),
    ];

    fn sign_like(&self, wrong: Option<Sign>) {
        match wrong {
            Some(wrong) => self.service.sign_with(wrong),
            None => self.service.sign_rightly(),
        }
    }
}
