//! Limits on open files and on threads.

use signer_test_support::Workplace;

use crate::{place_of, program, served_or_refused};

/// A user of no other test: the limit counts all that a user runs.
const USER: u32 = 47_110;

#[test]
fn too_few_open_files_are_told_and_enough_of_them_serve() {
    let mut refused = 0;
    for limit in [8, 16, 24, 28, 32, 36, 40, 44, 256] {
        let place = Workplace::with_seed();
        let limited = format!("ulimit -n {limit}; exec \"$@\"");
        let program = program().behind(&["sh", "-c", &limited, "sh"]);
        match served_or_refused(&program, &place, &place.software_flags()) {
            Ok(mut server) => {
                server.generate("k1");
                assert!(server.terminate().success(), "{limit}");
            }
            Err((status, sentence)) => {
                refused += 1;
                assert_eq!(status, 1, "{limit}: {sentence}");
                assert!(sentence.contains("open files"), "{limit}: {sentence}");
            }
        }
    }
    assert!((1..9).contains(&refused), "{refused}");
}

#[test]
fn too_few_threads_are_told_and_enough_of_them_serve() {
    let mut refused = 0;
    for limit in [1, 2, 3, 5, 7, 9, 11, 13, 256] {
        let (place, program) = place_of(USER);
        let user = format!("--reuid={USER}");
        let group = format!("--regid={USER}");
        let limit_of_threads = format!("--nproc={limit}:{limit}");
        let program = program.behind(&[
            "setpriv",
            &user,
            &group,
            "--clear-groups",
            "prlimit",
            &limit_of_threads,
        ]);
        match served_or_refused(&program, &place, &place.software_flags()) {
            Ok(mut server) => {
                assert_eq!(server.get("/livez").status, 200);
                assert!(server.terminate().success(), "{limit}");
            }
            Err((status, sentence)) => {
                refused += 1;
                assert_eq!(status, 1, "{limit}: {sentence}");
                assert!(sentence.contains("thread"), "{limit}: {sentence}");
            }
        }
    }
    assert!((1..9).contains(&refused), "{refused}");
}
