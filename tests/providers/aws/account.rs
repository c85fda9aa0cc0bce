//! An account, and the program that uses it.

use std::sync::Arc;

use signer_cloud_fakes::FakeServer;
use signer_cloud_fakes::aws::{FakeAwsKms, REGION, asks_for, operation_of};
use signer_cloud_fakes::{Answer, Fault};
use signer_test_support::{Program, Server, Workplace, eventually};

/// Throw-away credentials, each long enough to be found anywhere.
pub(crate) const KEY_ID: &str = "AKIATHROWAWAY4711OFNOUSE";
pub(crate) const SECRET: &str = "a-secret-0815-to-throw-away";
pub(crate) const SESSION: &str = "one-session-2342-for-nobody";

/// An account behind a server, and a place for everything else.
pub(crate) struct Account {
    pub(crate) place: Workplace,
    pub(crate) fake: Arc<FakeAwsKms>,
    pub(crate) server: FakeServer,
}

impl Account {
    pub(crate) fn empty() -> Self {
        let fake = Arc::new(FakeAwsKms::new());
        Self {
            place: Workplace::with_seed(),
            server: FakeServer::start(Arc::<FakeAwsKms>::clone(&fake)),
            fake,
        }
    }

    /// The program, which finds no credentials but those in the file of the workplace.
    pub(crate) fn program_without_credentials(binary: &str, place: &Workplace) -> Program {
        let path = |name: &str| place.file(name).display().to_string();
        Program::new(binary)
            .with_variable("HOME", &path("home"))
            .with_variable("AWS_EC2_METADATA_DISABLED", "true")
            .with_variable("AWS_CONFIG_FILE", &path("aws-config"))
            .with_variable("AWS_SHARED_CREDENTIALS_FILE", &path("aws-credentials"))
    }

    /// The program with credentials.
    pub(crate) fn program(&self) -> Program {
        self.with_credentials(env!("CARGO_BIN_EXE_signer-as-shipped"))
    }

    /// The program that dies where a test wants it to.
    pub(crate) fn program_under_test(&self, crash: &str) -> Program {
        self.with_credentials(env!("CARGO_BIN_EXE_signer-under-test"))
            .with_variable("SIGNER_UNDER_TEST_CRASH", crash)
    }

    fn with_credentials(&self, binary: &str) -> Program {
        Self::program_without_credentials(binary, &self.place)
            .with_variable("AWS_ACCESS_KEY_ID", KEY_ID)
            .with_variable("AWS_SECRET_ACCESS_KEY", SECRET)
            .with_variable("AWS_SESSION_TOKEN", SESSION)
    }

    /// The flags that name the account.
    pub(crate) fn flags(&self) -> Vec<String> {
        [
            "--key-provider",
            "aws-kms",
            "--aws-region",
            REGION,
            "--aws-endpoint-url",
            &self.server.url(),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// A custodian that was started.
    pub(crate) fn spawn(&self, program: &Program, more: &[&str]) -> Server {
        let mut flags = self.place.place_flags();
        flags.extend(self.flags());
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        Server::spawn(program, &self.place, flags)
    }

    /// A custodian that is ready.
    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        let mut server = self.spawn(&self.program(), more);
        server.wait_until_ready();
        server
    }

    /// A custodian that is ready, with keys of the software provider first and AWS KMS second.
    pub(crate) fn serve_both(&self) -> Server {
        let mut flags = self.place.software_flags();
        flags.extend(self.flags());
        let server = Server::start_with(&self.program(), &self.place, flags);
        eventually_readyz(&server, 200, r#""aws-kms":"ready""#);
        server
    }

    /// Lets the next calls of `operation` go wrong.
    pub(crate) fn fail(&self, times: usize, operation: &'static str, fault: Fault) {
        self.server.inject(times, asks_for(operation), fault);
    }

    /// Answers every call like this from now on.
    pub(crate) fn answer_all(&self, answer: Answer) {
        let ever = usize::MAX;
        self.server.inject(ever, |_| true, Fault::Answer(answer));
    }

    /// How often `operation` was asked for.
    pub(crate) fn count(&self, operation: &str) -> usize {
        let requests = self.server.requests().into_iter();
        requests
            .filter(|request| operation_of(request) == operation)
            .count()
    }
}

/// Waits until `/readyz` has this status and this in its text.
pub(crate) fn eventually_readyz(server: &Server, status: u16, holds: &str) {
    eventually(&format!("{status} with {holds:?}"), || {
        let answer = server.connect().ask("GET", "/readyz", None).ok()?;
        (answer.status == status && answer.text().contains(holds)).then_some(())
    });
}
