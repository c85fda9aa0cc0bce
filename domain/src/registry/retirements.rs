//! Marking keys, and retiring them.

use jiff::Timestamp;

use super::keys::{changed, replace};
use super::{Refused, RegisteredKey, Rows};
use crate::{HandleId, KeyChange, KeyMark, KeyState, SigningKey};

/// Writes a mark or takes it away, if that changes anything.
pub(super) async fn mark(
    rows: &mut dyn Rows,
    handle: HandleId,
    mark: KeyMark,
    is_marked: bool,
) -> Result<SigningKey, Refused> {
    let was = rows.key_of(&handle).await?.ok_or(Refused::Conflict)?;
    if is_marked && !mark.applies_in(was.key.state) {
        return Ok(was.into_record());
    }
    let mut is = was.clone();
    match mark {
        KeyMark::Blocked => is.key.marks.blocked = is_marked,
        KeyMark::Quarantined => is.key.marks.quarantined = is_marked,
        KeyMark::Unconfirmed => is.key.marks.unconfirmed = is_marked,
    }
    if is == was {
        return Ok(was.into_record());
    }
    replace(rows, &was, is).await
}

/// Notes that the provider is about to be told. From here on the key is blocked.
pub(super) async fn begin(rows: &mut dyn Rows, handle: HandleId) -> Result<SigningKey, Refused> {
    let was = rows.key_of(&handle).await?.ok_or(Refused::Conflict)?;
    match was.key.state {
        KeyState::Active | KeyState::Rotating => {}
        KeyState::Retired => return Ok(was.into_record()),
    }
    refuse_newer_of_two(rows, &was).await?;
    if was.is_retiring {
        return Ok(was.into_record());
    }
    let mut is = was.clone();
    is.is_retiring = true;
    replace(rows, &was, is).await
}

/// Retires the key that has this handle and this version. Its provider has been told.
pub(super) async fn retire(
    rows: &mut dyn Rows,
    handle: HandleId,
    version: u64,
    at: Timestamp,
) -> Result<SigningKey, Refused> {
    let was = rows.key_of(&handle).await?.ok_or(Refused::Conflict)?;
    if was.key.state == KeyState::Retired {
        return mark(rows, handle, KeyMark::Unconfirmed, false).await;
    }
    if was.key.version != version {
        return Err(Refused::Conflict);
    }
    refuse_newer_of_two(rows, &was).await?;
    let is = changed(&was, KeyChange::Retired, at)?;
    replace(rows, &was, is).await
}

/// Notes that the provider of a retired key has been told.
pub(super) async fn confirm(rows: &mut dyn Rows, handle: HandleId) -> Result<(), Refused> {
    if rows.key_of(&handle).await?.is_some() {
        mark(rows, handle, KeyMark::Unconfirmed, false).await?;
    }
    Ok(())
}

/// Refuses a key that is the new one of an open rotation.
async fn refuse_newer_of_two(rows: &mut dyn Rows, key: &RegisteredKey) -> Result<(), Refused> {
    let unclosed = rows.unclosed_rotation(&key.key.scope).await?;
    let opened = unclosed.and_then(|rotation| rotation.opened);
    match opened {
        Some(open) if open.new_handle_id == key.key.handle_id => Err(Refused::RotationInProgress),
        Some(_) | None => Ok(()),
    }
}
