//! One session at work: every call to the module that needs a session is made here.

use std::time::{Duration, Instant};

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState};

use signer_domain::{Digest, PublicKey, Signature};

use super::error::Fault;
use super::key_cache::KnownKey;
use super::label::Label;
use super::module::Entered;
use super::objects;
use super::stopwatch::Until;
use super::token::{Standing, Token};

/// How long a destruction under way is waited for.
const DESTRUCTION: Duration = Duration::from_millis(250);

/// A session that is open on the token, for the length of one attempt.
pub(super) struct Desk<'a> {
    pub(super) token: &'a Token,
    pub(super) module: &'a Entered<'a>,
    pub(super) standing: Standing,
    pub(super) session: &'a Session,
    pub(super) until: Until<'a>,
}

/// The objects of one label.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) private: Vec<ObjectHandle>,
    pub(super) public: Vec<ObjectHandle>,
    /// How many are neither.
    pub(super) strange: usize,
}

/// What an object is and how it is named.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) class: Option<ObjectClass>,
    pub(super) label: Vec<u8>,
}

impl Desk<'_> {
    /// The objects of one label that the session sees. That it sees none means nothing by itself: so
    /// it is too when the token logged us out, or has lost its store.
    pub(super) fn find(&self, label: &Label) -> Result<Objects, Fault> {
        let handles = self
            .session
            .find_objects(&objects::search(label))
            .map_err(Fault::refused("looking for a key pair"))?;
        let mut found = Objects::default();
        for handle in handles {
            let named = self.named(handle)?;
            if named.label != label.as_bytes() {
                continue;
            }
            match named.class {
                Some(ObjectClass::PRIVATE_KEY) => found.private.push(handle),
                Some(ObjectClass::PUBLIC_KEY) => found.public.push(handle),
                _ => found.strange += 1,
            }
        }
        Ok(found)
    }

    /// Class and label of every Edwards key that the session sees.
    pub(super) fn list(&self) -> Result<Vec<Named>, Fault> {
        let handles = self.handles()?;
        handles
            .into_iter()
            .map(|handle| self.named(handle))
            .collect()
    }

    /// Every Edwards key that the session sees.
    pub(super) fn handles(&self) -> Result<Vec<ObjectHandle>, Fault> {
        self.session
            .find_objects(&objects::search_all())
            .map_err(Fault::refused("listing the keys of the token"))
    }

    pub(super) fn named(&self, handle: ObjectHandle) -> Result<Named, Fault> {
        let mut named = Named::default();
        for attribute in self.attributes(handle, &[AttributeType::Class, AttributeType::Label])? {
            match attribute {
                Attribute::Class(class) => named.class = Some(class),
                Attribute::Label(label) => named.label = label,
                _ => {}
            }
        }
        Ok(named)
    }

    pub(super) fn attributes(
        &self,
        handle: ObjectHandle,
        wanted: &[AttributeType],
    ) -> Result<Vec<Attribute>, Fault> {
        self.session
            .get_attributes(handle, wanted)
            .map_err(Fault::refused("reading a key object"))
    }

    /// The public key of a public object.
    pub(super) fn public_key(&self, public: ObjectHandle) -> Result<PublicKey, Fault> {
        let attributes = self.attributes(public, &[AttributeType::EcPoint])?;
        let point = attributes.iter().find_map(|attribute| match attribute {
            Attribute::EcPoint(point) => Some(point),
            _ => None,
        });
        point
            .and_then(|point| objects::public_key_in(point))
            .ok_or_else(|| {
                Fault::misconfigured(
                    "reading a public key",
                    "the object holds no Ed25519 public key in a known encoding",
                )
            })
    }

    /// Whether a private object is one that never leaves the token.
    pub(super) fn is_confined(&self, private: ObjectHandle) -> Result<bool, Fault> {
        let wanted = [AttributeType::Sensitive, AttributeType::Extractable];
        let attributes = self.attributes(private, &wanted)?;
        let (mut is_sensitive, mut is_extractable) = (false, true);
        for attribute in attributes {
            match attribute {
                Attribute::Sensitive(found) => is_sensitive = found,
                Attribute::Extractable(found) => is_extractable = found,
                _ => {}
            }
        }
        Ok(is_sensitive && !is_extractable)
    }

    /// Makes a pair. When this fails, the pair may be there all the same.
    pub(super) fn generate(&self, label: &Label) -> Result<(ObjectHandle, ObjectHandle), Fault> {
        let public = objects::public_template(label, &self.token.settings.ec_params);
        let private = objects::private_template(label);
        self.session
            .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
            .map_err(Fault::refused("generating a key pair"))
    }

    /// Makes a pair that the token forgets when this session closes.
    pub(super) fn generate_for_session(&self) -> Result<(ObjectHandle, ObjectHandle), Fault> {
        let label = self.token.settings.labels.of_trial();
        let ec_params = &self.token.settings.ec_params;
        let public = objects::of_session(objects::public_template(&label, ec_params));
        let private = objects::of_session(objects::private_template(&label));
        self.session
            .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
            .map_err(Fault::refused("generating a key pair for this session"))
    }

    /// Destroys an object of this label for good. Unless the module says that it has done so, what is
    /// not seen of the label from now on may only be hidden.
    pub(super) fn destroy(&self, label: &Label, object: ObjectHandle) -> Result<(), Fault> {
        // Sessions that see the doubt wait for this lock. A destruction that hangs keeps it from others, and
        // this one goes on without it after a moment.
        let patience = self.until.at_most(Instant::now() + DESTRUCTION);
        let _under_way = patience.wait(|until| self.token.destroying.try_lock_until(until));
        self.doubt(label);
        self.session
            .destroy_object(object)
            .map_err(Fault::refused("destroying a key object"))?;
        self.token.doubts.settle(label);
        Ok(())
    }

    /// Notes that an object of this label may be there without being seen.
    pub(super) fn doubt(&self, label: &Label) {
        self.token.doubts.note(label, self.module.epoch());
    }

    /// Demands that what is not seen of this label is gone and not just hidden.
    pub(super) fn require_no_doubt(&self, label: &Label) -> Result<(), Fault> {
        let module_epoch = self.module.epoch();
        let conceals = || self.token.doubts.conceal(label, module_epoch);
        if conceals() {
            // A destruction under way settles its doubt in a moment, one way or the other.
            let patience = self.until.at_most(Instant::now() + DESTRUCTION);
            drop(patience.wait(|until| self.token.destroying.try_lock_until(until)));
        }
        if conceals() {
            return Err(Fault::Concealed { module_epoch });
        }
        Ok(())
    }

    /// Destroys a pair of this session: a token that keeps such pairs must not keep this one.
    pub(super) fn forget_trial(&self, public: ObjectHandle, private: ObjectHandle) {
        for object in [private, public] {
            drop(self.session.destroy_object(object));
        }
    }

    /// Signs without looking at the outcome.
    pub(super) fn sign(&self, private: ObjectHandle, digest: &Digest) -> Result<Signature, Fault> {
        // Without a parameter the mechanism is pure Ed25519.
        let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let bytes = self
            .module
            .sign(self.session, &pure, private, digest.as_bytes())
            .map_err(Fault::refused("signing"))?;
        let bytes = bytes
            .try_into()
            .map_err(|_wrong_length| Fault::WrongSignature)?;
        self.token.note_signed();
        Ok(Signature::from_bytes(bytes))
    }

    /// Refuses a session that is not logged in.
    pub(super) fn require_login(&self) -> Result<(), Fault> {
        let info = self
            .session
            .get_session_info()
            .map_err(Fault::refused("asking for the state of a session"))?;
        match info.session_state() {
            SessionState::RwUser => Ok(()),
            SessionState::RwPublic
            | SessionState::RoPublic
            | SessionState::RoUser
            | SessionState::RwSecurityOfficer => Err(Fault::LoggedOut),
        }
    }

    /// What is known of a key since the last login.
    pub(super) fn known(&self, label: &Label) -> Option<KnownKey> {
        self.token.keys.find(self.standing.epoch, label)
    }

    /// Remembers a key until the next login.
    pub(super) fn keep(&self, label: &Label, key: KnownKey) {
        self.token.keys.keep(self.standing.epoch, label, key);
    }
}
