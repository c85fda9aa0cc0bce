//! File systems that are full, have no inode left, or cannot be written.

use std::fs;

use signer_test_support::{Workplace, shipped};

use super::served_or_refused;

/// What makes the directory `full` unusable, in a mount namespace that goes with the process.
const WAYS: [(&str, &str); 3] = [
    (
        "mount -t tmpfs -o size=64k tmpfs full && head -c 1000000 /dev/zero 2>&- >full/filler",
        "make room",
    ),
    ("mount -t tmpfs -o nr_inodes=1 tmpfs full", "make room"),
    (
        "mount -t tmpfs tmpfs full && mount -o remount,ro full",
        "mount its file system",
    ),
];

#[test]
fn a_start_on_a_disk_that_takes_nothing_is_refused_with_the_right_advice() {
    for (way, cure) in WAYS {
        for flag in ["--registry", "--audit-log", "--socket"] {
            let place = Workplace::with_seed();
            fs::create_dir(place.file("full")).unwrap();
            let script = format!("{way}; exec \"$@\"");
            let program = shipped!().behind(&["unshare", "--mount", "sh", "-c", &script, "sh"]);
            let mut flags = place.software_flags();
            let file = place.file("full/file").display().to_string();
            match flag {
                "--registry" => set(&mut flags, flag, format!("sqlite:{file}")),
                "--socket" => set(&mut flags, flag, file),
                _ => flags.extend([flag.to_owned(), file]),
            }
            // A socket takes an inode and no block.
            if flag == "--socket" && way.contains("filler") {
                continue;
            }
            let (status, sentence) = served_or_refused(&program, &place, &flags).unwrap_err();
            assert_eq!(status, 2, "{flag}, {way}: {sentence}");
            assert!(sentence.contains(flag), "{flag}, {way}: {sentence}");
            assert!(sentence.contains(cure), "{flag}, {way}: {sentence}");
            for wrong in ["permission", "access to", "check the disk"] {
                assert!(!sentence.contains(wrong), "{flag}, {way}: {sentence}");
            }
        }
    }
}

fn set(flags: &mut [String], flag: &str, value: String) {
    let at = flags.iter().position(|it| it == flag).unwrap();
    flags[at + 1] = value;
}
