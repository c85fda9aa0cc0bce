//! A fresh token, and the program that uses it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use signer_test_support::{Program, Server, Workplace, eventually, shipped};

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

    /// The same behind the module that fails by rule.
    pub(crate) fn behind_faults() -> Self {
        let mut token = Self::fresh();
        let copy = token.place.file("fault.so");
        fs::copy(fault_module(), &copy).unwrap();
        token.module = copy;
        token
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

    /// How many objects of one class and label there are.
    pub(crate) fn count(&self, class: &str, label: &str) -> usize {
        let named = format!("label:      {label}");
        let (mut of_class, mut count) = (false, 0);
        for line in self.objects().lines() {
            if line.starts_with(' ') {
                count += usize::from(of_class && line.trim() == named);
            } else {
                of_class = line.starts_with(class);
            }
        }
        count
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

    /// The program, told where the module keeps its tokens.
    pub(crate) fn program(&self) -> Program {
        let path = |path: &Path| path.display().to_string();
        shipped!()
            .with_variable("SOFTHSM2_CONF", &path(&self.place.file("softhsm2.conf")))
            .with_variable("KRYOPTIC_CONF", &path(&self.place.file("kryoptic.conf")))
            .with_variable("P11FAULT_REAL", &path(&real_module()))
            .with_variable("P11FAULT_RULES", &path(&self.place.file("rules")))
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

    /// The flags of a custodian that keeps its keys in the token and everything else beside it.
    pub(crate) fn serve_flags(&self) -> Vec<String> {
        let mut flags = self.place.place_flags();
        flags.extend(["--key-provider", "pkcs11"].map(str::to_owned));
        flags.extend(self.token_flags());
        flags
    }

    /// A custodian that is ready.
    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        let mut server = self.spawn(more);
        server.wait_until_ready();
        server
    }

    /// A custodian with the software provider first and the token second, once it serves.
    pub(crate) fn serve_beside_software(&self) -> Server {
        let seed = self.place.seed_file();
        if !seed.exists() {
            fs::write(&seed, [7; 32]).unwrap();
            fs::set_permissions(&seed, Permissions::from_mode(0o600)).unwrap();
        }
        let mut flags = self.place.software_flags();
        flags.extend(["--key-provider", "pkcs11"].map(str::to_owned));
        flags.extend(self.token_flags());
        Server::start_with(&self.program(), &self.place, flags)
    }

    /// A custodian that was started onto these streams, which nobody reads here.
    pub(crate) fn spawn_onto(&self, stdout: Stdio, stderr: Stdio) -> Server {
        let flags = self.serve_flags();
        let (place, socket) = (&self.place, self.place.socket());
        Server::spawn_onto(&self.program(), place, &socket, &flags, stdout, stderr)
    }

    /// A custodian that was started.
    pub(crate) fn spawn(&self, more: &[&str]) -> Server {
        let mut flags = self.serve_flags();
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        Server::spawn(&self.program(), &self.place, flags)
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
