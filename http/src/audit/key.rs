//! The key that a request is about, from whatever names it.

use signer_domain::ports::{
    AuditKey, CloseRotation, GenerateKey, OpenRotation, SignTarget, SignedDigest,
};
use signer_domain::{HandleId, KnownProviders, RotationTransition, Scope, SigningKey};

use crate::routes::Call;
use crate::segment::{parse_handle, parse_scope};

/// Nothing is known of the key.
pub(super) const UNKNOWN: AuditKey = AuditKey {
    handle_id: None,
    scope: None,
    key_id: None,
    provider: None,
};

/// The key that the path of a call names.
pub(super) fn of_call(call: Call<'_>, known: &KnownProviders) -> AuditKey {
    match call {
        Call::Show(handle)
        | Call::PublicKey(handle)
        | Call::Sign(handle)
        | Call::Retire(handle)
        | Call::Block(handle)
        | Call::Unblock(handle)
        | Call::ReleaseQuarantine(handle) => {
            parse_handle(handle, known).map_or(UNKNOWN, |handle| of_handle(&handle))
        }
        Call::SignScope(scope)
        | Call::RotationOpen(scope)
        | Call::RotationShow(scope)
        | Call::RotationClose(scope)
        | Call::Jwks(scope) => parse_scope(scope).map_or(UNKNOWN, of_scope),
        Call::Generate
        | Call::List
        | Call::Batch
        | Call::Livez
        | Call::Readyz
        | Call::Metrics
        | Call::OpenApi => UNKNOWN,
    }
}

pub(super) fn of_target(target: &SignTarget) -> AuditKey {
    match target {
        SignTarget::Handle(handle) => of_handle(handle),
        SignTarget::Scope(scope) => of_scope(*scope),
    }
}

pub(super) fn of_signed(signed: &SignedDigest) -> AuditKey {
    AuditKey {
        handle_id: Some(signed.handle_id.clone()),
        scope: Some(signed.scope),
        key_id: Some(signed.key_id.clone()),
        provider: Some(signed.handle_id.provider()),
    }
}

pub(crate) fn of_record(key: &SigningKey) -> AuditKey {
    AuditKey {
        handle_id: Some(key.handle_id.clone()),
        scope: Some(key.scope),
        key_id: Some(key.key_id.clone()),
        provider: Some(key.provider()),
    }
}

/// A key that is to be made.
pub(crate) fn of_key_to_make(request: &GenerateKey) -> AuditKey {
    AuditKey {
        handle_id: None,
        scope: Some(request.scope),
        key_id: Some(request.key_id.clone()),
        provider: request.provider,
    }
}

/// The new key of a rotation that is to be opened.
pub(crate) fn of_rotation_to_open(request: &OpenRotation) -> AuditKey {
    AuditKey {
        handle_id: None,
        scope: Some(request.scope),
        key_id: Some(request.new_key_id.clone()),
        provider: request.provider,
    }
}

/// The old key of a rotation that is to be closed.
pub(crate) fn of_rotation_to_close(request: &CloseRotation) -> AuditKey {
    AuditKey {
        key_id: Some(request.old_key_id.clone()),
        ..of_scope(request.scope)
    }
}

/// The new key of a rotation.
pub(crate) fn new_of(transition: &RotationTransition) -> AuditKey {
    AuditKey {
        handle_id: Some(transition.new_handle_id.clone()),
        scope: Some(transition.scope),
        key_id: Some(transition.new_key_id.clone()),
        provider: Some(transition.new_handle_id.provider()),
    }
}

/// The old key of a rotation.
pub(crate) fn old_of(transition: &RotationTransition) -> AuditKey {
    AuditKey {
        handle_id: Some(transition.old_handle_id.clone()),
        scope: Some(transition.scope),
        key_id: Some(transition.old_key_id.clone()),
        provider: Some(transition.old_handle_id.provider()),
    }
}

pub(crate) fn of_scope(scope: Scope) -> AuditKey {
    AuditKey {
        scope: Some(scope),
        ..UNKNOWN
    }
}

fn of_handle(handle: &HandleId) -> AuditKey {
    AuditKey {
        handle_id: Some(handle.clone()),
        provider: Some(handle.provider()),
        ..UNKNOWN
    }
}
