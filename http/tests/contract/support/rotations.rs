//! Rotations that do what the names they are given say.

use async_trait::async_trait;
use signer_domain::ports::{
    CloseRotation, CustodyError, KeyPage, OpenRotation, OpenedOrStanding, Rotations,
    VerificationKeys,
};
use signer_domain::{
    Deadline, HandleId, KeyId, KeyState, ProviderName, RotationTransition, Scope, SigningKey,
    Timestamp,
};

use super::ScriptedCustody;
use super::custody::{key, play};

/// How many keys the scope with more keys than fit into one part has.
pub(crate) const CROWD: u64 = 2345;

/// That scope.
pub(crate) fn crowded() -> Scope {
    Scope::parse("domain:22222222-2222-4222-8222-222222222222").unwrap()
}

/// A rotation that was opened a minute after the epoch, and is due an hour later.
fn transition(scope: Scope, old: &KeyId, new: &KeyId) -> RotationTransition {
    let handle = |key_id: &KeyId| {
        HandleId::from_parts(
            ProviderName::new("software"),
            format_args!("{scope}|{key_id}"),
        )
        .unwrap()
    };
    RotationTransition {
        scope,
        old_handle_id: handle(old),
        new_handle_id: handle(new),
        old_key_id: old.clone(),
        new_key_id: new.clone(),
        opened_at: Timestamp::from_second(60).unwrap(),
        closes_at: Timestamp::from_second(3660).unwrap(),
        closed_at: None,
    }
}

fn name(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

/// Opening does what the new name says, closing what the old one says. The platform is being rotated
/// from `k1` to `k2`, and a domain never is.
#[async_trait]
impl Rotations for ScriptedCustody {
    async fn open_rotation(
        &self,
        request: OpenRotation,
        _deadline: Deadline,
    ) -> Result<OpenedOrStanding, CustodyError> {
        play(request.new_key_id.as_str()).await?;
        if request
            .provider
            .is_some_and(|name| name != ProviderName::new("software"))
        {
            return Err(CustodyError::KeyNotFound);
        }
        let opened = transition(request.scope, &name("k1"), &request.new_key_id);
        Ok(match request.new_key_id.as_str() {
            "standing" => OpenedOrStanding::Standing(opened),
            _ => OpenedOrStanding::Opened(opened),
        })
    }

    async fn rotation(
        &self,
        scope: Scope,
        _deadline: Deadline,
    ) -> Result<RotationTransition, CustodyError> {
        match scope {
            Scope::Platform => Ok(transition(scope, &name("k1"), &name("k2"))),
            Scope::Domain(_) => Err(CustodyError::RotationNotFound),
        }
    }

    async fn close_rotation(
        &self,
        request: CloseRotation,
        _deadline: Deadline,
    ) -> Result<RotationTransition, CustodyError> {
        play(request.old_key_id.as_str()).await?;
        let open = transition(request.scope, &request.old_key_id, &request.new_key_id);
        Ok(RotationTransition {
            closed_at: Some(Timestamp::from_second(120).unwrap()),
            ..open
        })
    }

    async fn verification_keys(
        &self,
        scope: Scope,
        selection: VerificationKeys,
        after: Option<u64>,
        _deadline: Deadline,
    ) -> Result<KeyPage, CustodyError> {
        let page = |keys, next| Ok(KeyPage { keys, next });
        if scope == crowded() {
            let first = after.unwrap_or_default();
            let last = (first + 500).min(CROWD);
            let keys = (first..last).map(|number| key(&format!("k{number}")));
            return page(keys.collect(), (last < CROWD).then_some(last));
        }
        if scope != Scope::Platform {
            return page(Vec::new(), None);
        }
        let retired = SigningKey {
            state: KeyState::Retired,
            ..key("k0")
        };
        let keys = match selection {
            VerificationKeys::InUse => vec![key("k1"), key("k2")],
            VerificationKeys::WithRetired => vec![retired, key("k1"), key("k2")],
        };
        page(keys, None)
    }
}
