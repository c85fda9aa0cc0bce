//! An account, and the program that uses it.

use std::fs;
use std::sync::Arc;

use signer_cloud_fakes::aws::{
    ACCOUNT, FakeAwsKms, REGION, SignOtherwise, asks_for, damaged, operation_of, prehashed,
    refusal, with_another_key,
};
use signer_cloud_fakes::{Answer, Certificate, FakeServer, Fault, Request};
use signer_test_support::{Canary, Program, PublishedKey, Server, Traces, Workplace};

use crate::suite::service::{self, Call, KeyService, Served, VENDOR_TEXT};
use crate::suite::signing::SignsItself;
use crate::suite::{Disruption, Installation, Secret, WrongSetting};

/// Throw-away credentials, each long enough to be found anywhere.
const KEY_ID: &str = "AKIATHROWAWAY4711OFNOUSE";
const SECRET: &str = "a-secret-0815-to-throw-away";
const SESSION: &str = "one-session-2342-for-nobody";

/// An account behind a server, and a place for everything else.
pub(crate) struct Harness {
    pub(crate) place: Workplace,
    pub(crate) fake: Arc<FakeAwsKms>,
    pub(crate) server: FakeServer,
}

impl Harness {
    fn behind(serve: impl FnOnce(Arc<FakeAwsKms>) -> FakeServer) -> Self {
        let fake = Arc::new(FakeAwsKms::new());
        let harness = Self {
            place: Workplace::empty(),
            server: serve(Arc::clone(&fake)),
            fake,
        };
        harness.trust(&Certificate::new().pem());
        for name in ["aws-config", "aws-credentials"] {
            fs::write(harness.place.file(name), "").unwrap();
        }
        harness
    }

    /// A program that finds no credentials but those in the file of the workplace.
    pub(crate) fn without_credentials(&self, program: Program) -> Program {
        let path = |name: &str| self.place.file(name).display().to_string();
        program
            .with_variable("HOME", &path("home"))
            .with_variable("AWS_EC2_METADATA_DISABLED", "true")
            .with_variable("AWS_CONFIG_FILE", &path("aws-config"))
            .with_variable("AWS_SHARED_CREDENTIALS_FILE", &path("aws-credentials"))
            .with_variable("SSL_CERT_FILE", &path("trusted.pem"))
    }

    /// Writes the file that the profile finds its credentials in.
    pub(crate) fn write_credentials(&self, profile: &str) {
        let credentials = format!(
            "[{profile}]\naws_access_key_id = AKIDTHROWAWAY\naws_secret_access_key = throw-away\n"
        );
        fs::write(self.place.file("aws-credentials"), credentials).unwrap();
    }

    /// Lets the next calls of `operation` go wrong.
    pub(crate) fn fail_at(&self, times: usize, operation: &'static str, fault: Fault) {
        self.server.inject(times, asks_for(operation), fault);
    }

    /// How often `operation` was asked for.
    pub(crate) fn count_of(&self, operation: &str) -> usize {
        let requests = self.server.requests().into_iter();
        requests
            .filter(|request| operation_of(request) == operation)
            .count()
    }
}

impl Installation for Harness {
    const NAME: &'static str = "aws-kms";
    const HANDLES: &'static str = "aws-kms:arn:aws:kms:eu-central-1:";
    const AWAY: &'static str = "connecting to the key service";
    const WRONG_SETTINGS: &'static [WrongSetting] = &[
        (
            "--aws-region",
            None,
            "is required with --key-provider aws-kms where neither PLEXSPHERE_SIGNER_AWS_REGION, \
             AWS_REGION nor an AWS profile names a region; name the region that holds the keys, \
             as in --aws-region eu-central-1",
        ),
        (
            "--aws-region",
            Some("Frankfurt"),
            "must be the name of an AWS region, such as eu-central-1",
        ),
        (
            "--aws-endpoint-url",
            Some("127.0.0.1:4567"),
            "must be a URL such as https://vpce-0a1b.kms.eu-central-1.vpce.amazonaws.com, without \
             user or query",
        ),
        (
            "--aws-alias-prefix",
            Some("aws/mine"),
            "must be 1 to 200 ASCII letters, digits and the characters _ - /, with no slash at \
             either end or beside another, and not aws",
        ),
        (
            "--aws-schedule-deletion-days",
            Some("1"),
            "must be a number of days from 7 to 30",
        ),
        ("--aws-profile", Some(""), "must be the name of a profile"),
        (
            "--aws-max-in-flight",
            Some("0"),
            "must be a number from 1 to 1024",
        ),
        (
            "--aws-requests-per-second",
            Some("fast"),
            "must be a number from 1 to 100000",
        ),
    ];
    const KEPT: &'static [&'static str] = &[];
    const LOGGED: &'static str = "InvalidSignatureException";

    fn new() -> Self {
        Self::behind(|fake| FakeServer::start(fake))
    }

    fn place(&self) -> &Workplace {
        &self.place
    }

    fn equip(&self, program: Program) -> Program {
        self.without_credentials(program)
            .with_variable("AWS_ACCESS_KEY_ID", KEY_ID)
            .with_variable("AWS_SECRET_ACCESS_KEY", SECRET)
            .with_variable("AWS_SESSION_TOKEN", SESSION)
    }

    fn provider_flags(&self) -> Vec<String> {
        [
            "--key-provider",
            Self::NAME,
            "--aws-region",
            REGION,
            "--aws-endpoint-url",
            &self.server.url(),
            "--aws-alias-prefix",
            "acme/signer",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn unhurried() -> &'static [&'static str] {
        &["--aws-requests-per-second", "1000"]
    }

    fn usable(&self) -> Vec<String> {
        let keys = self.fake.enabled().into_iter();
        let named = keys.inspect(|key| assert!(key.alias.is_some(), "{key:?}"));
        named.map(|key| format!("aws-kms:{}", key.arn)).collect()
    }

    fn made(&self) -> usize {
        let made = self.fake.keys().len();
        assert_eq!(self.count(Call::Make), made, "no key is asked for in vain");
        made
    }

    fn begin(&self, disruption: Disruption) {
        service::begin(self, disruption);
    }

    fn end(&self) {
        service::end(self);
    }

    fn provoke(&self, server: &Server, key: &PublishedKey, traces: &mut Traces) {
        // AWS itself may repeat the request that it refuses.
        let repeats =
            format!("the canonical request was 'x-amz-security-token:{SESSION}' by {KEY_ID}");
        for answer in [
            refusal(403, "InvalidSignatureException", &repeats),
            refusal(400, "ExpiredTokenException", &repeats),
            refusal(503, "", ""),
        ] {
            self.fail(3, Call::Sign, Fault::Answer(answer));
            let refused = server.sign(key, &[7; 64]).expect_status(503);
            traces.note("a refusal", refused.body);
            self.server.clear_faults();
        }
        self.server.stop();
        traces.note("a refusal in an outage", server.sign(key, &[7; 64]).body);
        self.server.resume();
    }

    fn secrets(&self) -> Vec<Secret> {
        let canaries = [
            Canary::new("the key id", KEY_ID.as_bytes()),
            Canary::new("the secret", SECRET.as_bytes()),
            Canary::new("the session token", SESSION.as_bytes()),
        ];
        let asked = self.server.requests();
        let sent = asked.last().unwrap();
        assert!(canaries[0].is_in(sent.header("authorization").as_bytes()));
        assert!(canaries[2].is_in(sent.header("x-amz-security-token").as_bytes()));
        canaries.map(Secret::InAnyForm).into()
    }
}

impl Served for Harness {
    fn server(&self) -> &FakeServer {
        &self.server
    }

    fn asks(request: &Request, call: Call) -> bool {
        let operation = match call {
            Call::Make => "CreateKey",
            Call::Sign => "Sign",
            Call::Retire => "DisableKey",
        };
        operation_of(request) == operation
    }

    fn refuse_credentials(&self) {
        let expired = refusal(
            400,
            "ExpiredTokenException",
            &format!("The security token is expired: {VENDOR_TEXT}"),
        );
        self.server
            .inject(usize::MAX, |_| true, Fault::Answer(expired));
    }

    fn accept_credentials(&self) {
        self.server.clear_faults();
    }
}

impl KeyService for Harness {
    const UNTOLD: &'static [&'static str] = &[ACCOUNT];

    fn issuer(&self) -> Option<&FakeServer> {
        None
    }

    fn throttled() -> Answer {
        refusal(429, "ThrottlingException", VENDOR_TEXT)
    }

    fn denied() -> Answer {
        refusal(400, "AccessDeniedException", VENDOR_TEXT)
    }

    fn of_a_stranger() -> (Self, String) {
        let certificate = Certificate::new();
        let harness = Self::behind(|fake| FakeServer::start_tls(fake, &certificate));
        (harness, certificate.pem())
    }

    fn trust(&self, certificate: &str) {
        fs::write(self.place.file("trusted.pem"), certificate).unwrap();
    }
}

impl SignsItself for Harness {
    type Wrong = SignOtherwise;
    const WRONGS: &'static [(&'static str, SignOtherwise)] = &[
        ("by-another-key", with_another_key),
        ("prehashed", prehashed),
        ("damaged", damaged),
    ];

    fn sign_like(&self, wrong: Option<SignOtherwise>) {
        self.fake.sign_otherwise(wrong);
    }
}
