//! Changes whose callers have given up.

use std::time::Duration;

use signer_domain::KeyMark;
use signer_domain::ports::{
    KeyRecords as _, RegistryStore as _, Reservations as _, RetirementStage, Retirements as _,
    RotationRecords as _,
};
use signer_domain::registry::{ChangeKind, Engine as _};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;

/// How a caller gives a change up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivesUp {
    /// It waits as long as the registry does.
    Late,
    /// It goes away.
    AtOnce,
}

/// A change that has the turn and goes on, given up by its caller; and what lets it end.
async fn given_up(registry: &SqliteRegistry, how: GivesUp) -> oneshot::Sender<()> {
    let (go, may_go) = oneshot::channel();
    let change = registry.change(ChangeKind::Mark, move |rows| {
        Box::pin(async move {
            drop(may_go.await);
            let handle = HandleId::parse("software:a").unwrap();
            let was = rows.key_of(&handle).await?.unwrap();
            let mut is = was.clone();
            is.key.marks.blocked = true;
            let seq = rows.next_seq().await?;
            rows.replace_key(&was, &is, seq).await
        })
    });
    let limit = match how {
        GivesUp::Late => Duration::MAX,
        GivesUp::AtOnce => Duration::from_millis(100),
    };
    if let Ok(answer) = timeout(limit, change).await {
        assert!(
            matches!(answer, Err(KeyRegistryError::Unavailable { .. })),
            "{answer:?}"
        );
    }
    go
}

async fn with_one_key(directory: &TempDir) -> SqliteRegistry {
    let registry = open(directory).await;
    let reserved = registry.reserve(&wanted("k1")).await;
    let Reservation::Reserved(pending) = reserved.unwrap() else {
        panic!("the name is taken");
    };
    let made = GeneratedKey {
        handle_id: HandleId::parse("software:a").unwrap(),
        public_key: signer_domain::PublicKey::from_bytes([1; 32]),
    };
    let at = Timestamp::UNIX_EPOCH;
    let completing = registry.complete(&pending, &made, at, at);
    completing.await.unwrap();
    registry
}

#[tokio::test]
async fn a_question_after_a_change_was_given_up_is_not_answered_before_the_change_has_ended() {
    for how in [GivesUp::AtOnce, GivesUp::Late] {
        let directory = tempfile::tempdir().unwrap();
        let registry = with_one_key(&directory).await;
        let handle = HandleId::parse("software:a").unwrap();
        let go = given_up(&registry, how).await;
        let answer = registry.find(&handle).await;
        let Err(KeyRegistryError::Unavailable { context, .. }) = answer else {
            panic!("{how:?}: {answer:?}");
        };
        assert_eq!(context, "finding a key");
        let answer = tokio::join!(registry.find(&handle), async { go.send(()).unwrap() }).0;
        let key = answer.unwrap().unwrap();
        assert!(key.marks.blocked, "{how:?}");
        let unmarked = registry.unmark(&handle, KeyMark::Blocked).await.unwrap();
        assert_eq!(registry.find(&handle).await.unwrap(), Some(unmarked));
    }
}

/// Every question waits: none may tell what a change under way is about to undo.
#[tokio::test]
async fn no_question_is_answered_while_a_change_that_was_given_up_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let registry = with_one_key(&directory).await;
    let _hangs = given_up(&registry, GivesUp::AtOnce).await;
    let [handle, other] = ["software:a", "software:b"].map(|text| HandleId::parse(text).unwrap());
    let (scope, name) = (Scope::Platform, KeyId::parse("k1").unwrap());
    let query = KeyQuery {
        scope: None,
        state: None,
        limit: std::num::NonZeroU32::MIN,
        after: None,
    };
    let answers = tokio::join!(
        registry.find(&handle),
        registry.find(&other),
        registry.pending(),
        registry.any_of(ProviderName::new("software")),
        registry.current(&scope),
        registry.list(&query),
        registry.notices(),
        registry.unsettled_retirements(RetirementStage::Begun),
        registry.unsettled_retirements(RetirementStage::Unconfirmed),
        registry.rotation(&scope),
        registry.rotation_between(&scope, &name, &name),
        registry.open_rotations(),
    );
    let answers = format!("{answers:?}");
    assert_eq!(answers.matches("Ok(").count(), 0, "{answers}");
    assert_eq!(answers.matches("Err(Unavailable").count(), 12, "{answers}");
}

/// A check changes nothing, so that questions have nothing to wait for.
#[tokio::test]
async fn questions_are_answered_while_a_check_that_was_given_up_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let registry = with_one_key(&directory).await;
    let path = directory.path().join("registry.db");
    let mut holder = connection::options(&path).connect().await.unwrap();
    let lock = sqlx::query("BEGIN IMMEDIATE").execute(&mut holder);
    lock.await.unwrap();
    let check = registry.check();
    timeout(Duration::from_millis(100), check)
        .await
        .unwrap_err();
    let handle = HandleId::parse("software:a").unwrap();
    assert!(registry.find(&handle).await.unwrap().is_some());
    let has_the_turn = registry.writer.open.try_lock().is_err();
    assert!(has_the_turn, "the check has ended");
}
