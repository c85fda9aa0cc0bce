//! What every binary knows of the PKCS#11 provider.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use signer_domain::ProviderName;
use signer_module::{Face, Flag, Kind, TableRow, Unsaid};

pub(crate) const MODULE_PATH: Flag = Flag {
    name: "--pkcs11-module",
    value: "PATH",
    kind: Kind::Path { what: "the module" },
    unsaid: Unsaid::Refused {
        cure: "name the vendor's PKCS#11 module by its absolute path",
    },
    help: "The vendor's module, an absolute path",
};
pub(crate) const SLOT: Flag = Flag {
    name: "--pkcs11-slot",
    value: "SLOT",
    kind: Kind::Text,
    unsaid: Unsaid::Refused {
        cure: "name the token by the number of its slot, by label:NAME or by serial:NUMBER",
    },
    help: "The token: the number of its slot, label:NAME or serial:NUMBER",
};
pub(crate) const PIN_FILE: Flag = Flag {
    name: "--pkcs11-pin-file",
    value: "PATH",
    kind: Kind::SecretFile { what: "the PIN" },
    unsaid: Unsaid::Refused {
        cure: "name a file that holds the PIN and that only its owner can read",
    },
    help: "The file that holds the PIN, not readable by others",
};
pub(crate) const PIN: Flag = Flag {
    name: "--pkcs11-pin",
    value: "PIN",
    kind: Kind::Secret,
    unsaid: Unsaid::Nothing,
    help: "The PIN, for development only: everybody on the machine can read a command line",
};
pub(crate) const LABEL: Flag = Flag {
    name: "--pkcs11-label",
    value: "PREFIX",
    kind: Kind::Text,
    unsaid: Unsaid::Default("plexsphere"),
    help: "What opens the label of every key",
};
/// A handle has to hold a label of the most bytes.
pub(crate) const LABEL_MAX: Flag = Flag {
    name: "--pkcs11-label-max",
    value: "N",
    kind: Kind::Number {
        what: "a number of bytes",
        least: 1,
        most: 511,
    },
    unsaid: Unsaid::Default("255"),
    help: "The most bytes of a label; a longer one is hashed",
};
pub(crate) const EC_PARAMS: Flag = Flag {
    name: "--pkcs11-ec-params",
    value: "FORM",
    kind: Kind::Text,
    unsaid: Unsaid::Default("oid"),
    help: "How the vendor wants the curve named: oid, name or hex:DER",
};
pub(crate) const SESSIONS: Flag = Flag {
    name: "--pkcs11-sessions",
    value: "N",
    kind: Kind::Number {
        what: "a number",
        least: 1,
        most: 256,
    },
    unsaid: Unsaid::Computed {
        told: "one for each processor, 8 at the most",
        of: sessions_by_default,
    },
    help: "How many sessions sign at once",
};
/// A module that is given less than the shortest time hangs whenever the machine is busy.
pub(crate) const CALL_TIMEOUT: Flag = Flag {
    name: "--pkcs11-call-timeout",
    value: "DURATION",
    kind: Kind::Duration {
        least: Duration::from_millis(50),
        most: Duration::from_mins(1),
        must: "must be a duration from 50ms to 60s, such as 1s or 500ms",
    },
    unsaid: Unsaid::Default("1s"),
    help: "How long a session may be inside of the module for one signature before its thread is left \
           to itself and another takes its place",
};

/// What is shown of the provider, also by its commands.
pub static FACE: Face = Face {
    heading: "PKCS#11 options",
    flags: &[
        MODULE_PATH,
        SLOT,
        PIN_FILE,
        PIN,
        LABEL,
        LABEL_MAX,
        EC_PARAMS,
        SESSIONS,
        CALL_TIMEOUT,
    ],
    one_of: &[[PIN_FILE.name, PIN.name]],
    in_table: &[TableRow {
        way: None,
        lives: "a PKCS #11 v3.0 token with `CKM_EDDSA`; see \
               [docs/hsm](hsm/README.md)",
        exported_by: "nobody",
        takes: "as long as the token needs",
        retiring: "destroys the private object",
        permissions: "a user PIN of one slot",
    }],
    ..Face::bare(ProviderName::new("pkcs11"))
};

/// More sessions than processors gain nothing where the module computes by itself.
fn sessions_by_default() -> String {
    let processors = available_parallelism().map_or(1, NonZeroUsize::get);
    processors.min(8).to_string()
}
