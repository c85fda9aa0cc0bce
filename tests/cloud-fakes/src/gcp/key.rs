//! One version of a crypto key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::ED25519;
use super::refusal::gcp_refusal;
use crate::Answer;

/// Makes a signature of a seed and the data.
pub type SignWith = Arc<dyn Fn(&[u8; 32], &[u8]) -> Vec<u8> + Send + Sync>;

/// Signs the data as Ed25519ph (RFC 8032 §5.1) with an empty context, instead of pure.
pub fn gcp_sign_prehashed(seed: &[u8; 32], data: &[u8]) -> Vec<u8> {
    let prehash = Sha512::new_with_prefix(data);
    let signature = SigningKey::from_bytes(seed).sign_prehashed(prehash, None);
    signature.unwrap().to_vec()
}

/// The states of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GcpVersionState {
    /// It can be used.
    Enabled,
    /// It cannot be used, and may be enabled again.
    Disabled,
    /// Its material is gone.
    Destroyed,
    /// Its material is going to be destroyed.
    DestroyScheduled,
    /// It is being generated.
    PendingGeneration,
    /// It could not be generated.
    GenerationFailed,
}

impl GcpVersionState {
    const ALL: [Self; 6] = [
        Self::Enabled,
        Self::Disabled,
        Self::Destroyed,
        Self::DestroyScheduled,
        Self::PendingGeneration,
        Self::GenerationFailed,
    ];

    /// The number that stands for the state on the wire.
    const fn number(self) -> u64 {
        match self {
            Self::Enabled => 1,
            Self::Disabled => 2,
            Self::Destroyed => 3,
            Self::DestroyScheduled => 4,
            Self::PendingGeneration => 5,
            Self::GenerationFailed => 8,
        }
    }

    pub(super) fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }
}

/// A key pair, its state, and how it came to be.
pub(super) struct Version {
    pub(super) seed: [u8; 32],
    pub(super) state: GcpVersionState,
    pub(super) algorithm: u64,
    pub(super) protection: u64,
    pub(super) is_imported: bool,
    looks_until_generated: usize,
}

impl Version {
    pub(super) fn new(protection: u64, looks_until_generated: usize) -> Self {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).unwrap();
        Self {
            seed,
            state: if looks_until_generated == 0 {
                GcpVersionState::Enabled
            } else {
                GcpVersionState::PendingGeneration
            },
            algorithm: ED25519,
            protection,
            is_imported: false,
            looks_until_generated,
        }
    }

    pub(super) fn is_looked_at(&mut self) {
        if self.state != GcpVersionState::PendingGeneration {
            return;
        }
        match self.looks_until_generated.checked_sub(1) {
            Some(left) => self.looks_until_generated = left,
            None => self.state = GcpVersionState::Enabled,
        }
    }

    pub(super) fn document(&self, name: &str) -> Value {
        let mut document = json!({
            "name": name,
            "state": self.state.number(),
            "algorithm": self.algorithm,
            "protectionLevel": self.protection,
            "createTime": "2026-01-01T00:00:00Z",
        });
        if self.is_imported {
            document["importJob"] = "projects/p/locations/l/keyRings/r/importJobs/j".into();
        }
        document
    }

    pub(super) fn require_enabled(&self, name: &str) -> Result<(), Answer> {
        if self.state == GcpVersionState::Enabled {
            return Ok(());
        }
        Err(self.refusal(name))
    }

    /// Moves between enabled and disabled, which is all that an update may do.
    pub(super) fn update(
        &mut self,
        name: &str,
        state: Option<GcpVersionState>,
    ) -> Result<(), Answer> {
        use GcpVersionState::{Disabled, Enabled};
        match (self.state, state) {
            (Enabled | Disabled, Some(next @ (Enabled | Disabled))) => {
                self.state = next;
                Ok(())
            }
            _ => Err(self.refusal(name)),
        }
    }

    fn refusal(&self, name: &str) -> Answer {
        let state = self.state;
        let message = format!("{name} is not enabled, current state is: {state:?}.");
        gcp_refusal(400, "FAILED_PRECONDITION", &message)
    }

    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&self.seed).unwrap()
    }

    pub(super) fn sign(&self, data: &[u8]) -> Vec<u8> {
        self.pair().sign(data).as_ref().to_vec()
    }

    pub(super) fn pem(&self) -> String {
        let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
        der.extend([0x03, 0x21, 0x00]);
        der.extend(self.pair().public_key().as_ref());
        let body = text(&der);
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }
}

/// The number that stands for a value of an enumeration; 0 when it is none.
pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// The CRC32C of these bytes, as 64-bit numbers travel.
pub(super) fn text_of_int64(bytes: &[u8]) -> String {
    crc32c::crc32c(bytes).to_string()
}

/// Bytes as they travel.
pub(super) fn text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that travelled; none when they are not of the form.
pub(super) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    STANDARD.decode(text).unwrap_or_default()
}
