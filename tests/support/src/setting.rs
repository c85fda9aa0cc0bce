//! What makes a run of a test longer, or another one.

use std::str::FromStr;

/// The environment variable `name`, or else `default`.
pub fn setting<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("not understood: {name}={text}")),
        Err(_unset) => default,
    }
}
