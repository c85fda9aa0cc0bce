//! The ways that lead a second custodian to the state of the first.

use std::fs;
use std::os::unix::fs::symlink;

use signer_test_support::{Random, copy_directory};

use super::pair::{Pair, Second};

/// One way.
pub(crate) struct Way {
    /// What is done.
    pub(crate) name: &'static str,
    /// Does it while the first serves, and says where the second is to start.
    pub(crate) lead: fn(&Pair, &mut Random) -> Second,
}

const LOCKS: [&str; 2] = ["registry.db.lock", "audit.jsonl.lock"];

/// All of them.
pub(crate) const WAYS: &[Way] = &[
    way("as it is", |pair, _| pair.beside("state/registry.db")),
    way("lock files removed", |pair, random| {
        remove_locks(pair, random);
        pair.beside("state/registry.db")
    }),
    way("every lock file removed", |pair, _| {
        for lock in LOCKS {
            fs::remove_file(pair.file("state").join(lock)).unwrap();
        }
        pair.beside("state/registry.db")
    }),
    way("lock files replaced", |pair, _| {
        for lock in LOCKS {
            let lock = pair.file("state").join(lock);
            fs::remove_file(&lock).unwrap();
            fs::write(&lock, "").unwrap();
        }
        pair.beside("state/registry.db")
    }),
    way("a hard link to the registry", |pair, _| {
        fs::create_dir(pair.file("other")).unwrap();
        link(pair, "registry.db");
        pair.beside("other/registry.db")
    }),
    way("a hard link to the log", |pair, _| {
        fs::create_dir(pair.file("other")).unwrap();
        link(pair, "audit.jsonl");
        pair.beside("other/registry.db")
    }),
    way("hard links to everything", |pair, _| {
        fs::create_dir(pair.file("other")).unwrap();
        for entry in fs::read_dir(pair.file("state")).unwrap() {
            link(pair, entry.unwrap().file_name().to_str().unwrap());
        }
        pair.beside("other/registry.db")
    }),
    way("a link to the directory", |pair, random| {
        symlink(pair.file("state"), pair.file("other")).unwrap();
        remove_locks(pair, random);
        pair.beside("other/registry.db")
    }),
    way("links to the files", |pair, random| {
        fs::create_dir(pair.file("other")).unwrap();
        remove_locks(pair, random);
        symlink(
            pair.file("state/registry.db"),
            pair.file("other/registry.db"),
        )
        .unwrap();
        pair.beside("other/registry.db")
    }),
    way("the directory moved", |pair, random| {
        fs::rename(pair.file("state"), pair.file("other")).unwrap();
        if random.below(2) == 0 {
            for lock in LOCKS {
                fs::remove_file(pair.file("other").join(lock)).unwrap();
            }
        }
        pair.beside("other/registry.db")
    }),
    way("the directory copied", |pair, _| {
        copy_directory(&pair.file("state"), &pair.file("other"));
        Second {
            is_near: true,
            ..pair.beside("other/registry.db")
        }
    }),
    way("the registry copied", |pair, _| {
        fs::create_dir(pair.file("other")).unwrap();
        for suffix in ["", "-wal"] {
            let name = format!("registry.db{suffix}");
            let copy = pair.file("other").join(&name);
            fs::copy(pair.file("state").join(&name), copy).unwrap();
        }
        Second {
            is_near: true,
            ..pair.beside("other/registry.db")
        }
    }),
    way("the directory replaced by a copy", |pair, _| {
        fs::rename(pair.file("state"), pair.file("old")).unwrap();
        copy_directory(&pair.file("old"), &pair.file("state"));
        pair.beside("state/registry.db")
    }),
    way("the directory replaced by a backup", |pair, _| {
        fs::rename(pair.file("state"), pair.file("old")).unwrap();
        fs::rename(pair.file("backup"), pair.file("state")).unwrap();
        pair.beside("state/registry.db")
    }),
    way("the registry restored in place", |pair, random| {
        remove_locks(pair, random);
        let backup = pair.file("backup/registry.db");
        fs::rename(backup, pair.file("state/registry.db")).unwrap();
        if random.below(2) == 0 {
            fs::remove_file(pair.file("state/registry.db-wal")).unwrap();
            fs::remove_file(pair.file("state/registry.db-shm")).unwrap();
        }
        pair.beside("state/registry.db")
    }),
    way("a backup written over the registry", |pair, random| {
        remove_locks(pair, random);
        let backup = pair.file("backup/registry.db");
        fs::copy(backup, pair.file("state/registry.db")).unwrap();
        pair.beside("state/registry.db")
    }),
    way("the log of the registry emptied", |pair, random| {
        remove_locks(pair, random);
        fs::File::create(pair.file("state/registry.db-wal")).unwrap();
        pair.beside("state/registry.db")
    }),
    way("registry and log restored in place", |pair, random| {
        remove_locks(pair, random);
        fs::create_dir(pair.file("old")).unwrap();
        for name in ["registry.db", "audit.jsonl", "audit.jsonl.checkpoint"] {
            let there = pair.file("state").join(name);
            if there.exists() {
                fs::rename(&there, pair.file("old").join(name)).unwrap();
            }
            fs::rename(pair.file("backup").join(name), &there).unwrap();
        }
        pair.beside("state/registry.db")
    }),
    way(
        "the log moved away, and its lock file removed",
        |pair, _| {
            fs::rename(pair.file("state/audit.jsonl"), pair.file("state/old")).unwrap();
            fs::remove_file(pair.file("state/audit.jsonl.lock")).unwrap();
            pair.beside("state/registry.db")
        },
    ),
    way("the log replaced by its copy", |pair, _| {
        let (log, old) = (pair.file("state/audit.jsonl"), pair.file("state/old"));
        fs::rename(&log, &old).unwrap();
        fs::copy(&old, &log).unwrap();
        pair.beside("state/registry.db")
    }),
    way(
        "another registry for the log, whose lock file is removed",
        |pair, _| {
            fs::create_dir(pair.file("other")).unwrap();
            fs::remove_file(pair.file("state/audit.jsonl.lock")).unwrap();
            let registry = pair.file("other/registry.db");
            Second {
                registry,
                ..pair.beside("state/registry.db")
            }
        },
    ),
    way(
        "another log for the registry, whose lock file is removed",
        |pair, _| {
            fs::create_dir(pair.file("other")).unwrap();
            fs::remove_file(pair.file("state/registry.db.lock")).unwrap();
            Second {
                log: pair.file("other/audit.jsonl"),
                ..pair.beside("state/registry.db")
            }
        },
    ),
    way("the log of the registry removed", |pair, random| {
        remove_locks(pair, random);
        fs::remove_file(pair.file("state/registry.db-wal")).unwrap();
        pair.beside("state/registry.db")
    }),
    way("the directory mounted elsewhere", |pair, random| {
        fs::create_dir(pair.file("other")).unwrap();
        remove_locks(pair, random);
        Second {
            mounts: vec![(pair.file("state"), pair.file("other"))],
            ..pair.beside("other/registry.db")
        }
    }),
    way("the files mounted elsewhere", |pair, _| {
        fs::create_dir(pair.file("other")).unwrap();
        let names = ["registry.db", "audit.jsonl"];
        let mounts = names.map(|name| {
            let there = pair.file("other").join(name);
            fs::write(&there, "").unwrap();
            (pair.file("state").join(name), there)
        });
        Second {
            mounts: mounts.into(),
            ..pair.beside("other/registry.db")
        }
    }),
];

const fn way(name: &'static str, lead: fn(&Pair, &mut Random) -> Second) -> Way {
    Way { name, lead }
}

/// Removes one of the lock files, or all.
fn remove_locks(pair: &Pair, random: &mut Random) {
    let chosen = random.below(3);
    for (number, lock) in (0..).zip(LOCKS) {
        if chosen == number || chosen == 2 {
            fs::remove_file(pair.file("state").join(lock)).unwrap();
        }
    }
}

fn link(pair: &Pair, name: &str) {
    let there = pair.file("other").join(name);
    fs::hard_link(pair.file("state").join(name), there).unwrap();
}
