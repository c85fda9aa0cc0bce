//! Key objects: their templates, and what is read back of them.

use cryptoki::object::{Attribute, KeyType, ObjectClass};

use signer_domain::PublicKey;

use super::label::Label;
use super::settings::EcParams;

/// Finds every object of a label, whatever it is.
pub(super) fn search(label: &Label) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
    ]
}

/// Finds every Edwards key.
pub(super) fn search_all() -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::KeyType(KeyType::EC_EDWARDS),
    ]
}

/// The public half: anybody may see it, nobody may change it.
pub(super) fn public_template(label: &Label, ec_params: &EcParams) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::Modifiable(false),
        Attribute::Label(label.as_bytes().to_vec()),
        // The same as the label, because some modules keep but one name.
        Attribute::Id(label.as_bytes().to_vec()),
        Attribute::EcParams(ec_params.to_bytes()),
    ]
}

/// The private half: it signs, it never leaves the token, and it can be destroyed. Unused usages are
/// switched off one by one, because some modules switch them on when nobody says so.
pub(super) fn private_template(label: &Label) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Modifiable(false),
        Attribute::Copyable(false),
        Attribute::Destroyable(true),
        Attribute::Decrypt(false),
        Attribute::SignRecover(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(label.as_bytes().to_vec()),
    ]
}

/// The same template, for an object that does not outlive its session.
pub(super) fn of_session(mut template: Vec<Attribute>) -> Vec<Attribute> {
    for attribute in &mut template {
        if let Attribute::Token(lasts) = attribute {
            *lasts = false;
        }
    }
    template
}

/// Reads `CKA_EC_POINT` in each of the encodings that versions of the standard and vendors use.
pub(super) fn public_key_in(ec_point: &[u8]) -> Option<PublicKey> {
    let bytes = match ec_point {
        // PKCS#11 3.1 and later: the bytes of RFC 8032 as they are.
        raw if raw.len() == 32 => raw,
        // A DER octet string, as for the older curves.
        [0x04, 0x20, octets @ ..] => octets,
        // A DER bit string: the words of PKCS#11 3.0.
        [0x03, 0x21, 0x00, bits @ ..] => bits,
        _ => return None,
    };
    bytes.try_into().ok().map(PublicKey::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signer_verify::vectors::VECTORS;

    #[test]
    fn reads_a_public_key_in_all_three_encodings() {
        let [vector, ..] = VECTORS;
        let raw = vector.public_key;
        let octets = [&[0x04, 0x20][..], &raw].concat();
        let bits = [&[0x03, 0x21, 0x00][..], &raw].concat();
        for point in [&raw[..], &octets, &bits] {
            let read = public_key_in(point).map(|key| *key.as_bytes());
            assert_eq!(read, Some(raw));
        }
    }

    #[test]
    fn a_raw_key_that_looks_like_der_is_taken_as_it_is() {
        let mut raw = [7; 32];
        raw[..2].copy_from_slice(&[0x04, 0x20]);
        assert_eq!(public_key_in(&raw).map(|key| *key.as_bytes()), Some(raw));
    }

    #[test]
    fn reads_no_public_key_from_other_bytes() {
        for point in [
            &[][..],
            &[0; 31],
            &[0; 33],
            &[0x04, 0x20],
            &[0x04; 34],
            &[0x03; 35],
            &[0x04; 65],
        ] {
            assert_eq!(public_key_in(point), None, "{point:?}");
        }
    }
}
