//! What the changes share: how a reservation becomes a key, and how a key changes.

use jiff::Timestamp;

use super::moment::as_kept;
use super::{KeyRow, Refused, RegisteredKey, Rows};
use crate::ports::{GeneratedKey, PendingKey};
use crate::{KeyChange, KeyMarks, KeyState, SigningKey};

/// What stands under the name of a reservation that is to be completed with a pair.
pub(super) enum Found {
    /// The reservation itself.
    Reservation,
    /// The key that it became.
    Key(SigningKey),
}

/// Holds a reservation that is to be completed against what stands under its name.
pub(super) async fn completion(
    rows: &mut dyn Rows,
    pending: &PendingKey,
    generated: &GeneratedKey,
) -> Result<Found, Refused> {
    match rows.key_named(&pending.scope, &pending.key_id).await? {
        Some(KeyRow::Reserved(found)) if found == *pending => Ok(Found::Reservation),
        Some(KeyRow::Registered(found))
            if found.key.handle_id == generated.handle_id
                && found.key.public_key == generated.public_key =>
        {
            Ok(Found::Key(found.into_record()))
        }
        Some(KeyRow::Reserved(_) | KeyRow::Registered(_)) | None => Err(Refused::Conflict),
    }
}

/// Makes a reservation that waits an active key, if the handle is its provider's and nobody else's.
pub(super) async fn activate(
    rows: &mut dyn Rows,
    pending: &PendingKey,
    generated: GeneratedKey,
    at: Timestamp,
    current: bool,
) -> Result<SigningKey, Refused> {
    let handle_is_foreign = generated.handle_id.provider() != pending.provider;
    if handle_is_foreign || rows.key_of(&generated.handle_id).await?.is_some() {
        return Err(Refused::Conflict);
    }
    let key = RegisteredKey {
        reservation: pending.reservation,
        key: SigningKey {
            scope: pending.scope,
            key_id: pending.key_id.clone(),
            handle_id: generated.handle_id,
            public_key: generated.public_key,
            state: KeyState::Active,
            current,
            marks: KeyMarks::default(),
            valid_from: as_kept(at),
            valid_until: None,
            version: 1,
        },
        is_retiring: false,
    };
    let seq = rows.next_seq().await?;
    rows.activate(pending, &key, seq).await?;
    Ok(key.into_record())
}

/// A key after `change`, no more the current one. A retirement settles what was noted of it and takes
/// the marks away that concern signing.
pub(super) fn changed(
    was: &RegisteredKey,
    change: KeyChange,
    valid_until: Timestamp,
) -> Result<RegisteredKey, Refused> {
    let mut is = was.clone();
    is.key.state = was.key.state.after(change)?;
    is.key.current = false;
    is.key.valid_until = Some(as_kept(valid_until));
    match is.key.state {
        KeyState::Active | KeyState::Rotating => {}
        KeyState::Retired => {
            is.is_retiring = false;
            is.key.marks.blocked = false;
            is.key.marks.quarantined = false;
        }
    }
    Ok(is)
}

/// Writes a key that has changed, as the next version of its record.
pub(super) async fn replace(
    rows: &mut dyn Rows,
    was: &RegisteredKey,
    mut is: RegisteredKey,
) -> Result<SigningKey, Refused> {
    is.key.version = was.key.version + 1;
    let seq = rows.next_seq().await?;
    rows.replace_key(was, &is, seq).await?;
    Ok(is.into_record())
}
