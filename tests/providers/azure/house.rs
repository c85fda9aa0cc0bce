//! A vault, an identity service, and the program that uses them.

use std::fs;
use std::sync::Arc;

use signer_cloud_fakes::{Certificate, FakeServer, FakeVault, VaultKind};
use signer_test_support::{Program, PublishedKey, Server, Workplace, eventually};

/// Which mode a custodian is told to keep keys in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Native,
    Envelope,
}

/// A vault on a port of this machine, and beside it the endpoint that gives the machine its identity.
pub(crate) struct House {
    pub(crate) place: Workplace,
    pub(crate) vault: Arc<FakeVault>,
    pub(crate) server: FakeServer,
    pub(crate) identity: FakeServer,
}

impl House {
    pub(crate) fn new(kind: VaultKind) -> Self {
        let certificate = Certificate::new();
        let house = Self::of(kind, &certificate);
        house.trust(&certificate);
        house
    }

    /// A vault with a certificate that the custodian has no reason to trust.
    pub(crate) fn of_a_stranger() -> Self {
        let house = Self::of(VaultKind::Premium, &Certificate::new());
        house.trust(&Certificate::new());
        house
    }

    fn of(kind: VaultKind, certificate: &Certificate) -> Self {
        let vault = Arc::new(FakeVault::new(kind));
        Self {
            place: Workplace::empty(),
            server: FakeServer::start_tls(Arc::<FakeVault>::clone(&vault), certificate),
            identity: FakeServer::start(Arc::<FakeVault>::clone(&vault)),
            vault,
        }
    }

    fn trust(&self, certificate: &Certificate) {
        fs::write(self.place.file("root.pem"), certificate.pem()).unwrap();
    }

    /// The program on a machine that has a managed identity.
    pub(crate) fn program(&self) -> Program {
        self.on_a_machine(env!("CARGO_BIN_EXE_signer-as-shipped"))
    }

    /// The same program with crash points, which dies at the one that `point` names.
    pub(crate) fn program_that_dies_at(&self, point: &str) -> Program {
        self.on_a_machine(env!("CARGO_BIN_EXE_signer-under-test"))
            .with_variable("SIGNER_UNDER_TEST_CRASH", point)
    }

    fn on_a_machine(&self, path: &str) -> Program {
        self.bare(path)
            .with_variable(
                "IDENTITY_ENDPOINT",
                &format!("{}/msi/token", self.identity.url()),
            )
            .with_variable("IDENTITY_HEADER", FakeVault::IDENTITY_HEADER)
    }

    /// The program of an application that signs in with a secret.
    pub(crate) fn application(&self, secret: &str) -> Program {
        self.bare_program()
            .with_variable("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000001")
            .with_variable("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000002")
            .with_variable("AZURE_CLIENT_SECRET", secret)
            .with_variable("AZURE_AUTHORITY_HOST", &self.server.url())
    }

    /// The program on a machine of which it sees nothing but the fake's certificate.
    pub(crate) fn bare_program(&self) -> Program {
        self.bare(env!("CARGO_BIN_EXE_signer-as-shipped"))
    }

    fn bare(&self, path: &str) -> Program {
        let root = self.place.file("root.pem").display().to_string();
        Program::new(path)
            .with_variable("HOME", &self.place.path().display().to_string())
            .with_variable("SSL_CERT_FILE", &root)
    }

    /// The flags of a custodian that keeps its keys in the vault and everything else beside it.
    pub(crate) fn flags(&self, mode: Mode) -> Vec<String> {
        let mode = match mode {
            Mode::Native => "native",
            Mode::Envelope => "envelope",
        };
        let mut flags = self.place.place_flags();
        let url = self.server.url();
        let of_vault = [
            "--key-provider",
            "azure-kv",
            "--azure-vault-url",
            &url,
            "--azure-kv-mode",
            mode,
            "--azure-token-resource",
            "https://vault.azure.net",
            "--azure-requests-per-second",
            "1000",
        ];
        flags.extend(of_vault.map(str::to_owned));
        flags
    }

    /// A custodian that was started.
    pub(crate) fn spawn(&self, program: &Program, mode: Mode) -> Server {
        Server::spawn(program, &self.place, self.flags(mode))
    }

    /// A custodian that is ready.
    pub(crate) fn serve(&self, mode: Mode) -> Server {
        let mut server = self.spawn(&self.program(), mode);
        server.wait_until_ready();
        server
    }
}

/// Makes a key.
pub(crate) fn generate(server: &Server, key_id: &str) -> PublishedKey {
    PublishedKey::of(&server.generate(key_id).json())
}

/// The path of a call to a key, whose handle has a slash in it.
pub(crate) fn path(key: &PublishedKey, call: &str) -> String {
    let segment = key.handle_id.replace(':', "%3A").replace('/', "%2F");
    format!("/v1/keys/{segment}/{call}")
}

/// Waits until readiness tells of the vault in these words.
pub(crate) fn wait_for_warning(server: &Server, words: &str) -> String {
    eventually(words, || {
        // There is nobody to ask yet while it starts.
        let answer = server.socket().exists().then(|| server.get("/readyz"))?;
        let text = String::from_utf8(answer.body).unwrap();
        (answer.status == 503 && text.contains(words)).then_some(text)
    })
}
