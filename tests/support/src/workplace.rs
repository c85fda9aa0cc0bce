//! A temporary directory with a seed in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Copies the files of a directory, with their modes, and what is below it.
pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A private directory that goes away with this value.
#[derive(Debug)]
pub struct Workplace {
    directory: TempDir,
}

impl Workplace {
    /// An empty directory.
    pub fn empty() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("signer-")
            .tempdir()
            .unwrap();
        Self { directory }
    }

    /// A directory with `seed.bin`: the bytes 0 to 31, so that keys are the same in every run.
    pub fn with_seed() -> Self {
        let place = Self::empty();
        let seed: Vec<u8> = (0..32).collect();
        fs::write(place.seed_file(), seed).unwrap();
        fs::set_permissions(place.seed_file(), Permissions::from_mode(0o600)).unwrap();
        place
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Where the seed is.
    pub fn seed_file(&self) -> PathBuf {
        self.file("seed.bin")
    }

    /// Where the socket will be.
    pub fn socket(&self) -> PathBuf {
        self.file("signer.sock")
    }

    /// Where the socket of `serve --dev` will be.
    pub fn development_socket(&self) -> PathBuf {
        self.file(".plexsphere-signer/signer.sock")
    }

    /// Where the registry will be.
    pub fn registry(&self) -> PathBuf {
        self.file("registry.db")
    }

    /// What is in the directory, hidden files too, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Takes the registry away. The audit log tells of that registry, so it goes as well.
    pub fn forget(&self) {
        let names = self.names().into_iter();
        let state = ["registry.db", "audit.jsonl"];
        for name in names.filter(|name| state.iter().any(|state| name.starts_with(state))) {
            fs::remove_file(self.file(&name)).unwrap();
        }
    }

    /// The flags of a custodian with the software provider that keeps everything in here.
    pub fn software_flags(&self) -> Vec<String> {
        let mut flags = self.place_flags();
        flags.extend(["--key-provider", "software", "--software-seed-file"].map(str::to_owned));
        flags.push(self.seed_file().display().to_string());
        flags
    }

    /// The flags of a custodian that is driven by what key ids say: the scripted double first, the
    /// software provider second. Only `signer-under-test` accepts them.
    pub fn scripted_flags(&self) -> Vec<String> {
        let mut flags = vec!["--key-provider".to_owned(), "testdouble".to_owned()];
        flags.extend(self.software_flags());
        flags
    }

    /// Lets every user of the machine reach what is in here.
    pub fn open_to_everyone(&self) {
        fs::set_permissions(self.path(), Permissions::from_mode(0o755)).unwrap();
    }

    /// The flags that keep socket and registry in here, without any provider.
    pub fn place_flags(&self) -> Vec<String> {
        vec![
            "--socket".to_owned(),
            self.socket().display().to_string(),
            "--registry".to_owned(),
            format!("sqlite:{}", self.registry().display()),
        ]
    }
}
