//! What passes over retirements have in common.

use signer_domain::SigningKey;
use signer_domain::ports::AuditKey;

/// So many keys are retired at once: one over which the provider hangs keeps no other waiting.
pub(super) const AT_ONCE: usize = 4;

/// What is left after a pass over the retirements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    Something,
}

/// The key as the audit log names it.
pub(super) fn of_key(key: SigningKey) -> AuditKey {
    AuditKey {
        provider: Some(key.provider()),
        handle_id: Some(key.handle_id),
        scope: Some(key.scope),
        key_id: Some(key.key_id),
    }
}
