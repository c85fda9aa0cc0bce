//! Files as platforms hand them over: volumes with an `fsGroup`, credentials of systemd, access control lists.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use rustix::fs::XattrFlags;
use signer_test_support::{Program, Server, Workplace, shipped};

/// The user that runs the custodian, the group of its pod's volumes, and users and groups that are neither.
const USER: u32 = 54321;
const FS_GROUP: u32 = 54400;
const STRANGER: u32 = 54999;
const ROOT: u32 = 0;

/// What a custodian keeps in its volume.
const STATE: [&str; 8] = [
    "registry.db",
    "registry.db-wal",
    "registry.db.lock",
    "audit.jsonl",
    "audit.jsonl.lock",
    "audit.jsonl.checkpoint",
    "audit.jsonl.checkpoint-key",
    "audit.jsonl.checkpoint-key.pub",
];

/// What it keeps beside its socket. Nothing stands in it, so nothing in it can be changed.
const SOCKET_LOCK: &str = "signer.sock.lock";

/// A place that belongs to the user of the custodian, and the program as that user runs it.
struct Volume {
    place: Workplace,
    program: Program,
}

impl Volume {
    fn new() -> Self {
        let place = Workplace::with_seed();
        // The directory of the build may be closed to other users. Another process copies the binary, so
        // that no child which a neighbouring test starts inherits a descriptor that may write it.
        let binary = place.file("signer");
        let copied = Command::new("install")
            .arg("--mode=0755")
            .arg(shipped!().path())
            .arg(&binary)
            .status();
        assert!(copied.unwrap().success());
        chown(place.path(), Some(USER), Some(USER)).unwrap();
        chown(place.seed_file(), Some(USER), Some(USER)).unwrap();
        let program = Program::new(binary.to_str().unwrap()).run_by(USER, &[FS_GROUP]);
        Self { place, program }
    }

    fn start(&self) -> Server {
        Server::start(&self.program, &self.place, &[])
    }

    /// Starts a custodian that is refused, and returns the sentence that says why.
    fn refused(&self) -> String {
        self.refused_with(self.place.software_flags())
    }

    fn refused_with(&self, flags: Vec<String>) -> String {
        let refused = self.program.serve_in_vain(&self.place, flags);
        let log = refused.expect_status(2).stderr;
        let (_, sentence) = log.split_once("error: ").unwrap();
        sentence.to_owned()
    }

    /// Leaves everything behind that a custodian keeps.
    fn use_once(&self) {
        let mut server = self.start();
        assert_eq!(server.generate("k1").status, 201);
        assert!(server.terminate().success());
    }

    fn set(&self, name: &str, group: u32, mode: u32) {
        let file = self.place.file(name);
        // SQLite takes some away when it is done.
        if !file.exists() {
            fs::write(&file, "").unwrap();
        }
        chown(&file, Some(USER), Some(group)).unwrap();
        fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
    }
}

/// Gives `file` a list that lets `user` read it beside its owner, as `setfacl -m u:USER:r` does.
fn let_read(file: &Path, user: u32) {
    const NONE: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 4, NONE), // owner
        (0x02, 4, user),
        (0x04, 0, NONE), // owning group
        (0x10, 4, NONE), // mask
        (0x20, 0, NONE), // everyone
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permission, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(permission.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let name = "system.posix_acl_access";
    rustix::fs::setxattr(file, name, &list, XattrFlags::empty()).unwrap();
    let shown = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(shown & 0o7777, 0o440);
}

#[test]
fn every_file_that_the_group_of_the_volume_may_write_is_taken() {
    let volume = Volume::new();
    volume.use_once();
    for name in STATE.into_iter().chain([SOCKET_LOCK]) {
        volume.set(name, FS_GROUP, 0o660);
    }
    let mut server = volume.start();
    assert_eq!(server.generate("k2").status, 201);
    assert!(server.terminate().success());
}

#[test]
fn each_file_that_another_group_or_everyone_may_write_is_refused() {
    let volume = Volume::new();
    volume.use_once();
    for name in STATE {
        for (group, mode) in [(FS_GROUP, 0o666), (STRANGER, 0o660)] {
            volume.set(name, group, mode);
            let sentence = volume.refused();
            assert!(sentence.contains(name), "{sentence}");
            assert!(sentence.contains("chmod"), "{sentence}");
            volume.set(name, USER, 0o600);
        }
    }
    assert!(volume.start().terminate().success());
}

#[test]
fn a_directory_in_which_everyone_may_replace_the_log_is_refused() {
    let volume = Volume::new();
    let directory = volume.place.file("logs");
    fs::create_dir(&directory).unwrap();
    let log = directory.join("audit.jsonl");
    let flags = || {
        let mut flags = volume.place.software_flags();
        flags.extend(["--audit-log".to_owned(), log.to_str().unwrap().to_owned()]);
        flags
    };
    let close = |mode| fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
    close(0o777);
    let sentence = volume.refused_with(flags());
    let cure = format!("chmod o-w {}", directory.display());
    assert!(sentence.contains("--audit-log"), "{sentence}");
    assert!(sentence.contains(&cure), "{sentence}");
    close(0o1777);
    let (place, program) = (&volume.place, &volume.program);
    let mut server = Server::start_with(program, place, flags());
    assert!(server.terminate().success());
}

#[test]
fn a_seed_that_systemd_hands_over_is_taken() {
    let volume = Volume::new();
    chown(volume.place.seed_file(), Some(ROOT), Some(ROOT)).unwrap();
    let_read(&volume.place.seed_file(), USER);
    volume.use_once();
}

#[test]
fn a_seed_whose_list_lets_another_user_in_is_refused_with_a_cure_that_works() {
    let volume = Volume::new();
    let seed = volume.place.seed_file();
    let_read(&seed, STRANGER);
    let sentence = volume.refused();
    let cure = format!(
        "its access control list lets uid {STRANGER} in: run `setfacl -x u:{STRANGER}` on it"
    );
    assert!(sentence.contains(&cure), "{sentence}");
    rustix::fs::removexattr(&seed, "system.posix_acl_access").unwrap();
    fs::set_permissions(&seed, Permissions::from_mode(0o400)).unwrap();
    assert!(volume.start().terminate().success());
}

/// Puts the seed into a directory of root with this mode, and returns the flags that name it there.
fn with_seed_behind(volume: &Volume, mode: u32) -> Vec<String> {
    let directory = volume.place.file("secrets");
    fs::create_dir(&directory).unwrap();
    let seed = directory.join("seed.bin");
    fs::rename(volume.place.seed_file(), &seed).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
    let mut flags = volume.place.software_flags();
    flags.pop();
    flags.push(seed.to_str().unwrap().to_owned());
    flags
}

#[test]
fn a_seed_in_a_directory_that_its_reader_may_pass_and_not_list_is_taken() {
    let volume = Volume::new();
    let flags = with_seed_behind(&volume, 0o711);
    let (place, program) = (&volume.place, &volume.program);
    let mut server = Server::start_with(program, place, flags);
    assert!(server.terminate().success());
}

#[test]
fn a_seed_behind_a_closed_directory_is_refused_with_the_name_of_the_directory() {
    let volume = Volume::new();
    let flags = with_seed_behind(&volume, 0o700);
    let sentence = volume.refused_with(flags);
    let directory = volume.place.file("secrets");
    let told = format!(
        "uid {USER} may not pass the directory {} or one above it",
        directory.display()
    );
    assert!(sentence.contains(&told), "{sentence}");
}

#[test]
fn a_log_in_a_directory_that_may_not_be_read_is_refused_for_that_reason() {
    let volume = Volume::new();
    let directory = volume.place.file("logs");
    fs::create_dir(&directory).unwrap();
    chown(&directory, Some(USER), Some(USER)).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o300)).unwrap();
    let mut flags = volume.place.software_flags();
    let log = directory.join("audit.jsonl");
    flags.extend(["--audit-log".to_owned(), log.to_str().unwrap().to_owned()]);
    let sentence = volume.refused_with(flags);
    assert!(
        sentence.contains("its directory cannot be read"),
        "{sentence}"
    );
    assert!(
        sentence.contains("read and write access to its directory"),
        "{sentence}"
    );
}

#[test]
fn what_stands_in_the_place_of_a_file_of_sqlite_is_named_and_not_waited_for() {
    let program = shipped!();
    for suffix in ["-wal", "-shm", "-journal"] {
        for kind in ["mkfifo", "mkdir", "ln -s nowhere"] {
            let place = Workplace::with_seed();
            let path = place.file(&format!("registry.db{suffix}"));
            let mut words = kind.split(' ');
            let mut make = Command::new(words.next().unwrap());
            assert!(make.args(words).arg(&path).status().unwrap().success());
            let refused = program
                .serve_in_vain(&place, place.software_flags())
                .expect_status(2);
            let sentence = refused.sentence();
            assert!(sentence.contains(path.to_str().unwrap()), "{sentence}");
            assert!(sentence.contains("move it away"), "{sentence}");
            assert!(!place.registry().exists(), "{kind}{suffix}");
        }
    }
}

#[test]
fn what_an_editor_puts_behind_a_value_is_no_part_of_a_path() {
    let place = Workplace::with_seed();
    let program = shipped!();
    let variable = |flag: &str, value: &str| {
        let name = flag
            .trim_start_matches("--")
            .replace('-', "_")
            .to_uppercase();
        (format!("PLEXSPHERE_SIGNER_{name}"), format!("{value}\n"))
    };
    let flags = place.software_flags();
    let (pairs, rest) = flags.as_chunks::<2>();
    assert!(rest.is_empty());
    let program = pairs.iter().fold(program, |program, [flag, value]| {
        let (name, value) = variable(flag, value);
        program.with_variable(&name, &value)
    });
    let flags: [&str; 0] = [];
    let mut server = Server::start_with(&program, &place, flags);
    // Clients read the same variable.
    let list = program.run(place.path(), ["keys", "list"]).expect_status(0);
    assert!(list.stderr.is_empty(), "{list:?}");
    assert!(server.terminate().success());
    let strange: Vec<String> = place.names();
    let strange: Vec<&String> = strange.iter().filter(|name| name.contains('\n')).collect();
    assert!(strange.is_empty(), "{strange:?}");
}
