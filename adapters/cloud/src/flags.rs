//! The flags by which an operator limits the calls of a provider.

use signer_module::{Flag, Kind, Unsaid};

/// How many signatures may be under way at once.
pub const fn flag_of_calls_at_once(name: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        value: "N",
        kind: number(1024),
        unsaid: Unsaid::Default("64"),
        help,
    }
}

/// How many calls may be begun in a second. The default keeps below the quota of the service.
pub const fn flag_of_calls_per_second(
    name: &'static str,
    default: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        name,
        value: "N",
        kind: number(100_000),
        unsaid: Unsaid::Default(default),
        help,
    }
}

const fn number(most: u64) -> Kind {
    Kind::Number {
        what: "a number",
        least: 1,
        most,
    }
}
