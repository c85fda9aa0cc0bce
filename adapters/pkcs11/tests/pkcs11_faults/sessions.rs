//! What stays open, and what a signature costs.

use crate::stage::in_a_process_of_its_own;

const CYCLES: usize = 50;

#[test]
fn keys_that_come_and_go_open_no_further_session() {
    in_a_process_of_its_own(|stage| {
        // Two at once, so that each session that signs has been opened.
        let key = stage.generate("first").unwrap();
        std::thread::scope(|scope| {
            let stage = &*stage;
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        stage.sign(&key).unwrap();
                    }
                });
            }
        });
        let opened = stage.count("C_OpenSession ");
        assert!(opened >= 3, "{opened} sessions were traced");
        for number in 0..CYCLES {
            let key = stage.generate(&format!("k{number}")).unwrap();
            stage.sign(&key).unwrap();
            stage.retire(&key).unwrap();
        }
        assert_eq!(stage.count("C_OpenSession "), opened);
    });
}

#[test]
fn a_signature_is_asked_for_by_one_call_of_c_sign() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        let before = stage.count("C_Sign ");
        for _ in 0..10 {
            stage.sign(&key).unwrap();
        }
        let calls = stage.count("C_Sign ") - before;
        // The other session may prove itself meanwhile, which is a signature too.
        assert!((10..=11).contains(&calls), "{calls} calls");
    });
}
