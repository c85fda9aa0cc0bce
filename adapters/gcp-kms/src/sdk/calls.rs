//! The calls that the service offers, one method each, with answers that are whole.

use google_cloud_kms_v1::Error;
use google_cloud_kms_v1::client::KeyManagementService;
use google_cloud_kms_v1::model::crypto_key_version::CryptoKeyVersionState;
use google_cloud_kms_v1::model::{CryptoKey, CryptoKeyVersion};
use google_cloud_wkt::FieldMask;

use signer_cloud::Trouble;
use signer_domain::{Deadline, Digest, PublicKey, Signature};

use super::answers::{self, Damage};
use super::error::Refusal;
use super::key_ring::{GcpKeyRing, VersionName};
use super::line::{Line, Repeat};
use super::settings::GcpSettings;

/// The calls about one key ring.
pub(super) struct Calls {
    key_ring: GcpKeyRing,
    line: Line,
}

impl Calls {
    pub(super) fn new(settings: &GcpSettings) -> Self {
        Self {
            key_ring: settings.key_ring.clone(),
            line: Line::new(settings),
        }
    }

    /// The same calls for those who want signatures.
    pub(super) fn for_signatures(&self) -> Self {
        Self {
            key_ring: self.key_ring.clone(),
            line: self.line.for_signatures(),
        }
    }

    /// Makes a crypto key of this id. Never twice: who asks has to look whether there is one when the
    /// answer is lost.
    pub(super) async fn create(
        &self,
        id: &str,
        key: CryptoKey,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        let created = self.line.ask(deadline, Repeat::Never, |service| {
            service
                .create_crypto_key()
                .set_parent(self.key_ring.as_str())
                .set_crypto_key_id(id)
                .set_crypto_key(key.clone())
                .send()
        });
        created.await.map(drop)
    }

    pub(super) async fn sign(
        &self,
        version: &VersionName,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, Refusal> {
        let (data, sum) = (digest.as_bytes(), answers::checksum(digest.as_bytes()));
        let sign = |service: KeyManagementService| {
            service
                .asymmetric_sign()
                .set_name(version.as_str())
                .set_data(data.to_vec())
                .set_data_crc32c(sum)
                .send()
        };
        let take = |answer: &_| answers::signature(answer, version);
        self.intact(deadline, sign, take).await
    }

    pub(super) async fn public_key(
        &self,
        version: &VersionName,
        deadline: Deadline,
    ) -> Result<PublicKey, Refusal> {
        let read = |service: KeyManagementService| {
            let request = service.get_public_key();
            request.set_name(version.as_str()).send()
        };
        let take = |answer: &_| answers::public_key(answer, version);
        self.intact(deadline, read, take).await
    }

    pub(super) async fn version(
        &self,
        name: &VersionName,
        deadline: Deadline,
    ) -> Result<CryptoKeyVersion, Refusal> {
        let read = self.line.ask(deadline, Repeat::Freely, |service| {
            let request = service.get_crypto_key_version();
            request.set_name(name.as_str()).send()
        });
        read.await
    }

    pub(super) async fn disable(
        &self,
        version: &VersionName,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        let disabled = CryptoKeyVersion::new()
            .set_name(version.as_str())
            .set_state(CryptoKeyVersionState::Disabled);
        let updated = self.line.ask(deadline, Repeat::AsOnce, |service| {
            service
                .update_crypto_key_version()
                .set_crypto_key_version(disabled.clone())
                .set_update_mask(FieldMask::default().set_paths(["state"]))
                .send()
        });
        updated.await.map(drop)
    }

    /// Looks whether the key ring is there.
    pub(super) async fn read_key_ring(&self, deadline: Deadline) -> Result<(), Refusal> {
        let read = self.line.ask(deadline, Repeat::Freely, |service| {
            let request = service.get_key_ring();
            request.set_name(self.key_ring.as_str()).send()
        });
        read.await.map(drop)
    }

    /// Asks once more when an answer is damaged.
    async fn intact<A, T, F>(
        &self,
        deadline: Deadline,
        call: impl Fn(KeyManagementService) -> F,
        take: impl Fn(&A) -> Result<T, Damage>,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<A, Error>>,
    {
        let mut asked_before = false;
        loop {
            let answer = self.line.ask(deadline, Repeat::Freely, &call).await?;
            match take(&answer) {
                Ok(taken) => return Ok(taken),
                Err(damage) if asked_before => {
                    return Err(Refusal::Trouble(Trouble::Unexpected, Box::new(damage)));
                }
                Err(damage) => tracing::warn!(%damage, "damaged answer of the key service"),
            }
            asked_before = true;
        }
    }
}
