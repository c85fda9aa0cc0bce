//! What every binary knows of the provider of Azure Key Vault.

use signer_cloud::{flag_of_calls_at_once, flag_of_calls_per_second};
use signer_domain::ProviderName;
use signer_module::{Face, Flag, Kind, TableRow, Unsaid};

pub(crate) const VAULT_URL: Flag = Flag {
    name: "--azure-vault-url",
    value: "URL",
    kind: Kind::Url,
    unsaid: Unsaid::Refused {
        cure: "name the vault, as in https://NAME.vault.azure.net",
    },
    help: "The vault or managed HSM: https:// and its host, as in NAME.vault.azure.net",
};
pub(crate) const KV_MODE: Flag = Flag {
    name: "--azure-kv-mode",
    value: "MODE",
    kind: Kind::Choice(&["native", "envelope"]),
    unsaid: Unsaid::Refused {
        cure: "choose native, where the vault itself signs, which no vault offers for Ed25519 today, \
               or envelope, where a vault key encrypts each signing key and this process has it in \
               memory while it signs",
    },
    help: "Where private keys are: native, in the vault, which signs (no vault offers Ed25519 today), \
           or envelope, encrypted by the vault, and in this process while it signs",
};
pub(crate) const WRAPPING_KEY_TYPE: Flag = Flag {
    name: "--azure-wrapping-key-type",
    value: "TYPE",
    kind: Kind::Choice(&["rsa-hsm", "rsa"]),
    unsaid: Unsaid::Default("rsa-hsm"),
    help: "In envelope mode, where the keys are that encrypt the others: rsa-hsm (premium vaults, \
           managed HSMs) or rsa (any vault)",
};
pub(crate) const WRAPPING_KEY_SIZE: Flag = Flag {
    name: "--azure-wrapping-key-size",
    value: "BITS",
    kind: Kind::Choice(&["2048", "3072", "4096"]),
    unsaid: Unsaid::Default("3072"),
    help: "How many bits they have: 2048, 3072 or 4096",
};
pub(crate) const TOKEN_RESOURCE: Flag = Flag {
    name: "--azure-token-resource",
    value: "URL",
    kind: Kind::Url,
    unsaid: Unsaid::Otherwise("what the vault asks for, if its address ends in it"),
    help: "The service that tokens are asked for, where it does not follow from the address of the \
           vault: https:// and its host, as in vault.azure.net",
};
/// Enough to keep a vault that answers in 50 ms busy.
pub(crate) const MAX_IN_FLIGHT: Flag = flag_of_calls_at_once(
    "--azure-max-in-flight",
    "How many signatures by the vault may be under way at once",
);
/// A vault takes 500 calls for RSA-HSM keys of 3072 bits in ten seconds.
pub(crate) const REQUESTS_PER_SECOND: Flag = flag_of_calls_per_second(
    "--azure-requests-per-second",
    "40",
    "How many calls to the vault may be begun in a second",
);

pub(crate) static FACE: Face = Face {
    heading: "Azure Key Vault options",
    flags: &[
        VAULT_URL,
        KV_MODE,
        WRAPPING_KEY_TYPE,
        WRAPPING_KEY_SIZE,
        TOKEN_RESOURCE,
        MAX_IN_FLIGHT,
        REQUESTS_PER_SECOND,
    ],
    credential_files: &["AZURE_FEDERATED_TOKEN_FILE"],
    silenced: &["experimental.client"],
    in_table: &[
        TableRow {
            way: Some("mode `envelope`"),
            lives: "encrypted by a key of Azure Key Vault; **in the memory of this process \
               while it signs**, `/livez` says so",
            exported_by: "whoever may decrypt with the vault's key",
            takes: "a call over the network",
            retiring: "disables the vault's key",
            permissions: "[role](cloud/azure-kv-role.json)",
        },
        TableRow {
            way: Some("mode `native`"),
            lives: "would be in Azure Managed HSM, which offers no Ed25519 today and \
               therefore refuses at start",
            exported_by: "nobody",
            takes: "a call over the network",
            retiring: "disables the key",
            permissions: "the same",
        },
    ],
    ..Face::bare(ProviderName::new("azure-kv"))
};
