//! A vault, an identity service, and the program that uses them.

use std::fs;
use std::marker::PhantomData;
use std::sync::Arc;

use serde_json::json;
use signer_cloud_fakes::{
    Answer, Certificate, FakeServer, FakeVault, Fault, Request, Signing, VaultKind,
};
use signer_test_support::{Canary, Program, PublishedKey, Server, Traces, Workplace, shipped};

use crate::suite::service::{self, Call, KeyService, Served, VENDOR_TEXT};
use crate::suite::signing::SignsItself;
use crate::suite::{Disruption, Installation, Secret, WrongSetting};

/// In which mode a custodian keeps its keys, in a vault that offers it.
pub(crate) trait Mode {
    const NAME: &'static str;
    const KIND: VaultKind;
    /// The operation of the vault that a signature takes.
    const SIGNING: &'static str;
    const LOST_KEY_MAKES: usize;
}

/// The vault signs.
pub(crate) struct Native;

impl Mode for Native {
    const NAME: &'static str = "native";
    const KIND: VaultKind = VaultKind::WithEd25519;
    const SIGNING: &'static str = "sign";
    const LOST_KEY_MAKES: usize = 1;
}

/// The vault decrypts a key with which the custodian signs.
pub(crate) struct Envelope;

impl Mode for Envelope {
    const NAME: &'static str = "envelope";
    const KIND: VaultKind = VaultKind::Premium;
    const SIGNING: &'static str = "unwrapkey";
    /// A version whose making was not answered holds no key yet. It is disabled, and another one is made.
    const LOST_KEY_MAKES: usize = 2;
}

/// A vault on a port of this machine, and beside it the endpoint that gives the machine its identity.
pub(crate) struct Harness<M> {
    pub(crate) place: Workplace,
    pub(crate) vault: Arc<FakeVault>,
    pub(crate) server: FakeServer,
    pub(crate) identity: FakeServer,
    mode: PhantomData<M>,
}

impl<M: Mode> Harness<M> {
    fn behind(certificate: &Certificate) -> Self {
        let vault = Arc::new(FakeVault::new(M::KIND));
        Self {
            place: Workplace::empty(),
            server: FakeServer::start_tls(Arc::<FakeVault>::clone(&vault), certificate),
            identity: FakeServer::start(Arc::<FakeVault>::clone(&vault)),
            vault,
            mode: PhantomData,
        }
    }

    fn take_for_root(&self, certificate: &str) {
        fs::write(self.place.file("root.pem"), certificate).unwrap();
    }

    /// The program of an application that signs in with a secret.
    pub(crate) fn application(&self, secret: &str) -> Program {
        self.without_identity(shipped!())
            .with_variable("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000001")
            .with_variable("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000002")
            .with_variable("AZURE_CLIENT_SECRET", secret)
            .with_variable("AZURE_AUTHORITY_HOST", &self.server.url())
    }

    /// A program on a machine of which it sees nothing but the certificate to trust.
    pub(crate) fn without_identity(&self, program: Program) -> Program {
        let path = |name: &str| self.place.file(name).display().to_string();
        program
            .with_variable("HOME", &path(""))
            .with_variable("SSL_CERT_FILE", &path("root.pem"))
    }
}

impl<M: Mode> Installation for Harness<M> {
    const NAME: &'static str = "azure-kv";
    const HANDLES: &'static str = "azure-kv:k-8819af2a8b51f9ccd84eb18177f035b924084f2a/";
    const AWAY: &'static str = "connecting to the key service";
    const WRONG_SETTINGS: &'static [WrongSetting] = &[
        (
            "--azure-vault-url",
            None,
            "is required with --key-provider azure-kv; name the vault, as in \
             https://NAME.vault.azure.net",
        ),
        (
            "--azure-kv-mode",
            None,
            "is required with --key-provider azure-kv; choose native, where the vault itself signs, \
             which no vault offers for Ed25519 today, or envelope, where a vault key encrypts each \
             signing key and this process has it in memory while it signs",
        ),
        (
            "--azure-vault-url",
            Some("v.vault.azure.net"),
            "must be the https address of a vault and nothing more, such as \
             https://NAME.vault.azure.net",
        ),
        (
            "--azure-vault-url",
            Some("http://v.vault.azure.net"),
            "must be the https address of a vault and nothing more, such as \
             https://NAME.vault.azure.net",
        ),
        (
            "--azure-kv-mode",
            Some("wrapped"),
            "must be native, where the vault signs (no vault offers Ed25519 today), or envelope, \
             where a vault key encrypts each signing key and this process has it in memory while \
             it signs",
        ),
        (
            "--azure-wrapping-key-type",
            Some("ec"),
            "must be rsa-hsm (premium vaults and managed HSMs) or rsa (any vault)",
        ),
        (
            "--azure-wrapping-key-size",
            Some("1024"),
            "must be one of 2048, 3072, 4096",
        ),
        (
            "--azure-token-resource",
            Some("vault"),
            "must be the https address of a service and nothing more, such as \
             https://vault.azure.net",
        ),
        (
            "--azure-max-in-flight",
            Some("0"),
            "must be a number from 1 to 1024",
        ),
        (
            "--azure-requests-per-second",
            Some("fast"),
            "must be a number from 1 to 100000",
        ),
    ];
    const KEPT: &'static [&'static str] = &[];
    const LOGGED: &'static str = "AADSTS7000215";
    const LOST_KEY_MAKES: usize = M::LOST_KEY_MAKES;

    fn new() -> Self {
        let certificate = Certificate::new();
        let harness = Self::behind(&certificate);
        harness.take_for_root(&certificate.pem());
        harness
    }

    fn place(&self) -> &Workplace {
        &self.place
    }

    /// On a machine that has a managed identity.
    fn equip(&self, program: Program) -> Program {
        let endpoint = format!("{}/msi/token", self.identity.url());
        self.without_identity(program)
            .with_variable("IDENTITY_ENDPOINT", &endpoint)
            .with_variable("IDENTITY_HEADER", FakeVault::IDENTITY_HEADER)
    }

    fn provider_flags(&self) -> Vec<String> {
        [
            "--key-provider",
            Self::NAME,
            "--azure-vault-url",
            &self.server.url(),
            "--azure-kv-mode",
            M::NAME,
            "--azure-token-resource",
            "https://vault.azure.net",
            "--azure-requests-per-second",
            "1000",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn usable(&self) -> Vec<String> {
        let versions = self.vault.enabled().into_iter();
        versions.map(|it| format!("azure-kv:{it}")).collect()
    }

    fn made(&self) -> usize {
        self.vault.versions()
    }

    fn begin(&self, disruption: Disruption) {
        service::begin(self, disruption);
    }

    fn end(&self) {
        service::end(self);
    }

    fn serve_indiscreetly(&self, traces: &mut Traces) -> Server {
        let program = self.application(FakeVault::CLIENT_SECRET);
        service::serve_indiscreetly(self, &program, traces)
    }

    fn provoke(&self, server: &Server, key: &PublishedKey, traces: &mut Traces) {
        self.vault.deny(M::SIGNING);
        let refused = server.sign(key, &[7; 64]).expect_status(503);
        traces.note("an answer with 503", refused.body);
        self.vault.permit_all();
        service::refuse_at_work(self, server, key, traces);
    }

    fn secrets(&self) -> Vec<Secret> {
        let requests = self.server.requests();
        let mut bodies = requests.iter().map(|it| String::from_utf8_lossy(&it.body));
        let was_used = bodies.any(|body| body.contains(FakeVault::CLIENT_SECRET));
        assert!(was_used, "what is looked for was used");
        let keys = self.vault.secrets();
        assert!(!keys.is_empty());
        let canary = |key: &Vec<u8>| Secret::InAnyForm(Canary::new("a private key", key));
        let keys = keys.iter().map(canary);
        let credentials = self.vault.credentials().into_iter();
        keys.chain(credentials.map(Secret::AsText)).collect()
    }
}

impl<M: Mode> Served for Harness<M> {
    fn server(&self) -> &FakeServer {
        &self.server
    }

    fn asks(request: &Request, call: Call) -> bool {
        match call {
            Call::Make => request.path.ends_with("/create"),
            Call::Sign => request.path.ends_with(&format!("/{}", M::SIGNING)),
            Call::Retire => request.method == "PATCH",
        }
    }

    fn refuse_credentials(&self) {
        self.vault.forget_identity();
    }

    fn accept_credentials(&self) {
        self.vault.remember_identity();
    }
}

impl KeyService for Harness<Envelope> {
    const UNTOLD: &'static [&'static str] = &["AKV10000", "no managed identity"];

    fn issuer(&self) -> Option<&FakeServer> {
        Some(&self.identity)
    }

    fn throttled() -> Answer {
        let error = json!({ "code": "Throttled", "message": VENDOR_TEXT });
        Answer::json(429, &json!({ "error": error }))
    }

    fn denied() -> Answer {
        let inner = json!({ "code": "ForbiddenByRbac" });
        let error = json!({ "code": "Forbidden", "message": VENDOR_TEXT, "innererror": inner });
        Answer::json(403, &json!({ "error": error }))
    }

    /// Everything else is permitted.
    fn deny(&self) {
        self.fail(usize::MAX, Call::Sign, Fault::Answer(Self::denied()));
    }

    fn of_a_stranger() -> (Self, String) {
        let certificate = Certificate::new();
        let harness = Self::behind(&certificate);
        harness.trust(&Certificate::new().pem());
        (harness, certificate.pem())
    }

    fn trust(&self, certificate: &str) {
        self.take_for_root(certificate);
    }
}

impl SignsItself for Harness<Native> {
    type Wrong = Signing;
    const WRONGS: &'static [(&'static str, Signing)] = &[
        ("another", Signing::ByAnotherKey),
        ("garbled", Signing::Garbled),
        ("prehashed", Signing::Prehashed),
    ];

    fn sign_like(&self, wrong: Option<Signing>) {
        self.vault.sign_like(wrong.unwrap_or_default());
    }
}
