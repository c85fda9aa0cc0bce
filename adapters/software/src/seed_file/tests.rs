use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

use signer_files::Process;

use super::*;

/// A group that no process here belongs to.
const FOREIGN_GROUP: u32 = 54_321;

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn seed_file(directory: &TempDir, name: &str, length: usize, mode: u32) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, vec![0xa7; length]).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// The sentence, checked to name the flag and the path once and to hold no line break.
fn refusal_of(path: &Path) -> String {
    let sentence = read(path).unwrap_err().to_string();
    let opening = format!("--software-seed-file {}: ", path.display());
    let reason = sentence.strip_prefix(&opening).unwrap().to_owned();
    assert!(
        !reason.contains('\n') && !reason.contains("a7a7"),
        "{reason}"
    );
    reason
}

#[test]
fn reads_32_bytes_that_only_the_owner_may_read() {
    let directory = directory();
    for mode in [0o400, 0o600] {
        let path = seed_file(&directory, &format!("{mode:o}"), 32, mode);
        assert_eq!(read(&path).unwrap().expose_bytes(), &[0xa7; 32]);
    }
}

#[test]
fn refuses_a_file_that_was_never_written() {
    let directory = directory();
    let path = seed_file(&directory, "seed.bin", 32, 0o600);
    fs::write(&path, [0; 32]).unwrap();
    let reason = refusal_of(&path);
    assert!(
        reason.starts_with("the file holds nothing but zeros"),
        "{reason}"
    );
    fs::write(&path, [&[0; 31][..], &[1]].concat()).unwrap();
    read(&path).unwrap();
}

#[test]
fn reads_a_relative_path_and_one_through_a_linked_directory() {
    let directory = directory();
    fs::create_dir(directory.path().join("real")).unwrap();
    symlink("real", directory.path().join("linked")).unwrap();
    seed_file(&directory, "real/seed.bin", 32, 0o400);
    read(&directory.path().join("linked/seed.bin")).unwrap();
    assert_eq!(
        refusal_of(Path::new("no-such-seed.bin")).find("there is no"),
        Some(0)
    );
}

#[test]
fn refuses_every_other_length() {
    let directory = directory();
    for length in [0, 1, 31, 33, 64, 65] {
        let path = seed_file(&directory, &length.to_string(), length, 0o400);
        let expected = format!("the file is {length} bytes long; a seed is exactly 32 raw bytes");
        assert!(refusal_of(&path).starts_with(&expected));
    }
}

#[test]
fn refuses_a_file_that_others_may_read_or_change() {
    let directory = directory();
    for mode in [0o644, 0o604, 0o602, 0o601, 0o620, 0o610, 0o666, 0o777] {
        let path = seed_file(&directory, &format!("{mode:o}"), 32, mode);
        let expected = format!("others may read or change the file (mode {mode:04o}); run `chmod");
        assert!(refusal_of(&path).starts_with(&expected));
    }
}

#[test]
fn refuses_a_file_that_a_foreign_group_may_read() {
    let directory = directory();
    let path = seed_file(&directory, "seed.bin", 32, 0o440);
    if Process::current().user == 0 {
        chown(&path, None, Some(FOREIGN_GROUP)).unwrap();
    }
    assert!(refusal_of(&path).starts_with("others may read or change the file (mode 0440)"));
}

#[test]
fn refuses_what_is_not_a_regular_file_without_waiting() {
    let directory = directory();
    let fifo = directory.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(refusal_of(&fifo).starts_with("this is a FIFO; name a regular file"));
    assert!(refusal_of(directory.path()).starts_with("this is a directory;"));
    let socket = directory.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert!(refusal_of(&socket).starts_with("this is a socket or a device;"));
    assert!(refusal_of(Path::new("/dev/null")).starts_with("this is a device;"));
    assert!(refusal_of(Path::new("/")).starts_with("this is a directory;"));
}

#[test]
fn refuses_a_file_with_a_second_name() {
    let directory = directory();
    let path = seed_file(&directory, "seed.bin", 32, 0o400);
    fs::hard_link(&path, directory.path().join("other")).unwrap();
    assert!(refusal_of(&path).starts_with("the file has more than one hard link;"));
}

#[test]
fn refuses_a_missing_file_and_a_dangling_link() {
    let directory = directory();
    let path = directory.path().join("seed.bin");
    assert!(refusal_of(&path).starts_with("there is no such file; make one with"));
    assert!(refusal_of(&path.join("below")).starts_with("there is no such file;"));
    symlink("nowhere", &path).unwrap();
    assert!(refusal_of(&path).starts_with("there is no such file;"));
}

#[test]
fn refuses_a_link_that_leaves_its_directory() {
    let (directory, elsewhere) = (directory(), directory());
    let target = seed_file(&elsewhere, "seed.bin", 32, 0o400);
    fs::create_dir(directory.path().join("sub")).unwrap();
    seed_file(&directory, "inside.bin", 32, 0o400);
    let links = [
        ("absolute", target),
        ("upwards", PathBuf::from("../sub/seed.bin")),
        ("around", PathBuf::from("sub/../../x/seed.bin")),
        ("absolute-inside", directory.path().join("inside.bin")),
    ];
    for (name, target) in links {
        let link = directory.path().join(name);
        symlink(target, &link).unwrap();
        assert!(
            refusal_of(&link).starts_with("the symbolic link leads out of its directory;"),
            "{name}"
        );
    }
}

#[test]
fn refuses_links_in_a_circle() {
    let directory = directory();
    symlink("b", directory.path().join("a")).unwrap();
    symlink("a", directory.path().join("b")).unwrap();
    let reason = refusal_of(&directory.path().join("a"));
    assert!(reason.starts_with("the symbolic links lead in a circle;"));
}

#[test]
fn reads_the_mount_of_a_kubernetes_secret() {
    let directory = directory();
    fs::create_dir(directory.path().join("..2026_11_23_10_00_00.1")).unwrap();
    symlink("..2026_11_23_10_00_00.1", directory.path().join("..data")).unwrap();
    seed_file(&directory, "..2026_11_23_10_00_00.1/seed.bin", 32, 0o400);
    let link = directory.path().join("seed.bin");
    symlink("..data/seed.bin", &link).unwrap();
    assert_eq!(read(&link).unwrap().expose_bytes(), &[0xa7; 32]);

    let target = directory.path().join("..data/seed.bin");
    fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
    assert!(refusal_of(&link).starts_with("others may read or change the file (mode 0644)"));
}

#[test]
fn makes_a_fresh_file_that_it_then_accepts() {
    let directory = directory();
    let [one, other] = ["one", "other"].map(|name| {
        let path = directory.path().join(name);
        create_seed_file(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        *read(&path).unwrap().expose_bytes()
    });
    assert_ne!(one, other);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn never_replaces_what_is_there() {
    let directory = directory();
    let path = seed_file(&directory, "seed.bin", 5, 0o644);
    symlink("nowhere", directory.path().join("link")).unwrap();
    for name in ["seed.bin", "link"] {
        let error = create_seed_file(&directory.path().join(name)).unwrap_err();
        assert!(error.to_string().contains("a file of that name exists"));
    }
    assert_eq!(fs::read(path).unwrap(), [0xa7; 5]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn of_many_that_make_the_same_file_one_succeeds() {
    let directory = directory();
    let path = directory.path().join("seed.bin");
    let successes = std::thread::scope(|scope| {
        let makers = [(); 8].map(|()| scope.spawn(|| create_seed_file(&path).is_ok()));
        let made = makers.map(|maker| maker.join().unwrap());
        made.into_iter().filter(|made| *made).count()
    });
    assert_eq!(successes, 1);
    read(&path).unwrap();
}
