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
const MOST: usize = 256;

static MADE: AtomicUsize = AtomicUsize::new(0);

/// The table of one key, once it is worth its while.
#[derive(Default)]
pub(super) struct Multiples {
    verified: AtomicU32,
    table: OnceLock<Option<Table>>,
}

impl Multiples {
    /// The table of `key`, which is always the same, if it is time for one and there is room.
    pub(super) fn of(&self, key: &VerifyingKey) -> Option<&Table> {
        if let Some(table) = self.table.get() {
            return table.as_ref();
        }
        if self.verified.fetch_add(1, Ordering::Relaxed) < FIRST {
            return None;
        }
        self.table.get_or_init(|| Table::of(key)).as_ref()
    }
}

/// Multiples of the negated key.
pub(super) struct Table(Box<EdwardsBasepointTable>);

impl Table {
    /// Makes the table, unless there are too many. Nothing is secret in it.
    pub(super) fn of(key: &VerifyingKey) -> Option<Self> {
        let fits = |made: usize| (made < MOST).then_some(made + 1);
        let counted = MADE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        let _before = counted.ok()?;
        let table = EdwardsBasepointTable::create(&-key.to_edwards());
        Some(Self(Box::new(table)))
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
        let point = EdwardsPoint::mul_base(&response?) + self.0.mul_base(&challenge);
        Some(point.compress().to_bytes())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        MADE.fetch_sub(1, Ordering::Relaxed);
    }
}
