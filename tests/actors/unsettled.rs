//! Reservations that nobody settles: their provider is down, lost its answer, or is not configured any
//! more.

use std::time::Duration;

use signer_actors::CustodySettings;
use signer_domain::ports::{
    Custody as _, CustodyError, OpenRotation, OpenedOrStanding, Purpose, Reservation,
    Reservations as _, Rotations as _, WantedKey,
};
use signer_domain::{DeploymentProfile, KeyId, ProviderName, Scope};
use signer_kit::testdouble::{Failure, Operation};

use crate::house::{DOUBLE, House, Plan, eventually, is_good, run, soon, wanted};

/// A provider that no house here has.
const GONE: ProviderName = ProviderName::new("pkcs11");

/// How often two callers are let loose on one reservation.
const ROUNDS: usize = 20;

fn name(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

async fn reserve_rotation(house: &House, provider: ProviderName) {
    let wanted = WantedKey {
        provider,
        ..wanted(&name("new"), Purpose::Rotate)
    };
    let reserved = house.registry.reserve(&wanted).await;
    assert!(matches!(reserved, Ok(Reservation::Reserved(_))));
}

async fn open(
    house: &House,
    new: &str,
    provider: Option<ProviderName>,
) -> Result<OpenedOrStanding, CustodyError> {
    let request = OpenRotation {
        scope: Scope::Platform,
        new_key_id: name(new),
        provider,
    };
    house.custody.open_rotation(request, soon()).await
}

async fn warnings(house: &House) -> Vec<String> {
    house.custody.readiness().await.warnings
}

async fn is_warned(house: &House, warning: &str) {
    eventually(|| async { warnings(house).await == [warning] }).await;
}

fn unsettled(house: &House, provider: ProviderName) -> u64 {
    house.metric(&format!(
        "reservations_unsettled{{provider=\"{provider}\"}}"
    ))
}

#[test]
fn a_rotation_whose_provider_is_gone_is_named_with_the_way_out() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        reserve_rotation(&house, GONE).await;
        is_warned(
            &house,
            "rotation of scope \"platform\" to key \"new\" waits for key provider \"pkcs11\", which is \
             not configured: configure it again, or open a rotation to a key of another name that names \
             another provider",
        )
        .await;
        assert!(house.custody.readiness().await.is_ready());
        assert_eq!(unsettled(&house, GONE), 1);
    });
}

#[test]
fn a_key_whose_provider_is_gone_is_named_with_the_way_out() {
    run(async {
        let house = House::open(Plan::default()).await;
        let wanted = WantedKey {
            provider: GONE,
            ..wanted(&name("k1"), Purpose::Generate)
        };
        let reserved = house.registry.reserve(&wanted).await;
        assert!(matches!(reserved, Ok(Reservation::Reserved(_))));
        is_warned(
            &house,
            "key \"k1\" of scope \"platform\" waits for key provider \"pkcs11\", which is not \
             configured: configure it again, or generate a key of another name",
        )
        .await;
    });
}

#[test]
fn a_lost_answer_is_named_until_it_is_asked_for_again() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        house.double.inject_failure(
            Operation::Generate,
            Failure::ProviderUnavailable {
                retry_after: Duration::from_secs(1),
                outcome_unknown: true,
            },
        );
        open(&house, "new", None).await.unwrap_err();
        is_warned(
            &house,
            "rotation of scope \"platform\" to key \"new\" waits for key provider \"testdouble\", whose \
             answer was lost: open it again",
        )
        .await;
        assert_eq!(unsettled(&house, DOUBLE), 1);
        house.double.clear_failures();
        open(&house, "new", None).await.unwrap();
        eventually(|| async { warnings(&house).await.is_empty() }).await;
        assert_eq!(unsettled(&house, DOUBLE), 0);
    });
}

#[test]
fn a_rotation_whose_provider_is_gone_gives_way_to_one_that_names_another() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        reserve_rotation(&house, GONE).await;
        let refused = open(&house, "other", None).await;
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        let opened = open(&house, "other", Some(DOUBLE)).await;
        let Ok(OpenedOrStanding::Opened(rotation)) = opened else {
            panic!("{opened:?}");
        };
        assert_eq!(rotation.old_handle_id, old.handle_id);
        let key = house.record(&rotation.new_handle_id).await;
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &key));
        assert_eq!(house.registry.pending().await.unwrap(), []);
        let notes = house.notes.taken();
        let [note] = notes.as_slice() else {
            panic!("{notes:?}");
        };
        assert_eq!((note.op, note.http_status), ("rotation_abandon", 200));
        assert_eq!(note.key.scope, Some(Scope::Platform));
        assert_eq!(note.key.key_id, Some(name("new")));
        assert_eq!(note.key.provider, Some(GONE));
        house.close_rotation("old", "other").await.unwrap();
    });
}

/// Both find the reservation in their way; one of them has given it up, and the other only sees it gone.
#[test]
fn a_rotation_that_gives_way_to_two_at_once_is_recorded_once() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let mut current = "old".to_owned();
        for round in 1..=ROUNDS {
            reserve_rotation(&house, GONE).await;
            let (one, other) = (format!("one-{round}"), format!("other-{round}"));
            let double = Some(DOUBLE);
            let (first, second) =
                tokio::join!(open(&house, &one, double), open(&house, &other, double));
            let [winner] = [(first, one), (second, other)]
                .into_iter()
                .filter_map(|(opened, new)| opened.ok().map(|_opened| new))
                .collect::<Vec<_>>()
                .try_into()
                .unwrap();
            house.close_rotation(&current, &winner).await.unwrap();
            current = winner;
            assert_eq!(house.notes.taken().len(), round);
        }
    });
}

/// Its provider may have made it, and two pairs of one name there must not be.
#[test]
fn a_rotation_whose_provider_is_gone_gives_its_own_name_to_nobody() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        reserve_rotation(&house, GONE).await;
        let refused = open(&house, "new", Some(DOUBLE)).await;
        assert!(
            matches!(refused, Err(CustodyError::ProviderUnavailable { .. })),
            "{refused:?}"
        );
        assert_eq!(house.registry.pending().await.unwrap().len(), 1);
    });
}

#[test]
fn a_rotation_gives_way_to_none_while_its_provider_is_configured() {
    run(async {
        let settings = CustodySettings::new(DeploymentProfile::SelfhostedSingle);
        let (house, _) = House::open_with_neighbour(settings).await;
        reserve_rotation(&house, DOUBLE).await;
        let refused = open(&house, "other", Some(ProviderName::new("software"))).await;
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        let refused = open(&house, "new", Some(ProviderName::new("software"))).await;
        assert!(
            matches!(refused, Err(CustodyError::ProviderUnavailable { .. })),
            "{refused:?}"
        );
        assert_eq!(house.registry.pending().await.unwrap().len(), 1);
    });
}

#[test]
fn a_rotation_that_is_open_gives_way_to_none_wherever_its_keys_are() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        house.rotate_to("new").await;
        let refused = open(&house, "other", Some(DOUBLE)).await;
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        assert!(house.notes.taken().is_empty());
    });
}
