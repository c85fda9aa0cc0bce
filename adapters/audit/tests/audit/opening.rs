//! What is refused at the opening, and that nothing is made then.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use signer_audit::{Acceptance, AuditOpening, inspect};
use signer_domain::ports::AuditTrail as _;

use crate::support::{Place, entry, first_note, intact, names};

fn no_log(place: &Place) -> String {
    let shown = place.log().display().to_string();
    format!("--audit-log {shown}: the file is no audit log; name another file")
}

fn refusal(path: &Path) -> String {
    inspect(path).unwrap_err().to_string()
}

#[tokio::test]
async fn every_refusal_names_the_flag_the_path_and_the_cure() {
    let place = Place::new();
    let log = place.log();
    let shown = log.display();
    fs::create_dir(&log).unwrap();
    let not_a_file =
        format!("--audit-log {shown}: {shown} is not a regular file; name another file");
    assert_eq!(refusal(&log), not_a_file);
    fs::remove_dir(&log).unwrap();
    symlink("/dev/null", &log).unwrap();
    assert_eq!(refusal(&log), not_a_file);
    fs::remove_file(&log).unwrap();
    fs::write(&log, "").unwrap();
    fs::set_permissions(&log, Permissions::from_mode(0o602)).unwrap();
    assert_eq!(
        refusal(&log),
        format!(
            "--audit-log {shown}: other users can write {shown} (mode 0602); close it with chmod \
             go-w {shown}"
        )
    );
    assert_eq!(place.names(), ["audit.jsonl"]);
    let nowhere = place.file("none/audit.jsonl");
    assert!(refusal(&nowhere).contains("does not exist; create it"));
    assert!(refusal(Path::new("/dev/full")).contains("is not a regular file"));
    assert!(refusal(Path::new("/")).contains("names no file"));
}

#[tokio::test]
async fn a_file_that_is_no_log_is_refused_and_left_alone() {
    let place = Place::new();
    fs::write(place.log(), "dear diary\ntoday\n").unwrap();
    let refused = place.open().unwrap_err();
    assert_eq!(refused, no_log(&place));
    assert_eq!(place.names(), ["audit.jsonl"]);
}

/// A single line could be taken for what a death left of an entry, and would be cut off.
#[tokio::test]
async fn a_file_of_one_line_that_is_no_log_is_refused_and_left_alone() {
    let seed = (0..32).map(|byte| byte * 7 + 1).collect::<Vec<u8>>();
    let endless = vec![b'a'; 5 * 1024 * 1024];
    for content in [
        &b"1234\n"[..],
        b"1234",
        b"{\"a\":1}\n",
        b"-----BEGIN",
        &endless,
        &seed,
    ] {
        let place = Place::new();
        fs::write(place.log(), content).unwrap();
        let refused = place.open().unwrap_err();
        assert_eq!(refused, no_log(&place));
        assert_eq!(fs::read(place.log()).unwrap(), content);
        assert_eq!(place.names(), ["audit.jsonl"]);
    }
}

/// Whoever ends in order empties the lock file.
#[tokio::test]
async fn a_file_at_the_place_of_the_lock_that_is_none_is_refused_and_left_alone() {
    let seed = (0..32).map(|byte| byte * 7 + 1).collect::<Vec<u8>>();
    let long = "\nbegun 1\n".repeat(10_000) + "dear diary\n" + &"\nholds 1\n".repeat(10_000);
    for content in [
        &b"dear diary\n"[..],
        b"4711",
        b"holds 1 lettuce\n",
        b"\nbegun 1\nbread\n\nholds 1\n",
        b"SQLite format 3\0",
        long.as_bytes(),
        &seed,
    ] {
        let place = Place::new();
        let lock = place.file("audit.jsonl.lock");
        fs::write(&lock, content).unwrap();
        let sentence = format!(
            "--audit-log {}: {} is not the lock file of an audit log; move it away, or name \
             another log",
            place.log().display(),
            lock.display()
        );
        assert_eq!(refusal(&place.log()), sentence);
        assert_eq!(place.open().unwrap_err(), sentence);
        assert_eq!(fs::read(&lock).unwrap(), content);
        assert_eq!(place.names(), ["audit.jsonl.lock"]);
    }
}

#[tokio::test]
async fn whatever_is_no_regular_file_at_the_place_of_the_lock_is_refused_and_left_alone() {
    let place = Place::new();
    let lock = place.file("audit.jsonl.lock");
    let refused = || {
        let sentence = place.open().unwrap_err();
        assert_eq!(sentence, refusal(&place.log()));
        let expected = format!(
            "{} is not a regular file; name another file",
            lock.display()
        );
        assert!(sentence.ends_with(&expected), "{sentence}");
    };
    fs::create_dir(&lock).unwrap();
    refused();
    fs::remove_dir(&lock).unwrap();
    for target in ["nowhere", "diary"] {
        fs::write(place.file("diary"), "dear diary").unwrap();
        symlink(target, &lock).unwrap();
        refused();
        assert_eq!(fs::read(place.file("diary")).unwrap(), b"dear diary");
        assert_eq!(place.names(), ["audit.jsonl.lock", "diary"]);
        fs::remove_file(&lock).unwrap();
    }
}

/// What a loss of power leaves of a note.
#[tokio::test]
async fn a_torn_note_in_the_lock_file_is_none_and_holds_nothing_up() {
    for content in [
        &b"\nbeg"[..],
        b"\nholds ",
        b"\0\0\0\0\0\0\0\0\0",
        b"\nbegun 1\n\nhol\0\0\0\0\0",
    ] {
        let place = Place::new();
        place.add(names("none", 0)).await;
        fs::write(place.file("audit.jsonl.lock"), content).unwrap();
        place.add(names("a", 1)).await;
        assert_eq!(intact(&place.verify()), 1);
    }
}

#[tokio::test]
async fn one_log_has_one_writer() {
    let place = Place::new();
    let trail = place.open().unwrap();
    let refused = place.open().unwrap_err();
    assert!(
        refused.contains("in use by another live process"),
        "{refused}"
    );
    trail.record(entry("a")).await.unwrap();
    trail.close().await;
    place.add(["b".to_owned()]).await;
    assert_eq!(intact(&place.verify()), 2);
}

#[tokio::test]
async fn everything_is_private_and_the_key_is_needed_watched_by_it_has_signed() {
    let place = Place::new();
    place.add(names("a", 2)).await;
    for name in place.names() {
        let mode = fs::metadata(place.file(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let key = place.file("audit.jsonl.checkpoint-key");
    fs::set_permissions(&key, Permissions::from_mode(0o604)).unwrap();
    assert!(place.open().unwrap_err().contains("other users can read"));
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "short").unwrap();
    assert!(place.open().unwrap_err().contains("does not hold 32 bytes"));
    fs::remove_file(&key).unwrap();
    let refused = place.open().unwrap_err();
    assert!(refused.contains("not the key"), "{refused}");
    // With another key in its place the checkpoints are those of a stranger.
    fs::write(&key, [1; 32]).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let refused = place.open().unwrap_err();
    assert!(refused.contains("is one of another audit log"), "{refused}");
}

#[tokio::test]
async fn a_log_that_ends_before_its_checkpoint_is_refused_until_that_is_accepted() {
    let place = Place::new();
    place.add(names("a", 6)).await;
    let lines = place.lines();
    let cut = lines[..4].join("\n") + "\n";
    fs::write(place.log(), &cut).unwrap();
    let refused = place.open().unwrap_err();
    assert!(
        refused.contains("it ends with entry 4 while its checkpoint speaks of entry 6"),
        "{refused}"
    );
    assert!(
        refused.contains("`plexsphere-signer audit accept-cut --audit-log "),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(place.log()).unwrap(), cut);
    place.open_accepting(Acceptance::Cut).unwrap().close().await;
    let record = place.lines().pop().unwrap();
    assert!(record.contains("\"seq\":5,"), "{record}");
    assert!(record.contains("\"op\":\"accept_cut\""), "{record}");
    assert!(record.contains("\"count\":2,"), "{record}");
    assert_eq!(intact(&place.verify()), 5);
    place.add(names("b", 3)).await;
    assert_eq!(intact(&place.verify()), 8);
    let refused = place.open_accepting(Acceptance::Cut).unwrap_err();
    assert!(refused.contains("nothing to accept"), "{refused}");
}

#[tokio::test]
async fn a_torn_last_line_that_was_signed_is_a_cut() {
    let place = Place::new();
    place.add(names("a", 3)).await;
    let bytes = fs::read(place.log()).unwrap();
    fs::write(place.log(), &bytes[..bytes.len() - 9]).unwrap();
    let refused = place.open().unwrap_err();
    assert!(refused.contains("it ends with entry 2"), "{refused}");
}

#[tokio::test]
async fn an_edited_last_line_that_was_signed_is_named_and_is_neither_torn_nor_a_cut() {
    for count in [1, 3] {
        let place = Place::new();
        place.add(names("a", count)).await;
        let edited = fs::read_to_string(place.log()).unwrap();
        let edited = edited.replace(&format!("\"a-{}\"", count - 1), "\"edited\"");
        fs::write(place.log(), &edited).unwrap();
        let expected = format!("entry {count} does not have the hash of its content");
        for acceptance in [Acceptance::Nothing, Acceptance::Cut] {
            let refused = place.open_accepting(acceptance).unwrap_err();
            assert!(refused.contains(&expected), "{acceptance:?}: {refused}");
        }
        assert_eq!(fs::read_to_string(place.log()).unwrap(), edited);
    }
}

#[tokio::test]
async fn a_rewritten_log_is_refused_by_its_checkpoint() {
    let place = Place::new();
    let other = Place::new();
    place.add(names("a", 3)).await;
    other.add(names("b", 3)).await;
    fs::copy(other.log(), place.log()).unwrap();
    let refused = place.open().unwrap_err();
    assert!(
        refused.contains("entry 3 is another one than the checkpoint"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_checkpoint_that_is_cut_off_does_not_count_and_is_replaced() {
    let place = Place::new();
    place.add(names("a", 1)).await;
    let whole = fs::read(place.checkpoints()).unwrap();
    place.add(names("b", 1)).await;
    let both = fs::read(place.checkpoints()).unwrap();
    // As after a death: an orderly end would have signed all of it.
    fs::write(place.file("audit.jsonl.lock"), "\nholds 2\n").unwrap();
    for length in whole.len() + 1..both.len() {
        fs::write(place.checkpoints(), &both[..length]).unwrap();
        assert_eq!(intact(&place.verify()), 2, "{length}");
        AuditOpening::claim(&place.log(), Acceptance::Nothing).unwrap();
    }
    place.add(names("c", 1)).await;
    let text = fs::read_to_string(place.checkpoints()).unwrap();
    assert_eq!(
        text.matches("plexsphere-signer/audit/").count(),
        6,
        "{text}"
    );
    assert_eq!(intact(&place.verify()), 3);
}

#[tokio::test]
async fn a_log_without_its_checkpoints_has_to_begin_at_the_beginning() {
    let place = Place::new();
    place.add(names("a", 2)).await;
    fs::rename(place.log(), place.file("old")).unwrap();
    place.add(names("b", 2)).await;
    fs::remove_file(place.checkpoints()).unwrap();
    let refused = place.open().unwrap_err();
    assert!(refused.contains("it begins with entry 3"), "{refused}");
}

/// The first checkpoint would cut the one away, and the public half take the place of the other.
#[tokio::test]
async fn a_file_at_the_place_of_checkpoints_or_public_key_that_is_none_is_refused_and_left_alone() {
    for (name, what) in [
        ("audit.jsonl.checkpoint", "the checkpoints of an audit log"),
        (
            "audit.jsonl.checkpoint-key.pub",
            "the public key of an audit log",
        ),
    ] {
        for content in ["dear diary\n", "4711", "plexsphere-signer/\n"] {
            let place = Place::new();
            fs::write(place.file(name), content).unwrap();
            let refused = place.open().unwrap_err();
            let expected = format!(
                "--audit-log {}: {} does not hold {what}; move it away, or name another log",
                place.log().display(),
                place.file(name).display()
            );
            assert_eq!(refused, expected);
            assert_eq!(refusal(&place.log()), expected);
            assert_eq!(fs::read_to_string(place.file(name)).unwrap(), content);
            assert_eq!(place.names(), [name]);
        }
    }
}

#[tokio::test]
async fn a_public_key_of_another_log_is_replaced_and_a_torn_first_checkpoint_as_well() {
    let other = Place::new();
    other.add(names("a", 1)).await;
    let checkpoint = fs::read(other.checkpoints()).unwrap();
    for length in 0..first_note(&checkpoint) {
        let place = Place::new();
        fs::copy(
            other.file("audit.jsonl.checkpoint-key.pub"),
            place.file("audit.jsonl.checkpoint-key.pub"),
        )
        .unwrap();
        fs::write(place.checkpoints(), &checkpoint[..length]).unwrap();
        place.add(names("b", 1)).await;
        assert_eq!(intact(&place.verify()), 1, "{length}");
    }
}
