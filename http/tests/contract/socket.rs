//! Whose place the server takes, and whose it leaves alone.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use signer_http::socket::{BindSocketError, BoundSocket};

use crate::support::{Client, TestServer, bind, bind_with_mode, sign_body, sign_path, temp_dir};

fn refusal(path: &Path) -> String {
    bind(path).unwrap_err().to_string()
}

fn listing(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_socket_has_the_mode_that_was_asked_for() {
    let dir = temp_dir();
    for mode in [0o600, 0o660, 0o666] {
        let path = dir.path().join(format!("{mode:o}.sock"));
        let _bound = bind_with_mode(&path, mode).unwrap();
        let found = fs::symlink_metadata(&path).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.mode() & 0o777, mode);
    }
}

#[test]
fn what_is_not_a_socket_is_left_untouched() {
    let dir = temp_dir();
    let path = dir.path().join("signer.sock");
    let target = dir.path().join("target");
    fs::write(&target, "precious").unwrap();
    let file: fn(&Path, &Path) = |path, _| fs::write(path, "precious").unwrap();
    let directory: fn(&Path, &Path) = |path, _| fs::create_dir(path).unwrap();
    let symlink: fn(&Path, &Path) =
        |path, target| std::os::unix::fs::symlink(target, path).unwrap();
    let fifo: fn(&Path, &Path) = |path, _| {
        let made = std::process::Command::new("mkfifo")
            .arg(path)
            .status()
            .unwrap();
        assert!(made.success());
    };
    for (what, make) in [
        ("regular file", file),
        ("directory", directory),
        ("symbolic link", symlink),
        ("FIFO", fifo),
    ] {
        make(&path, &target);
        let before = fs::symlink_metadata(&path).unwrap();
        let expected = format!(
            "--socket {}: there is a {what}, not a socket; move it away or choose another path",
            path.display()
        );
        assert_eq!(refusal(&path), expected);
        let after = fs::symlink_metadata(&path).unwrap();
        assert_eq!(
            (before.ino(), before.len()),
            (after.ino(), after.len()),
            "{what}"
        );
        assert_eq!(listing(dir.path()), ["signer.sock", "target"], "{what}");
        if before.is_dir() {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn a_live_server_is_left_alone_and_serves_on() {
    let server = TestServer::start();
    let mut client = server.client();
    assert!(refusal(&server.path).contains("another process is listening there"));
    assert_eq!(client.post(&sign_path("k1"), &sign_body()).status, 200);
    assert_eq!(
        server.client().post(&sign_path("k1"), &sign_body()).status,
        200
    );
}

#[test]
fn a_live_socket_of_another_program_is_left_alone_too() {
    let dir = temp_dir();
    let path = dir.path().join("signer.sock");
    let foreign = UnixListener::bind(&path).unwrap();
    assert!(refusal(&path).contains("another process is listening there"));
    assert_eq!(listing(dir.path()), ["signer.sock"]);
    drop(foreign);
    fs::remove_file(&path).unwrap();
    let _foreign = UnixDatagram::bind(&path).unwrap();
    assert!(refusal(&path).contains("another process is listening there"));
}

#[test]
fn a_live_socket_whose_backlog_is_full_does_not_hang_the_start() {
    let dir = temp_dir();
    let path = dir.path().join("signer.sock");
    let _foreign = UnixListener::bind(&path).unwrap();
    let mut waiting = Vec::new();
    while let Some(connection) = connect_without_waiting(&path) {
        waiting.push(connection);
    }
    assert!(refusal(&path).contains("another process is listening there"));
}

fn connect_without_waiting(path: &Path) -> Option<std::os::fd::OwnedFd> {
    use rustix::net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
    };
    let kind = (
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::NONBLOCK,
    );
    let socket = socket_with(kind.0, kind.1, kind.2, None).unwrap();
    let address = SocketAddrUnix::new(path).unwrap();
    connect(&socket, &address).ok().map(|()| socket)
}

#[test]
fn two_custodians_never_share_a_path_even_when_the_socket_is_gone() {
    let dir = temp_dir();
    let path = dir.path().join("signer.sock");
    let _first = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let ours = format!(
        "its lock file is held by another live process (pid {}, uid ",
        std::process::id()
    );
    assert!(refusal(&path).contains(&ours), "{}", refusal(&path));
}

/// In a shared directory anybody may have put it there, and hold it for ever.
#[test]
fn a_lock_file_of_another_user_does_not_count_even_while_it_is_locked() {
    let dir = temp_dir();
    let path = dir.path().join("signer.sock");
    let lock = dir.path().join("signer.sock.lock");
    fs::write(&lock, "").unwrap();
    // Only root can give a file away; anybody else shows nothing here and must not seem to.
    std::os::unix::fs::chown(&lock, Some(65534), Some(65534)).unwrap();
    let held = fs::File::open(&lock).unwrap();
    held.try_lock().unwrap();
    drop(UnixListener::bind(&path).unwrap());
    let _first = bind(&path).unwrap();
    Client::connect(&path);
    assert!(refusal(&path).contains("another process is listening there"));
    Client::connect(&path);
}

#[test]
fn a_stale_socket_is_replaced() {
    let dir = temp_dir();
    let path = dir.path().join("signer.sock");
    drop(UnixListener::bind(&path).unwrap());
    let _bound = bind(&path).unwrap();
    Client::connect(&path);
    assert_eq!(listing(dir.path()), ["signer.sock", "signer.sock.lock"]);
}

#[test]
fn a_temporary_socket_left_behind_by_a_crash_is_no_obstacle() {
    let dir = temp_dir();
    let temporary = dir.path().join(format!(".{:x}", std::process::id()));
    drop(UnixListener::bind(&temporary).unwrap());
    let path = dir.path().join("signer.sock");
    let _bound = bind(&path).unwrap();
    assert_eq!(listing(dir.path()), ["signer.sock", "signer.sock.lock"]);
}

#[test]
fn only_our_own_socket_is_removed_at_the_end() {
    let dir = temp_dir();
    let path = dir.path().join("signer.sock");
    let bound = bind(&path).unwrap();
    drop(bound);
    assert_eq!(listing(dir.path()), ["signer.sock.lock"]);
    let bound = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let _foreign = UnixListener::bind(&path).unwrap();
    drop(bound);
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
}

#[test]
fn a_lock_file_that_is_something_else_is_refused_and_left_untouched() {
    let dir = temp_dir();
    let path = dir.path().join("signer.sock");
    let lock = dir.path().join("signer.sock.lock");
    let target = dir.path().join("target");
    std::os::unix::fs::symlink(&target, &lock).unwrap();
    assert!(refusal(&path).contains("is not a regular file"));
    assert!(!target.exists());
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert!(refusal(&path).contains("is not a regular file"));
    fs::remove_dir(&lock).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&lock)
        .status()
        .unwrap();
    assert!(made.success());
    assert!(refusal(&path).contains("is not a regular file"));
}

#[test]
fn the_directory_must_be_there_and_not_open_to_everyone() {
    let dir = temp_dir();
    let missing = dir.path().join("missing/signer.sock");
    assert!(refusal(&missing).contains("does not exist; create it with: install -d -m 0755"));
    let path = dir.path().join("signer.sock");
    for (mode, is_fine) in [
        (0o777, false),
        (0o757, false),
        (0o1777, true),
        (0o755, true),
    ] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let bound: Result<BoundSocket, BindSocketError> = bind(&path);
        assert_eq!(bound.is_ok(), is_fine, "{mode:o}");
        if let Err(error) = bound {
            assert!(error.to_string().contains("run: chmod o-w"), "{error}");
        }
    }
}

#[test]
fn a_path_that_does_not_fit_a_socket_address_is_refused() {
    let dir = temp_dir();
    let room = 107 - dir.path().as_os_str().len() - 1;
    let longest = dir.path().join("s".repeat(room));
    drop(bind(&longest).unwrap());
    let too_long = dir.path().join("s".repeat(room + 1));
    let expected =
        "the path is 108 bytes long and a Unix socket takes at most 107; choose a shorter one";
    assert!(refusal(&too_long).ends_with(expected));
    assert!(refusal(Path::new("/")).contains("must name a file"));
}
