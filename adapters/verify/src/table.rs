//! Multiples of a public key, by which a verification takes two thirds of the time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable as _;
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha512};

/// So many signatures of a key are verified without a table: to make one takes as long as verifying some
/// fifty, and saves a third of each that follows.
const FIRST: u32 = 64;
/// How many keys of the process have a table at most; each takes 30 KiB.
static ROOM: Room = Room::of(256);

/// Room for the tables of so many keys.
struct Room(AtomicUsize);

impl Room {
    const fn of(tables: usize) -> Self {
        Self(AtomicUsize::new(tables))
    }
}

/// The table of one key, once it is worth its while.
#[derive(Default)]
pub(super) struct Multiples {
    verified: AtomicU32,
    table: OnceLock<Option<Table>>,
}

impl Multiples {
    /// The table of `key`, which is always the same, if it is time for one and there is room.
    pub(super) fn of(&self, key: &VerifyingKey) -> Option<&Table> {
        self.within(&ROOM, key)
    }

    #[cfg(test)]
    pub(super) fn with(table: Table) -> Self {
        Self {
            verified: AtomicU32::new(FIRST),
            table: OnceLock::from(Some(table)),
        }
    }

    fn within(&self, room: &'static Room, key: &VerifyingKey) -> Option<&Table> {
        if let Some(table) = self.table.get() {
            return table.as_ref();
        }
        if self.verified.fetch_add(1, Ordering::Relaxed) < FIRST {
            return None;
        }
        self.table.get_or_init(|| Table::within(room, key)).as_ref()
    }
}

/// Multiples of the negated key.
pub(super) struct Table {
    multiples: Box<EdwardsBasepointTable>,
    room: &'static Room,
}

impl Table {
    /// Makes the table, unless there are too many. Nothing is secret in it.
    fn within(room: &'static Room, key: &VerifyingKey) -> Option<Self> {
        let one_less = |left: usize| left.checked_sub(1);
        let taken = room
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        let _before = taken.ok()?;
        let table = EdwardsBasepointTable::create(&-key.to_edwards());
        Some(Self {
            multiples: Box::new(table),
            room,
        })
    }

    #[cfg(test)]
    pub(super) fn of(key: &VerifyingKey) -> Option<Self> {
        Self::within(&ROOM, key)
    }

    /// The encoding of the point that `R` must be for the signature to verify: `S`·`B` - `k`·`A`
    /// (RFC 8032 section 5.1.7); none when `S` is not reduced.
    pub(super) fn commitment(
        &self,
        public_key: &[u8; 32],
        message: &[u8],
        signature: &ed25519_dalek::Signature,
    ) -> Option<[u8; 32]> {
        let response: Option<Scalar> = Scalar::from_canonical_bytes(*signature.s_bytes()).into();
        let hash = Sha512::new()
            .chain_update(signature.r_bytes())
            .chain_update(public_key)
            .chain_update(message)
            .finalize();
        let challenge = Scalar::from_bytes_mod_order_wide(&hash.into());
        let point = EdwardsPoint::mul_base(&response?) + self.multiples.mul_base(&challenge);
        Some(point.compress().to_bytes())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.room.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn key(number: u8) -> VerifyingKey {
        SigningKey::from_bytes(&[number; 32]).verifying_key()
    }

    /// What a key has that has verified this many signatures, and is to verify one more.
    fn after(verified: u32, room: &'static Room, key: &VerifyingKey) -> Multiples {
        let multiples = Multiples::default();
        for _ in 0..verified {
            assert!(multiples.within(room, key).is_none());
        }
        let _table = multiples.within(room, key);
        multiples
    }

    fn has_table(multiples: &Multiples) -> bool {
        matches!(multiples.table.get(), Some(Some(_)))
    }

    #[test]
    fn a_key_gets_its_table_when_it_has_verified_some_tens_of_signatures_and_keeps_it() {
        static ROOM: Room = Room::of(1);
        let key = key(1);
        let seldom = after(FIRST - 1, &ROOM, &key);
        assert!(!has_table(&seldom));
        let often = after(FIRST, &ROOM, &key);
        assert!(has_table(&often));
        let [first, second] = [(), ()].map(|()| often.within(&ROOM, &key).unwrap());
        assert!(std::ptr::eq(first, second), "it is made once");
    }

    #[test]
    fn there_are_no_more_tables_than_there_is_room_and_a_key_that_goes_makes_room() {
        static ROOM: Room = Room::of(2);
        let [first, second] = [1, 2].map(|number| after(FIRST, &ROOM, &key(number)));
        assert!(has_table(&first) && has_table(&second));
        let third = key(3);
        let without = after(FIRST, &ROOM, &third);
        assert!(!has_table(&without));
        assert!(without.within(&ROOM, &third).is_none());
        drop(first);
        assert!(has_table(&after(FIRST, &ROOM, &third)));
    }
}
