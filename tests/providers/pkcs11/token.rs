//! A fresh token, and the program that uses it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use signer_test_support::{
    Canary, Finished, Program, PublishedKey, Server, Traces, Workplace, eventually, path_of,
    sign_request,
};

use crate::suite::signing::SignsItself;
use crate::suite::{Disruption, Installation, Secret, WrongSetting};

/// What the token is called.
pub(crate) const LABEL: &str = "throwaway";
/// A throw-away PIN of the user. No eight bytes of it are part of anything else in a run.
pub(crate) const PIN: &str = "4711-is-the-pin-to-throw-away";
const AS_OFFICER: [&str; 2] = ["--so-pin", "throwaway-officer-0815"];

/// A token in a private directory.
pub(crate) struct Token {
    pub(crate) place: Workplace,
    module: PathBuf,
}

impl Token {
    /// An empty token of the real module.
    pub(crate) fn fresh() -> Self {
        let token = Self::none();
        token.make();
        token
    }

    /// Whether the real module is that of `SoftHSM`.
    pub(crate) fn is_of_softhsm() -> bool {
        real_module().ends_with("libsofthsm2.so")
    }

    /// A place where a token may be made.
    pub(crate) fn none() -> Self {
        let place = Workplace::empty();
        fs::create_dir(place.file("tokens")).unwrap();
        let softhsm = format!(
            "directories.tokendir = {}\nlog.level = ERROR\n",
            place.file("tokens").display()
        );
        fs::write(place.file("softhsm2.conf"), softhsm).unwrap();
        let kryoptic = format!(
            "[[slots]]\nslot = 42\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n",
            place.file("tokens/kryoptic.sql").display()
        );
        fs::write(place.file("kryoptic.conf"), kryoptic).unwrap();
        let token = Self {
            place,
            module: real_module(),
        };
        token.write_pin(PIN);
        token.rules("");
        token
    }

    /// Initialises the token.
    pub(crate) fn make(&self) {
        self.make_without_pin();
        self.set_pin();
    }

    pub(crate) fn make_without_pin(&self) {
        let label = ["--slot-index", "0", "--init-token", "--label", LABEL];
        self.do_step(&[&label[..], &AS_OFFICER].concat());
    }

    pub(crate) fn set_pin(&self) {
        let pin = ["--token-label", LABEL, "--init-pin", "--pin", PIN];
        let login = ["--login", "--login-type", "so"];
        self.do_step(&[&pin[..], &login, &AS_OFFICER].concat());
    }

    /// A custodian that looks for the token just then may hold its store for a moment, so a step that
    /// fails is done again.
    fn do_step(&self, step: &[&str]) {
        eventually("a step of making the token", || {
            self.run_tool(step).status.success().then_some(())
        });
    }

    /// What `pkcs11-tool` says of the real module.
    pub(crate) fn tool(&self, arguments: &[&str]) -> String {
        let output = self.run_tool(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said} {output:?}");
        said
    }

    fn run_tool(&self, arguments: &[&str]) -> Output {
        self.with_token(&mut Command::new("pkcs11-tool"))
            .arg("--module")
            .arg(real_module())
            .args(arguments)
            .output()
            .expect("pkcs11-tool is installed")
    }

    /// The keys of the token, as anybody with the PIN sees them.
    pub(crate) fn objects(&self) -> String {
        let login = ["--token-label", LABEL, "--login", "--pin", PIN];
        ["pubkey", "privkey"]
            .map(|class| self.tool(&[&login[..], &["--list-objects", "--type", class]].concat()))
            .concat()
    }

    /// The lines of [`objects`](Self::objects) in an order of their own: modules list in any.
    pub(crate) fn sorted_objects(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.objects().lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    /// The labels of all objects of a class, in order.
    fn labels(&self, class: &str) -> Vec<String> {
        let (mut is_of_class, mut labels) = (false, Vec::new());
        for line in self.objects().lines() {
            if !line.starts_with(' ') {
                is_of_class = line.starts_with(class);
            } else if is_of_class {
                let label = line.trim().strip_prefix("label:");
                labels.extend(label.map(|label| label.trim().to_owned()));
            }
        }
        labels.sort_unstable();
        labels
    }

    /// How many objects of one class and label there are.
    pub(crate) fn count(&self, class: &str, label: &str) -> usize {
        let labels = self.labels(class).into_iter();
        labels.filter(|it| it == label).count()
    }

    /// Replaces the PIN file.
    pub(crate) fn write_pin(&self, pin: &str) {
        let file = self.place.file("pin");
        fs::write(&file, format!("{pin}\n")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }

    /// The audit log, which is kept beside the registry.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.place.file("audit.jsonl")
    }

    /// What `audit verify` says of the audit log.
    pub(crate) fn verdict_on_the_audit_log(&self) -> String {
        let log = self.audit_log().display().to_string();
        let line = ["audit", "verify", &log];
        let finished = self.program().run(self.place.path(), line);
        finished.expect_status(0).text().to_owned()
    }

    /// Replaces the rules of the fault module.
    pub(crate) fn rules(&self, text: &str) {
        let next = self.place.file("rules.next");
        fs::write(&next, text).unwrap();
        fs::rename(next, self.place.file("rules")).unwrap();
    }

    pub(crate) fn with_token<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("SOFTHSM2_CONF", self.place.file("softhsm2.conf"))
            .env("KRYOPTIC_CONF", self.place.file("kryoptic.conf"))
    }

    /// The flags that name module, token and PIN.
    pub(crate) fn token_flags(&self) -> Vec<String> {
        let (module, pin) = (self.module.display(), self.place.file("pin"));
        [
            "--pkcs11-module",
            &module.to_string(),
            "--pkcs11-slot",
            &format!("label:{LABEL}"),
            "--pkcs11-pin-file",
            &pin.display().to_string(),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// Runs one of the commands about tokens.
    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Finished {
        let mut line = ["pkcs11", command].map(str::to_owned).to_vec();
        line.extend(self.token_flags());
        line.extend(more.iter().map(|&word| word.to_owned()));
        self.program().run(self.place.path(), line)
    }

    /// A custodian that was started onto these streams, which nobody reads here.
    pub(crate) fn spawn_onto(&self, stdout: Stdio, stderr: Stdio) -> Server {
        let flags = self.flags();
        let (place, socket) = (&self.place, self.place.socket());
        Server::spawn_onto(&self.program(), place, &socket, &flags, stdout, stderr)
    }
}

impl Installation for Token {
    const NAME: &'static str = "pkcs11";
    const HANDLES: &'static str = "pkcs11:plexsphere:platform:k1";
    const AWAY: &'static str = "\"pkcs11\":\"down\"";
    const WRONG_SETTINGS: &'static [WrongSetting] = &[
        (
            "--pkcs11-module",
            Some("module.so"),
            "must be an absolute path to the vendor's module",
        ),
        (
            "--pkcs11-module",
            Some("/nowhere.so"),
            "/nowhere.so cannot be examined (No such file or directory (os error 2)); check the \
             path",
        ),
        (
            "--pkcs11-slot",
            Some("first"),
            "must be the number of a slot, label:NAME or serial:NUMBER of its token",
        ),
        (
            "--pkcs11-slot",
            Some("label:throwaway "),
            "must neither end with a blank nor hold control characters: no token is called so",
        ),
        (
            "--pkcs11-pin-file",
            Some("/nowhere"),
            "there is no such file; mount the secret there",
        ),
        (
            "--pkcs11-label",
            Some("a:b"),
            "must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '~' and '-', such as \
             plexsphere",
        ),
        (
            "--pkcs11-label-max",
            Some("20"),
            "must be at least 53, so that the hashed form of a label fits behind the prefix",
        ),
        (
            "--pkcs11-ec-params",
            Some("ed25519"),
            "must be oid, name, or hex: and the hex digits of the DER encoding that the vendor \
             wants",
        ),
        (
            "--pkcs11-sessions",
            Some("0"),
            "must be a number from 1 to 256",
        ),
    ];
    const TOLD_WITHOUT_QUOTES: Option<&'static str> = Some("--pkcs11-pin-file");
    const KEPT: &'static [&'static str] = &["pin", "fault.so"];
    const LOGGED: &'static str = "module initialised";
    const LOST_KEY_ANSWER: u16 = 201;

    /// An empty token behind the module that fails by rule.
    fn new() -> Self {
        let mut token = Self::fresh();
        let copy = token.place.file("fault.so");
        fs::copy(fault_module(), &copy).unwrap();
        token.module = copy;
        token
    }

    fn place(&self) -> &Workplace {
        &self.place
    }

    /// Told where the module keeps its tokens.
    fn equip(&self, program: Program) -> Program {
        let path = |path: &Path| path.display().to_string();
        program
            .with_variable("SOFTHSM2_CONF", &path(&self.place.file("softhsm2.conf")))
            .with_variable("KRYOPTIC_CONF", &path(&self.place.file("kryoptic.conf")))
            .with_variable("P11FAULT_REAL", &path(&real_module()))
            .with_variable("P11FAULT_RULES", &path(&self.place.file("rules")))
    }

    fn provider_flags(&self) -> Vec<String> {
        let provider = ["--key-provider", Self::NAME].map(str::to_owned);
        provider.into_iter().chain(self.token_flags()).collect()
    }

    fn usable(&self) -> Vec<String> {
        let labels = self.labels("Private Key").into_iter();
        let ours = labels.filter(|label| label.starts_with("plexsphere:platform:"));
        ours.map(|label| format!("pkcs11:{label}")).collect()
    }

    /// The public half of a retired key stays.
    fn made(&self) -> usize {
        let labels = self.labels("Public Key").into_iter();
        labels
            .filter(|label| label.starts_with("plexsphere:platform:"))
            .count()
    }

    fn begin(&self, disruption: Disruption) {
        self.rules(&match disruption {
            Disruption::Away => [
                "C_SignInit",
                "C_OpenSession",
                "C_GetSessionInfo",
                "C_GetTokenInfo",
            ]
            .map(|function| format!("{function} rv=CKR_DEVICE_REMOVED\n"))
            .concat(),
            Disruption::Slow(time) => format!("C_Sign delay={}\n", time.as_millis()),
            Disruption::LostKey => "C_GenerateKeyPair at=1 after=CKR_DEVICE_ERROR\n".to_owned(),
            Disruption::SilentSigning => "C_Sign at=1 hang\n".to_owned(),
            // As a token does whose store was remounted read-only, and its module hides what it did
            // not destroy.
            Disruption::NoRetiring => "C_DestroyObject hide=CKR_FUNCTION_FAILED\n".to_owned(),
        });
    }

    fn end(&self) {
        self.rules("");
    }

    fn provoke(&self, server: &Server, key: &PublishedKey, traces: &mut Traces) {
        let mut answer = |wanted: u16, what: &str| {
            let answer = server.sign(key, &[7; 64]).expect_status(wanted);
            traces.note(&format!("an answer when {what}"), answer.body);
        };
        // From a new login up to a module that is initialised anew.
        for rules in [
            "C_SignInit at=1 rv=CKR_USER_NOT_LOGGED_IN\n",
            "C_SignInit at=1 rv=CKR_SESSION_HANDLE_INVALID\n",
            "C_SignInit at=1 rv=CKR_CRYPTOKI_NOT_INITIALIZED\n",
        ] {
            self.rules(rules);
            answer(200, rules);
        }
        self.rules("C_SignInit rv=CKR_DEVICE_REMOVED\nC_Login rv=CKR_PIN_LOCKED\n");
        answer(503, "the token refuses everything");
        let nobody = format!("{}/sign", path_of("pkcs11:nobody"));
        let missing = server.post(&nobody, &sign_request(&[7; 64]));
        traces.note("an answer for nobody's key", missing.body);
        traces.note_process(server, "environ");
    }

    fn secrets(&self) -> Vec<Secret> {
        let canary = Canary::new("the PIN", PIN.as_bytes());
        let pin_file = fs::read(self.place.file("pin")).unwrap();
        assert!(canary.is_in(&pin_file), "what is looked for can be found");
        vec![Secret::InAnyForm(canary)]
    }
}

impl SignsItself for Token {
    type Wrong = &'static str;
    const WRONGS: &'static [(&'static str, &'static str)] = &[("garbled", "C_Sign garble\n")];
    /// The provider itself checks what a token signs, and takes one that signs wrongly for broken.
    const REFUSAL: (u16, &'static str) = (503, "provider_unavailable");

    fn sign_like(&self, wrong: Option<&'static str>) {
        self.rules(wrong.unwrap_or_default());
    }
}

fn real_module() -> PathBuf {
    let path = std::env::var_os("PKCS11_MODULE");
    path.expect("PKCS11_MODULE names no PKCS#11 module to test with")
        .into()
}

fn fault_module() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/build-fault-module");
        let output = Command::new(script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the fault module was not built");
        OsStr::from_bytes(output.stdout.trim_ascii_end()).into()
    })
}
