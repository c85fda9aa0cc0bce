//! Limits on open files, on threads and on address space.

use std::thread;

use signer_test_support::{Workplace, shipped, sign_request};

use super::{place_of, served_or_refused};

/// A user of no other test: the limit counts all that a user runs.
const USER: u32 = 47_110;

#[test]
fn too_few_open_files_are_told_and_enough_of_them_serve() {
    let mut refused = 0;
    for limit in [8, 16, 24, 28, 32, 36, 40, 44, 256] {
        let place = Workplace::with_seed();
        let limited = format!("ulimit -n {limit}; exec \"$@\"");
        let program = shipped!().behind(&["sh", "-c", &limited, "sh"]);
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

#[test]
fn too_little_address_space_is_told_and_enough_of_it_lasts_under_load() {
    let item = sign_request(&[7; 64]).replacen('{', r#"{"scope":"platform","#, 1);
    let batch = format!(r#"{{"items":[{}]}}"#, vec![item.as_str(); 1024].join(","));
    let (mut lasting, mut refused) = (0, 0);
    for mebibytes in [
        70, 80, 90, 100, 120, 160, 200, 240, 280, 320, 360, 400, 500, 600, 900, 1400,
    ] {
        let place = Workplace::with_seed();
        let limit = format!("--as={}", mebibytes * 1024 * 1024);
        let program = shipped!().behind(&["prlimit", &limit]);
        match served_or_refused(&program, &place, &place.software_flags()) {
            Ok(mut server) => {
                lasting += 1;
                server.generate("k1");
                thread::scope(|scope| {
                    for _ in 0..12 {
                        let mut connection = server.connect();
                        let batch = &batch;
                        scope.spawn(move || {
                            let answer = connection.ask("POST", "/v1/sign", Some(batch));
                            let status = answer.unwrap().status;
                            assert!([200, 429, 504].contains(&status), "{mebibytes}: {status}");
                        });
                    }
                });
                assert_eq!(server.get("/livez").status, 200, "{mebibytes}");
                assert!(server.terminate().success(), "{mebibytes}");
                let log = server.take_log();
                assert!(!log.contains("jemalloc"), "{mebibytes}: {log}");
            }
            Err((status, sentence)) => {
                refused += 1;
                assert_eq!(status, 1, "{mebibytes}: {sentence}");
                let is_told = sentence.contains("address space") || sentence.contains("thread");
                assert!(is_told, "{mebibytes}: {sentence}");
            }
        }
    }
    assert!(
        lasting >= 3 && refused >= 1,
        "{lasting} served, {refused} refused"
    );
}
