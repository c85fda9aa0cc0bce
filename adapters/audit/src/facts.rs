//! What entries say of the keys that the registry has to know.

use std::collections::HashMap;

use signer_domain::HandleId;

use super::record::AuditRecord;

/// What entries say of one key. The later ones say more than those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyFact {
    /// It was generated, or has signed.
    Stands,
    /// A rotation made it the current key of its scope.
    Rotated,
    /// It was blocked, and nobody has begun to unblock it since.
    Blocked,
    /// It was retired.
    Retired,
}

/// What the registry has to know of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub handle: HandleId,
    /// What is known of it.
    pub fact: KeyFact,
    /// The entry that says so.
    pub entry: u64,
}

/// What the entries of a log say of keys.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// One key once.
    known: HashMap<HandleId, (KeyFact, u64)>,
    /// The keys that are blocked, beside what else is known of them.
    blocked: HashMap<HandleId, u64>,
}

impl Facts {
    /// Takes what entry `seq` says.
    pub(super) fn take(&mut self, seq: u64, record: &AuditRecord<'_>) {
        if record.outcome != "ok" {
            return;
        }
        let handle = record.handle_id.as_deref();
        let handle = handle.and_then(|handle| HandleId::parse(handle).ok());
        let fact = match (&*record.op, handle) {
            ("block", Some(handle)) => {
                self.blocked.insert(handle, seq);
                return;
            }
            // Whether an end that was begun came about only the registry knows.
            ("unblock" | "unblock_begin", Some(handle)) => {
                self.blocked.remove(&handle);
                return;
            }
            (op, handle) => {
                let Some(fact) = fact_of(op) else { return };
                if let Some(handle) = handle {
                    self.note(handle, fact, seq);
                }
                fact
            }
        };
        for item in &record.items {
            if item.signature_sha256.is_some() {
                let handle = item.handle_id.as_deref();
                if let Some(handle) = handle.and_then(|handle| HandleId::parse(handle).ok()) {
                    self.note(handle, fact, seq);
                }
            }
        }
    }

    fn note(&mut self, handle: HandleId, fact: KeyFact, seq: u64) {
        let known = self.known.entry(handle).or_insert((fact, seq));
        if known.0 < fact {
            *known = (fact, seq);
        }
    }

    /// The keys, in the order of the entries.
    pub(super) fn keys(&self) -> Vec<KnownKey> {
        let known = self.known.iter().map(|(handle, known)| (handle, *known));
        let blocked = self.blocked.iter();
        let blocked = blocked.map(|(handle, entry)| (handle, (KeyFact::Blocked, *entry)));
        let mut keys: Vec<KnownKey> = known
            .chain(blocked)
            .map(|(handle, (fact, entry))| KnownKey {
                handle: handle.clone(),
                fact,
                entry,
            })
            .collect();
        keys.sort_unstable_by_key(|known| known.entry);
        keys
    }
}

/// What an operation that was done says of its key. A repair may have been one of a key that stands no
/// more, or as it did.
fn fact_of(op: &str) -> Option<KeyFact> {
    match op {
        "generate" | "sign" | "sign_scope" | "sign_batch" => Some(KeyFact::Stands),
        "rotation_open" => Some(KeyFact::Rotated),
        "retire" | "rotation_close" => Some(KeyFact::Retired),
        _ => None,
    }
}
