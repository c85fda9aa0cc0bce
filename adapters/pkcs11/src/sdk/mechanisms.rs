//! What a token must be able to do.

use cryptoki::mechanism::MechanismType;
use cryptoki::slot::Slot;

use super::error::Fault;
use super::module::Entered;

/// The mechanisms without which a token makes no Ed25519 signatures.
pub(super) const NEEDED: [MechanismType; 2] = [
    MechanismType::EDDSA,
    MechanismType::ECC_EDWARDS_KEY_PAIR_GEN,
];

/// Their names in the standard.
pub const NEEDED_MECHANISMS: [&str; 2] = ["CKM_EDDSA", "CKM_EC_EDWARDS_KEY_PAIR_GEN"];

/// Refuses a token that does not advertise what is needed.
pub(super) fn require(module: &Entered<'_>, slot: Slot) -> Result<(), Fault> {
    let offered = module
        .get_mechanism_list(slot)
        .map_err(Fault::refused("listing the mechanisms of the token"))?;
    let missing = missing(&offered);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fault::misconfigured(
        "looking for the mechanisms of Ed25519",
        format!(
            "the token does not offer {}; it offers {}",
            names(&missing),
            names(&offered)
        ),
    ))
}

/// What of the needed is not among the offered.
pub(super) fn missing(offered: &[MechanismType]) -> Vec<MechanismType> {
    let absent = |needed: &MechanismType| !offered.contains(needed);
    NEEDED.into_iter().filter(absent).collect()
}

fn names(mechanisms: &[MechanismType]) -> String {
    let names: Vec<String> = mechanisms.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_needs_both_to_generate_and_to_sign() {
        assert_eq!(missing(&NEEDED), []);
        assert_eq!(names(&NEEDED), NEEDED_MECHANISMS.join(", "));
        let only_ecdsa = [MechanismType::ECDSA, MechanismType::ECC_KEY_PAIR_GEN];
        assert_eq!(missing(&only_ecdsa), NEEDED);
        assert_eq!(
            names(&missing(&[MechanismType::EDDSA])),
            "CKM_EC_EDWARDS_KEY_PAIR_GEN"
        );
        assert_eq!(names(&[]), "nothing");
    }
}
