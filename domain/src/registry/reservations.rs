//! Reserving, completing, abandoning.

use jiff::Timestamp;

use super::keys::{Found, activate, completion};
use super::{KeyRow, Refused, Rows};
use crate::ports::{
    Abandonment, Completed, GeneratedKey, PendingKey, Purpose, Reservation, ReservationRefused,
    WantedKey,
};

/// Reserves a name that is free; otherwise says what has it.
pub(super) async fn reserve(
    rows: &mut dyn Rows,
    wanted: WantedKey,
) -> Result<Reservation, Refused> {
    match rows.key_named(&wanted.scope, &wanted.key_id).await? {
        Some(KeyRow::Reserved(pending)) => {
            return Ok(match pending.purpose {
                Purpose::Generate => Reservation::AlreadyPending(pending),
                Purpose::Rotate => Reservation::Refused(ReservationRefused::RotationInProgress),
            });
        }
        Some(KeyRow::Registered(key)) => {
            return Ok(Reservation::Completed(Completed {
                key: key.into_record(),
                rotation: None,
            }));
        }
        None => {}
    }
    if rows.unclosed_rotation(&wanted.scope).await?.is_some() {
        return Ok(Reservation::Refused(ReservationRefused::RotationInProgress));
    }
    let pending = insert(rows, wanted).await?;
    Ok(Reservation::Reserved(pending))
}

/// Writes the reservation of a name that is free.
pub(super) async fn insert(rows: &mut dyn Rows, wanted: WantedKey) -> Result<PendingKey, Refused> {
    let pending = PendingKey {
        scope: wanted.scope,
        key_id: wanted.key_id,
        provider: wanted.provider,
        purpose: wanted.purpose,
        reservation: rows.next_seq().await?,
    };
    rows.reserve(&pending, wanted.at).await?;
    Ok(pending)
}

/// Turns a reservation that no rotation made into an active key, the current one when its scope has
/// none and no rotation is about to give it one.
pub(super) async fn complete(
    rows: &mut dyn Rows,
    pending: PendingKey,
    generated: GeneratedKey,
    at: Timestamp,
) -> Result<Completed, Refused> {
    match completion(rows, &pending, &generated).await? {
        Found::Reservation => {}
        Found::Key(key) => {
            return Ok(Completed {
                key,
                rotation: None,
            });
        }
    }
    let any = rows.current_or_any(&pending.scope).await?;
    let has_current = any.is_some_and(|any| any.key.current);
    let current = !has_current && rows.unclosed_rotation(&pending.scope).await?.is_none();
    Ok(Completed {
        key: activate(rows, &pending, generated, at, current).await?,
        rotation: None,
    })
}

/// Deletes a reservation, if it is still there, and the rotation that it was made for. A later one of
/// the same name has another number.
pub(super) async fn abandon(
    rows: &mut dyn Rows,
    pending: PendingKey,
) -> Result<Abandonment, Refused> {
    match rows.key_named(&pending.scope, &pending.key_id).await? {
        Some(KeyRow::Reserved(found)) if found == pending => {}
        Some(KeyRow::Reserved(_) | KeyRow::Registered(_)) | None => {
            return Ok(Abandonment::NotThere);
        }
    }
    rows.forget(&pending).await?;
    rows.next_seq().await?;
    Ok(Abandonment::Done)
}
