//! Rotations: reserving, opening, closing.

use jiff::Timestamp;

use super::keys::{Found, activate, changed, completion, replace};
use super::moment::as_kept;
use super::reservations::insert;
use super::{KeyRow, OpenedRotation, Refused, RegisteredKey, RotationRow, Rows};
use crate::ports::{
    Completed, GeneratedKey, PendingKey, Purpose, Reservation, ReservationRefused, WantedKey,
};
use crate::{KeyChange, KeyState, RotationTransition, SigningKey};

/// Reserves a name that is free for the key that shall follow the scope's current one; otherwise says
/// what is in the way.
pub(super) async fn reserve(
    rows: &mut dyn Rows,
    wanted: WantedKey,
) -> Result<Reservation, Refused> {
    match rows.key_named(&wanted.scope, &wanted.key_id).await? {
        Some(KeyRow::Reserved(pending)) => {
            return Ok(match pending.purpose {
                Purpose::Generate => Reservation::Refused(ReservationRefused::NameTaken),
                Purpose::Rotate => Reservation::AlreadyPending(pending),
            });
        }
        Some(KeyRow::Registered(key)) => return standing(rows, &key).await,
        None => {}
    }
    if rows.unclosed_rotation(&wanted.scope).await?.is_some() {
        return Ok(Reservation::Refused(ReservationRefused::RotationInProgress));
    }
    let old = match rows.current_or_any(&wanted.scope).await? {
        Some(any) if any.key.current => any.key,
        Some(_) => return Ok(Reservation::Refused(ReservationRefused::CurrentRetired)),
        None => return Ok(Reservation::Refused(ReservationRefused::UnknownScope)),
    };
    let at = wanted.at;
    let pending = insert(rows, wanted).await?;
    let rotation = RotationRow {
        reservation: pending.reservation,
        scope: pending.scope,
        old_key_id: old.key_id,
        new_key_id: pending.key_id.clone(),
        opened: None,
    };
    rows.insert_rotation(&rotation, at, pending.reservation)
        .await?;
    Ok(Reservation::Reserved(pending))
}

/// What the reservation of a name leads to that belongs to a key. One that was generated ahead may take
/// the place of the current key.
async fn standing(rows: &mut dyn Rows, key: &RegisteredKey) -> Result<Reservation, Refused> {
    let SigningKey { scope, key_id, .. } = &key.key;
    let rotation = rows.rotation_to(scope, key_id).await?;
    let key_and = |rotation| {
        let key = key.record();
        Reservation::Completed(Completed { key, rotation })
    };
    if let Some(rotation) = rotation.and_then(RotationRow::into_transition) {
        return Ok(key_and(Some(rotation)));
    }
    if key.key.state != KeyState::Active || key.key.current {
        return Ok(Reservation::Refused(ReservationRefused::NameTaken));
    }
    if rows.unclosed_rotation(scope).await?.is_some() {
        return Ok(Reservation::Refused(ReservationRefused::RotationInProgress));
    }
    let any = rows.current_or_any(scope).await?;
    Ok(if any.is_some_and(|any| any.key.current) {
        key_and(None)
    } else {
        Reservation::Refused(ReservationRefused::CurrentRetired)
    })
}

/// Puts a key that stands in the place of the current one.
pub(super) async fn rotate_to(
    rows: &mut dyn Rows,
    believed: SigningKey,
    at: Timestamp,
    closes_at: Timestamp,
) -> Result<RotationTransition, Refused> {
    let was = rows.key_of(&believed.handle_id).await?;
    let was = was
        .filter(|was| was.record() == believed)
        .ok_or(Refused::Conflict)?;
    match standing(rows, &was).await? {
        Reservation::Completed(Completed { rotation: None, .. }) => {}
        Reservation::Completed(_)
        | Reservation::Reserved(_)
        | Reservation::AlreadyPending(_)
        | Reservation::Refused(_) => return Err(Refused::Conflict),
    }
    let old = rows.current_or_any(&believed.scope).await?;
    let old = old.filter(|old| old.key.current).ok_or(Refused::Conflict)?;
    let superseded = changed(&old, KeyChange::Superseded, closes_at)?;
    replace(rows, &old, superseded).await?;
    let mut is = was.clone();
    is.key.current = true;
    replace(rows, &was, is).await?;
    let rotation = RotationRow {
        reservation: was.reservation,
        scope: believed.scope,
        old_key_id: old.key.key_id,
        new_key_id: believed.key_id,
        opened: Some(OpenedRotation {
            old_handle_id: old.key.handle_id,
            new_handle_id: believed.handle_id,
            opened_at: as_kept(at),
            closes_at: as_kept(closes_at),
            closed_at: None,
        }),
    };
    let seq = rows.next_seq().await?;
    rows.insert_rotation(&rotation, at, seq).await?;
    rotation.into_transition().ok_or(Refused::Conflict)
}

/// A rotation that is to be opened.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) pending: PendingKey,
    pub(super) generated: GeneratedKey,
    pub(super) at: Timestamp,
    pub(super) closes_at: Timestamp,
}

/// Puts the new key in the place of the old one.
pub(super) async fn open(rows: &mut dyn Rows, opening: Opening) -> Result<Completed, Refused> {
    let Opening {
        pending,
        generated,
        at,
        closes_at,
    } = opening;
    let completion = completion(rows, &pending, &generated).await?;
    let was = rows.rotation_to(&pending.scope, &pending.key_id).await?;
    let was = was.ok_or(Refused::Conflict)?;
    let rotated = |key, rotation: RotationRow| {
        let rotation = Some(rotation.into_transition().ok_or(Refused::Conflict)?);
        Ok(Completed { key, rotation })
    };
    match completion {
        Found::Reservation => {}
        Found::Key(key) => return rotated(key, was),
    }
    let old = supersede(rows, &was, closes_at).await?;
    let new = activate(rows, &pending, generated, at, true).await?;
    let mut is = was.clone();
    is.opened = Some(OpenedRotation {
        old_handle_id: old.key.handle_id,
        new_handle_id: new.handle_id.clone(),
        opened_at: as_kept(at),
        closes_at: as_kept(closes_at),
        closed_at: None,
    });
    let seq = rows.next_seq().await?;
    rows.replace_rotation(&was, &is, seq).await?;
    rotated(new, is)
}

/// Takes the place from the key that was the current one when the rotation was reserved. A key that was
/// retired since has none, and stays retired.
async fn supersede(
    rows: &mut dyn Rows,
    rotation: &RotationRow,
    valid_until: Timestamp,
) -> Result<RegisteredKey, Refused> {
    let named = rows.key_named(&rotation.scope, &rotation.old_key_id);
    let Some(KeyRow::Registered(old)) = named.await? else {
        return Err(Refused::Conflict);
    };
    match rows.current_or_any(&rotation.scope).await? {
        Some(current) if current == old && current.key.current => {
            let superseded = changed(&old, KeyChange::Superseded, valid_until)?;
            replace(rows, &old, superseded).await?;
        }
        Some(any) if !any.key.current && old.key.state == KeyState::Retired => {}
        Some(_) | None => return Err(Refused::Conflict),
    }
    Ok(old)
}

/// Retires the old key, if nobody has yet, and leaves its provider to be told.
pub(super) async fn close(
    rows: &mut dyn Rows,
    believed: RotationTransition,
    at: Timestamp,
) -> Result<RotationTransition, Refused> {
    let rotation = rows.rotation_to(&believed.scope, &believed.new_key_id);
    let was = rotation.await?.ok_or(Refused::Conflict)?;
    let opened = was.opened.as_ref().ok_or(Refused::Conflict)?;
    let is_believed = was.old_key_id == believed.old_key_id
        && opened.old_handle_id == believed.old_handle_id
        && opened.new_handle_id == believed.new_handle_id;
    if !is_believed {
        return Err(Refused::Conflict);
    }
    if opened.closed_at.is_some() {
        return was.into_transition().ok_or(Refused::Conflict);
    }
    let old = rows.key_of(&opened.old_handle_id).await?;
    let old = old.ok_or(Refused::Conflict)?;
    if old.key.state != KeyState::Retired {
        let mut retired = changed(&old, KeyChange::Retired, at)?;
        retired.key.marks.unconfirmed = true;
        replace(rows, &old, retired).await?;
    }
    let mut is = was.clone();
    is.opened = Some(OpenedRotation {
        closed_at: Some(as_kept(at)),
        ..opened.clone()
    });
    let seq = rows.next_seq().await?;
    rows.replace_rotation(&was, &is, seq).await?;
    is.into_transition().ok_or(Refused::Conflict)
}
