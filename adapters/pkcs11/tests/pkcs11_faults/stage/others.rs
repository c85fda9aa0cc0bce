//! What somebody else with the PIN does in the token, past the fault module.
//!
//! The provider of the case has to be logged in: a login is one of the whole process.

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use ring::signature::{ED25519 as ED25519_RAW, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use signer_domain::PublicKey;

use super::token::{ours, real_module};

/// The object identifier 1.3.101.112.
const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];

/// Imports a pair whose private half its maker keeps a copy of.
pub(crate) fn import(label: &str) {
    let seed = [9; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let session = session();
    let mut public = public(label);
    let point = pair.public_key().as_ref();
    public.push(Attribute::EcPoint(match points(&session).first() {
        Some(der) if der.len() == 34 => [&[0x04, 0x20], point].concat(),
        _ => point.to_vec(),
    }));
    session.create_object(&public).unwrap();
    let mut private = private(label);
    private.push(Attribute::EcParams(ED25519.to_vec()));
    private.push(Attribute::Value(seed.to_vec()));
    session.create_object(&private).unwrap();
}

/// Makes a pair in the token as a custodian does, but for the usages, which are left to the module.
pub(crate) fn make(label: &str) {
    let private = private(label);
    generate(&session(), label, &private);
}

/// Makes a pair whose private half can be read, and then forbids that.
pub(crate) fn make_readable_at_first(label: &str, at_first: Attribute, then: Attribute) {
    let session = session();
    let mut private = private(label);
    let is_same = |other: &Attribute| other.attribute_type() == at_first.attribute_type();
    private.retain(|attribute| !is_same(attribute));
    private.push(at_first);
    let object = generate(&session, label, &private);
    session.update_attributes(object, &[then]).unwrap();
}

/// Makes one half of a pair without the other, which is of this class.
pub(crate) fn make_without(label: &str, class: ObjectClass) {
    let session = session();
    let before = find(&session, label, class);
    generate(&session, label, &private(label));
    let mut made = find(&session, label, class);
    made.retain(|object| !before.contains(object));
    session.destroy_object(made.pop().unwrap()).unwrap();
}

/// Destroys every object of a label.
pub(crate) fn destroy(label: &str) {
    let session = session();
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
        for object in find(&session, label, class) {
            session.destroy_object(object).unwrap();
        }
    }
}

/// Destroys the public half that is found first.
pub(crate) fn destroy_first_public(label: &str) {
    let session = session();
    let public = find(&session, label, ObjectClass::PUBLIC_KEY);
    session.destroy_object(public[0]).unwrap();
}

/// Whether a private half of this label signs for a public key.
pub(crate) fn signs_for(label: &str, public_key: &PublicKey) -> bool {
    private_of(&session(), label, public_key).is_some()
}

/// Destroys the private half of a public key.
pub(crate) fn destroy_private_of(label: &str, public_key: &PublicKey) {
    let session = session();
    let private = private_of(&session, label, public_key).unwrap();
    session.destroy_object(private).unwrap();
}

fn private_of(session: &Session, label: &str, public_key: &PublicKey) -> Option<ObjectHandle> {
    let message = [7; 64];
    let signs = |private: &ObjectHandle| {
        let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let signature = session.sign(&pure, *private, &message).unwrap();
        let verifier = UnparsedPublicKey::new(&ED25519_RAW, public_key.as_bytes());
        verifier.verify(&message, &signature).is_ok()
    };
    let found = find(session, label, ObjectClass::PRIVATE_KEY);
    found.into_iter().find(signs)
}

fn session() -> Session {
    let module = Pkcs11::new(real_module()).unwrap();
    module.open_rw_session(ours(&module)).unwrap()
}

fn generate(session: &Session, label: &str, private: &[Attribute]) -> ObjectHandle {
    let mechanism = Mechanism::EccEdwardsKeyPairGen;
    let made = session.generate_key_pair(&mechanism, &public(label), private);
    made.unwrap().1
}

fn public(label: &str) -> Vec<Attribute> {
    let mut public = named(label, ObjectClass::PUBLIC_KEY);
    public.extend([
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(ED25519.to_vec()),
    ]);
    public
}

fn private(label: &str) -> Vec<Attribute> {
    let mut private = named(label, ObjectClass::PRIVATE_KEY);
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]);
    private
}

fn named(label: &str, class: ObjectClass) -> Vec<Attribute> {
    vec![
        Attribute::Class(class),
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(label.as_bytes().to_vec()),
    ]
}

fn find(session: &Session, label: &str, class: ObjectClass) -> Vec<ObjectHandle> {
    let template = [
        Attribute::Class(class),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    session.find_objects(&template).unwrap()
}

/// The public keys of the token, in the encoding of its module.
fn points(session: &Session) -> Vec<Vec<u8>> {
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY)];
    let mut points = Vec::new();
    for object in session.find_objects(&template).unwrap() {
        let read = session.get_attributes(object, &[AttributeType::EcPoint]);
        for attribute in read.unwrap() {
            if let Attribute::EcPoint(point) = attribute {
                points.push(point);
            }
        }
    }
    points
}
