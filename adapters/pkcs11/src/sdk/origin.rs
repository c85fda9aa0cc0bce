//! Where the private half of a pair comes from.
//!
//! A pair that is found under a name need not be what an earlier call made: whoever has the PIN can
//! import one whose private half he keeps a copy of. A token notes of each key by itself whether it
//! was made there, and whether it could ever be read or taken out; neither an import nor a later
//! change can forge that.
//!
//! Nobody asks this of the sentinel. It tells one token from another and signs nothing that is
//! relied on, and a token that was restored from a back-up may say of every key that it was
//! brought in.

use cryptoki::object::{Attribute, AttributeType, ObjectHandle};

use super::desk::Desk;
use super::error::{Fault, Remedy};
use super::label::Label;

/// What a token notes of a private key's past: true of a key that was made in the token and has
/// been shut in ever since.
const OF_THE_PAST: [AttributeType; 3] = [
    AttributeType::Local,
    AttributeType::AlwaysSensitive,
    AttributeType::NeverExtractable,
];

impl Desk<'_> {
    /// Refuses the private half of a pair that was found, unless it was made in this token and
    /// could never be read.
    ///
    /// What the token does not say proves nothing and refuses nothing, for vendors differ. For the
    /// same reason what it says is held against what it says of a key made before our eyes: the
    /// module of one vendor denies the origin of every key. Such a key is made only upon a denial.
    ///
    /// What else the key may be used for is not looked at. One module allows by default what is
    /// switched off here, another claims of every key that it derives others; and whoever has the
    /// PIN could as well sign with the key.
    pub(super) fn require_native(&self, label: &Label, private: ObjectHandle) -> Result<(), Fault> {
        let denied = self.denials(private)?;
        if denied.is_empty() {
            return Ok(());
        }
        let denied_of_every_key = match self.denials_of_a_new_key() {
            Ok(denied) => denied,
            // A token that makes no pair for one session cannot be shown to deny every origin.
            Err(fault) if fault.remedy() == Remedy::Operator => Vec::new(),
            Err(fault) => return Err(fault),
        };
        if denied.iter().all(|past| denied_of_every_key.contains(past)) {
            let denied: Vec<_> = denied.iter().map(ToString::to_string).collect();
            let denied = denied.join(", ");
            tracing::warn!(%label, denied, "module denies the origin of every key");
            return Ok(());
        }
        Err(Fault::misconfigured(
            "taking a key pair into use",
            format!(
                "the private key labelled {label} was not made in this token (imported, or once readable), so somebody may hold a copy; destroy that pair or choose another key id"
            ),
        ))
    }

    /// What the token says that a private key has not always been.
    fn denials(&self, private: ObjectHandle) -> Result<Vec<AttributeType>, Fault> {
        let is_denied = |attribute: &Attribute| {
            matches!(
                attribute,
                Attribute::Local(false)
                    | Attribute::AlwaysSensitive(false)
                    | Attribute::NeverExtractable(false)
            )
        };
        let past = self.attributes(private, &OF_THE_PAST)?;
        let denied = past.iter().filter(|attribute| is_denied(attribute));
        Ok(denied.map(Attribute::attribute_type).collect())
    }

    fn denials_of_a_new_key(&self) -> Result<Vec<AttributeType>, Fault> {
        let (public, private) = self.generate_for_session()?;
        let denied = self.denials(private);
        self.forget_trial(public, private);
        denied
    }
}
