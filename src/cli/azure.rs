//! The flags that name a key vault of Azure.

use clap::Args;

/// Which vault, and how it is used.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Azure Key Vault options")]
pub(crate) struct AzureArgs {
    /// The vault or managed HSM: https:// and its host, as in NAME.vault.azure.net [env:
    /// PLEXSPHERE_SIGNER_AZURE_VAULT_URL]
    #[arg(id = "azure_vault_url", long = "azure-vault-url", value_name = "URL")]
    pub(crate) vault_url: Option<String>,
    /// Where private keys are: native, in the vault, which signs (no vault offers Ed25519 today), or
    /// envelope, encrypted by the vault, and in this process while it signs [env:
    /// PLEXSPHERE_SIGNER_AZURE_KV_MODE]
    #[arg(id = "azure_kv_mode", long = "azure-kv-mode", value_name = "MODE")]
    pub(crate) kv_mode: Option<String>,
    /// In envelope mode, where the keys are that encrypt the others: rsa-hsm (premium vaults, managed
    /// HSMs) or rsa (any vault) [env: PLEXSPHERE_SIGNER_AZURE_WRAPPING_KEY_TYPE] [default: rsa-hsm]
    #[arg(
        id = "azure_wrapping_key_type",
        long = "azure-wrapping-key-type",
        value_name = "TYPE"
    )]
    pub(crate) wrapping_key_type: Option<String>,
    /// How many bits they have: 2048, 3072 or 4096 [env: PLEXSPHERE_SIGNER_AZURE_WRAPPING_KEY_SIZE]
    /// [default: 3072]
    #[arg(
        id = "azure_wrapping_key_size",
        long = "azure-wrapping-key-size",
        value_name = "BITS"
    )]
    pub(crate) wrapping_key_size: Option<String>,
    /// The service that tokens are asked for, where it does not follow from the address of the vault:
    /// https:// and its host, as in vault.azure.net [env: PLEXSPHERE_SIGNER_AZURE_TOKEN_RESOURCE]
    /// [default: what the vault asks for, if its address ends in it]
    #[arg(
        id = "azure_token_resource",
        long = "azure-token-resource",
        value_name = "URL"
    )]
    pub(crate) token_resource: Option<String>,
    /// How many signatures by the vault may be under way at once [env:
    /// PLEXSPHERE_SIGNER_AZURE_MAX_IN_FLIGHT] [default: 64]
    #[arg(
        id = "azure_max_in_flight",
        long = "azure-max-in-flight",
        value_name = "N"
    )]
    pub(crate) max_in_flight: Option<String>,
    /// How many calls to the vault may be begun in a second [env:
    /// PLEXSPHERE_SIGNER_AZURE_REQUESTS_PER_SECOND] [default: 40]
    #[arg(
        id = "azure_requests_per_second",
        long = "azure-requests-per-second",
        value_name = "N"
    )]
    pub(crate) requests_per_second: Option<String>,
}
