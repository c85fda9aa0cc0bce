//! Nothing that was signed is handed out or may leave once the registry it was signed by does not count.

use std::sync::Arc;

use signer_domain::ports::{Custody as _, CustodyError, SignRequest, SignTarget};

use crate::house::{House, Plan, digest, eventually, is_good, released, run, soon};

fn is_lost<T>(answer: &Result<T, CustodyError>) -> bool {
    matches!(answer, Err(CustodyError::RegistryUnavailable { .. }))
}

#[test]
fn a_signature_that_is_being_made_when_the_registry_is_lost_is_not_handed_out() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("sign-slow-500ms").await;
        let request = || SignRequest {
            target: SignTarget::Handle(key.handle_id.clone()),
            digest: digest(),
        };
        let single = {
            let (custody, request) = (Arc::clone(&house.custody), request());
            actix_rt::spawn(async move { custody.sign(request, soon()).await })
        };
        let batch = {
            let (custody, requests) = (Arc::clone(&house.custody), vec![request(), request()]);
            actix_rt::spawn(async move { custody.sign_batch(requests, soon()).await })
        };
        eventually(|| async { house.signs_asked(&key) > 0 }).await;
        house.lose_registry(true);
        assert!(is_lost(&single.await.unwrap()));
        for signed in batch.await.unwrap().unwrap() {
            assert!(is_lost(&signed));
        }
        assert!(is_lost(&house.sign(&key).await), "nothing is begun either");
        house.lose_registry(false);
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
    });
}

#[test]
fn what_was_handed_out_may_leave_only_as_long_as_the_registry_is_not_lost() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let target = SignTarget::Handle(key.handle_id.clone());
        let digest = digest();
        let request = SignRequest { target, digest };
        let unread = house.custody.sign(request, soon()).await.unwrap();
        assert_eq!(house.custody.may_release(), Ok(()));
        house.lose_registry(true);
        assert!(is_lost(&house.custody.may_release()));
        house.lose_registry(false);
        assert_eq!(house.custody.may_release(), Ok(()));
        assert!(is_good(&released(Ok(unread)).unwrap(), &key));
    });
}
