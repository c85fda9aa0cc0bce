//! What every binary knows of the provider of Google Cloud KMS.

use signer_cloud::{flag_of_calls_at_once, flag_of_calls_per_second};
use signer_domain::ProviderName;
use signer_module::{Face, Flag, Kind, TableRow, Unsaid};

pub(crate) const KEY_RING: Flag = Flag {
    name: "--gcp-key-ring",
    value: "NAME",
    kind: Kind::Text,
    unsaid: Unsaid::Refused {
        cure: "name a key ring, as in projects/PROJECT/locations/LOCATION/keyRings/RING",
    },
    help: "The key ring, projects/PROJECT/locations/LOCATION/keyRings/RING",
};
pub(crate) const KEY_PREFIX: Flag = Flag {
    name: "--gcp-key-prefix",
    value: "PREFIX",
    kind: Kind::Text,
    unsaid: Unsaid::Otherwise("nothing"),
    help: "What opens the id of every key, so that several custodians can share a key ring",
};
pub(crate) const PROTECTION_LEVEL: Flag = Flag {
    name: "--gcp-protection-level",
    value: "LEVEL",
    kind: Kind::Choice(&["software", "hsm"]),
    unsaid: Unsaid::Refused {
        cure: "name where new keys live: software, or hsm where Google offers Ed25519 there",
    },
    help: "Where new keys are kept and used: software, or hsm where Google offers Ed25519 there, which \
           it did not in 2026",
};
pub(crate) const ENDPOINT_URL: Flag = Flag {
    name: "--gcp-endpoint-url",
    value: "URL",
    kind: Kind::Url,
    unsaid: Unsaid::Nothing,
    help: "Another endpoint than Google's own, such as a regional or a private one; plain http is for \
           an emulator on this machine, which gets no credentials",
};
/// Enough to keep a service that answers in 50 ms busy.
pub(crate) const MAX_IN_FLIGHT: Flag = flag_of_calls_at_once(
    "--gcp-max-in-flight",
    "How many signatures may be under way at once; half of them by one key",
);
/// Google has published 3,000 signatures a minute as the quota of HSM keys, and counted them by the
/// second: 50.
pub(crate) const REQUESTS_PER_SECOND: Flag = flag_of_calls_per_second(
    "--gcp-requests-per-second",
    "40",
    "How many calls may be begun in a second, to stay below the quota of the project",
);

pub(crate) static FACE: Face = Face {
    heading: "Google Cloud KMS options",
    flags: &[
        KEY_RING,
        KEY_PREFIX,
        PROTECTION_LEVEL,
        ENDPOINT_URL,
        MAX_IN_FLIGHT,
        REQUESTS_PER_SECOND,
    ],
    credential_files: &["GOOGLE_APPLICATION_CREDENTIALS"],
    silenced: &["google_cloud"],
    in_table: &[TableRow {
        way: None,
        lives: "Google Cloud KMS, in Google's software: it offers no Ed25519 in an HSM",
        exported_by: "nobody",
        takes: "a call over the network",
        retiring: "disables the key version",
        permissions: "[role](cloud/gcp-kms-role.yaml)",
    }],
    ..Face::bare(ProviderName::new("gcp-kms"))
};
