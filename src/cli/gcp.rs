//! The flags of `serve` that name a key ring of Google Cloud KMS.

use clap::Args;

/// Which key ring, and how to reach it.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Google Cloud KMS options")]
pub(crate) struct GcpArgs {
    /// The key ring, projects/PROJECT/locations/LOCATION/keyRings/RING [env:
    /// PLEXSPHERE_SIGNER_GCP_KEY_RING]
    #[arg(id = "gcp_key_ring", long = "gcp-key-ring", value_name = "NAME")]
    pub(crate) key_ring: Option<String>,
    /// What opens the id of every key, so that several custodians can share a key ring [env:
    /// PLEXSPHERE_SIGNER_GCP_KEY_PREFIX] [default: nothing]
    #[arg(id = "gcp_key_prefix", long = "gcp-key-prefix", value_name = "PREFIX")]
    pub(crate) key_prefix: Option<String>,
    /// Where new keys are kept and used: software, or hsm where Google offers Ed25519 there, which it
    /// did not in 2026 [env: PLEXSPHERE_SIGNER_GCP_PROTECTION_LEVEL]
    #[arg(
        id = "gcp_protection_level",
        long = "gcp-protection-level",
        value_name = "LEVEL"
    )]
    pub(crate) protection_level: Option<String>,
    /// Another endpoint than Google's own, such as a regional or a private one; plain http is for an
    /// emulator on this machine, which gets no credentials [env: PLEXSPHERE_SIGNER_GCP_ENDPOINT_URL]
    #[arg(id = "gcp_endpoint_url", long = "gcp-endpoint-url", value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// How many signatures may be under way at once; half of them by one key [env:
    /// PLEXSPHERE_SIGNER_GCP_MAX_IN_FLIGHT] [default: 64]
    #[arg(id = "gcp_max_in_flight", long = "gcp-max-in-flight", value_name = "N")]
    pub(crate) max_in_flight: Option<String>,
    /// How many calls may be begun in a second, to stay below the quota of the project [env:
    /// PLEXSPHERE_SIGNER_GCP_REQUESTS_PER_SECOND] [default: 40]
    #[arg(
        id = "gcp_requests_per_second",
        long = "gcp-requests-per-second",
        value_name = "N"
    )]
    pub(crate) requests_per_second: Option<String>,
}
