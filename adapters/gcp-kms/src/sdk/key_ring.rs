//! The names of the service: of a key ring, of the crypto keys in it, and of their versions.

use std::fmt;
use std::str::FromStr;

use signer_cloud::cloud_name;
use signer_domain::{HandleId, KeyId, Scope};

use crate::face::FACE;

/// The service takes no longer names of key rings and crypto keys.
const LONGEST_ID: usize = 63;
/// So that a prefix and the name of a key fit.
const LONGEST_PREFIX: usize = 20;

/// The full name of a key ring: `projects/P/locations/L/keyRings/R`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcpKeyRing(String);

impl GcpKeyRing {
    /// The name as it stands on the command line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first version of the crypto key of this id.
    pub(super) fn first_version_of(&self, id: &str) -> VersionName {
        let ring = &self.0;
        VersionName(format!("{ring}/cryptoKeys/{id}/cryptoKeyVersions/1"))
    }

    /// The version that a handle names; `None` unless it is one of a crypto key in this key ring.
    pub(super) fn version_in(&self, handle: &HandleId) -> Option<VersionName> {
        if handle.provider() != FACE.name {
            return None;
        }
        let below = handle.rest().strip_prefix(&self.0)?;
        let below = below.strip_prefix("/cryptoKeys/")?;
        let (id, number) = below.split_once("/cryptoKeyVersions/")?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit())
            && !number.starts_with('0')
            && (1..=9).contains(&number.len());
        (is_id(id) && is_number).then(|| VersionName(handle.rest().to_owned()))
    }
}

impl GcpKeyRing {
    /// Whether a handle names a version of a crypto key in another key ring than this one.
    pub(super) fn is_not_that_of(&self, handle: &HandleId) -> bool {
        let parts: Vec<_> = handle.rest().split('/').collect();
        let ring = parts.get(..6).and_then(|ring| ring.join("/").parse().ok());
        ring.is_some_and(|ring: Self| ring != *self && ring.version_in(handle).is_some())
    }
}

impl FromStr for GcpKeyRing {
    type Err = ParseGcpKeyRingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<_> = text.split('/').collect();
        match parts.as_slice() {
            ["projects", project, "locations", location, "keyRings", ring]
                if is_project(project) && is_location(location) && is_id(ring) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ParseGcpKeyRingError),
        }
    }
}

/// The text is not the name of a key ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the full name of a key ring, projects/PROJECT/locations/LOCATION/keyRings/RING, as \
     'gcloud kms keyrings list' prints it"
)]
pub struct ParseGcpKeyRingError;

/// What opens the id of every crypto key of this custodian, so that several can share a key ring.
/// Empty unless somebody says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcpKeyPrefix(String);

impl GcpKeyPrefix {
    /// The id of the crypto key of this name in this scope.
    pub(super) fn id_of(&self, scope: &Scope, key_id: &KeyId) -> String {
        format!("{}{}", self.0, cloud_name(scope, key_id))
    }
}

impl FromStr for GcpKeyPrefix {
    type Err = ParseGcpKeyPrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= LONGEST_PREFIX && text.bytes().all(is_id_byte) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseGcpKeyPrefixError)
        }
    }
}

/// The text cannot open the id of a crypto key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at most 20 ASCII letters, digits, '-' and '_'")]
pub struct ParseGcpKeyPrefixError;

/// The full name of one version of a crypto key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VersionName(String);

impl VersionName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The handle of this version; `None` when the name is too long for one.
    pub(super) fn handle(&self) -> Option<HandleId> {
        HandleId::from_parts(FACE.name, &self.0).ok()
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An id, a number, or an id within a domain: `example.com:signing`.
fn is_project(text: &str) -> bool {
    let is_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".:-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_byte)
}

fn is_location(text: &str) -> bool {
    let is_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(is_byte)
}

fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(is_id_byte)
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: &str = "projects/example.com:p-1/locations/europe-west3/keyRings/signer";

    fn version_in(rest: &str) -> Option<VersionName> {
        let handle = HandleId::from_parts(FACE.name, rest).unwrap();
        RING.parse::<GcpKeyRing>().unwrap().version_in(&handle)
    }

    #[test]
    fn a_key_ring_is_named_in_full() {
        assert_eq!(RING.parse::<GcpKeyRing>().unwrap().as_str(), RING);
        for text in [
            "",
            "signer",
            "projects/p/locations/l/keyRings/",
            "projects/p/locations/l/keyRings/r/",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k",
            "projects/p/locations/l/keyRings/r.s",
            "projects/p/q/locations/l/keyRings/r",
            "projects/../locations/l/keyRings/..",
            "/projects/p/locations/l/keyRings/r",
            "projects/p?/locations/l/keyRings/r",
        ] {
            assert_eq!(
                text.parse::<GcpKeyRing>(),
                Err(ParseGcpKeyRingError),
                "{text}"
            );
        }
    }

    #[test]
    fn a_handle_names_a_version_and_reads_back() {
        let name = format!("{RING}/cryptoKeys/k-1_A/cryptoKeyVersions/12");
        let version = version_in(&name).unwrap();
        assert_eq!(version.as_str(), name);
        assert_eq!(version.handle().unwrap().rest(), name);
    }

    #[test]
    fn a_handle_of_another_key_ring_or_of_another_shape_names_nothing() {
        let other = "projects/example.com:p-1/locations/europe-west3/keyRings/signer2";
        for rest in [
            format!("{other}/cryptoKeys/k/cryptoKeyVersions/1"),
            RING.to_owned(),
            format!("{RING}/cryptoKeys/k"),
            format!("{RING}/cryptoKeys/k/cryptoKeyVersions/"),
            format!("{RING}/cryptoKeys/k/cryptoKeyVersions/0"),
            format!("{RING}/cryptoKeys/k/cryptoKeyVersions/01"),
            format!("{RING}/cryptoKeys/k/cryptoKeyVersions/1/publicKey"),
            format!("{RING}/cryptoKeys/k/cryptoKeyVersions/1:asymmetricSign"),
            format!("{RING}/cryptoKeys//cryptoKeyVersions/1"),
            format!("{RING}/cryptoKeys/a/b/cryptoKeyVersions/1"),
            format!("{RING}/cryptoKeys/../cryptoKeyVersions/1"),
            format!("{RING}/cryptoKeys/{}/cryptoKeyVersions/1", "k".repeat(64)),
        ] {
            assert_eq!(version_in(&rest), None, "{rest}");
            let handle = HandleId::from_parts(FACE.name, &rest).unwrap();
            let ring: GcpKeyRing = RING.parse().unwrap();
            let is_elsewhere = ring.is_not_that_of(&handle);
            assert_eq!(is_elsewhere, rest.starts_with(other), "{rest}");
        }
    }

    #[test]
    fn the_longest_prefix_leaves_room_for_the_name() {
        let prefix = "p".repeat(20);
        let prefix: GcpKeyPrefix = prefix.parse().unwrap();
        let id = prefix.id_of(
            &Scope::parse("platform").unwrap(),
            &KeyId::parse("k1").unwrap(),
        );
        assert!(is_id(&id), "{id}");
        for text in ["p".repeat(21), "a.b".to_owned(), "a/b".to_owned()] {
            assert_eq!(text.parse::<GcpKeyPrefix>(), Err(ParseGcpKeyPrefixError));
        }
    }
}
