//! What every binary knows of the software provider.

use signer_domain::ProviderName;
use signer_module::{Face, Flag, Kind, TableRow, Unsaid};

/// The file with the seed.
pub(crate) const SEED_FILE: Flag = Flag {
    name: "--software-seed-file",
    value: "PATH",
    kind: Kind::SecretFile { what: "the seed" },
    unsaid: Unsaid::Refused {
        cure: "name a file of exactly 32 random bytes that only its owner can read",
    },
    help: "The seed of the software provider: exactly 32 bytes, not readable by others",
};

/// The provider as the program shows it.
pub static FACE: Face = Face {
    dev_only: Some("whoever reads its seed file holds every key"),
    heading: "Software provider options",
    flags: &[SEED_FILE],
    in_table: &[TableRow {
        way: None,
        lives: "derived by HKDF-SHA512 from one 32-byte seed file",
        exported_by: "whoever reads the seed file",
        takes: "microseconds",
        retiring: "is remembered by the registry",
        permissions: "the seed file",
    }],
    ..Face::bare(ProviderName::new("software"))
};
