//! Reads the script that a key id carries; the table is in the documentation of the parent module.

use std::time::Duration;

use signer_domain::KeyId;

use super::failure::{Failure, Operation, RETRY_AFTER};

/// What a key id asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) operation: Operation,
    pub(super) failure: Failure,
    pub(super) lasts: Lasts,
}

/// How long the script is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasts {
    Always,
    /// So many times.
    Times(usize),
}

const OPERATIONS: [(&str, Operation); 5] = [
    ("generate-", Operation::Generate),
    ("sign-", Operation::Sign),
    ("public-key-", Operation::PublicKey),
    ("retire-", Operation::Retire),
    ("locate-", Operation::Locate),
];

const TIMES: [(&str, usize); 2] = [("-once", 1), ("-twice", 2)];

const UNAVAILABLE: Failure = Failure::ProviderUnavailable {
    retry_after: RETRY_AFTER,
    outcome_unknown: false,
};

const FAILURES: [(&str, Failure); 9] = [
    ("unavailable", UNAVAILABLE),
    ("lost", Failure::LostReply),
    ("rotating", Failure::RotationInProgress),
    ("missing", Failure::KeyNotFound),
    ("retired", Failure::KeyRetired),
    ("misconfigured", Failure::Misconfigured),
    ("hangs", Failure::Hang),
    ("panics", Failure::Panic),
    ("wrong", Failure::WrongSignature),
];

impl Script {
    /// The script in `key_id`, if it carries one.
    pub(super) fn in_key_id(key_id: &KeyId) -> Option<Self> {
        let (operation, behaviour) = opening(&OPERATIONS, key_id.as_str())?;
        let (failure, rest) = match opening(&FAILURES, behaviour) {
            Some(found) => found,
            None => delay(behaviour)?,
        };
        let lasts = match opening(&TIMES, rest) {
            Some((times, _)) => Lasts::Times(times),
            None => Lasts::Always,
        };
        Some(Self {
            operation,
            failure,
            lasts,
        })
    }
}

fn opening<'a, T: Copy>(table: &[(&str, T)], text: &'a str) -> Option<(T, &'a str)> {
    table
        .iter()
        .find_map(|(word, meaning)| Some((*meaning, text.strip_prefix(word)?)))
}

fn delay(behaviour: &str) -> Option<(Failure, &str)> {
    let (milliseconds, rest) = behaviour.strip_prefix("slow-")?.split_once("ms")?;
    let delay = Duration::from_millis(milliseconds.parse().ok()?);
    Some((Failure::Delay(delay), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Option<(Operation, Failure, Lasts)> {
        let found = Script::in_key_id(&KeyId::parse(text).unwrap())?;
        Some((found.operation, found.failure, found.lasts))
    }

    #[test]
    fn reads_operation_behaviour_and_duration() {
        use Lasts::{Always, Times};
        assert_eq!(
            script("sign-panics"),
            Some((Operation::Sign, Failure::Panic, Always))
        );
        assert_eq!(
            script("sign-panics-once-7"),
            Some((Operation::Sign, Failure::Panic, Times(1)))
        );
        assert_eq!(
            script("sign-wrong-twice"),
            Some((Operation::Sign, Failure::WrongSignature, Times(2)))
        );
        assert_eq!(
            script("public-key-hangs.1"),
            Some((Operation::PublicKey, Failure::Hang, Always))
        );
        let delay = Failure::Delay(Duration::from_millis(250));
        assert_eq!(
            script("retire-slow-250ms-once"),
            Some((Operation::Retire, delay, Times(1)))
        );
        assert_eq!(
            script("generate-unavailable-x"),
            Some((Operation::Generate, UNAVAILABLE, Always))
        );
    }

    #[test]
    fn an_ordinary_name_carries_no_script() {
        for text in [
            "k1",
            "sign",
            "sign-off",
            "release-sign-panics",
            "sign-slow-ms",
            "sign-slow-1s",
        ] {
            assert_eq!(script(text), None, "{text}");
        }
    }
}
