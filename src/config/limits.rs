//! The forms of single values: each says what it must be.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use signer_domain::{KnownProviders, PathProblem, ProviderName, check_path};

use super::AuditLog;
use crate::failure::quoted;

const LONGEST: Duration = Duration::from_hours(1);
const LONGEST_OVERLAP: Duration = Duration::from_hours(366 * 24);
const MOST_IN_FLIGHT: usize = 1_000_000;
/// Fewer connections and bodies make no service.
const LEAST_MEMORY: usize = 8 * 1024 * 1024;

/// A path.
pub(super) fn path(text: &str) -> Result<PathBuf, PathProblem> {
    check_path(text).map(|()| text.into())
}

/// A path, or the word for no file.
pub(super) fn audit_log(text: &str) -> Result<AuditLog, String> {
    if text == "none" {
        return Ok(AuditLog::Off);
    }
    path(text)
        .map(AuditLog::At)
        .map_err(|problem| match problem {
            PathProblem::NoPath | PathProblem::Switch => {
                "must be a path, or none to keep no audit log".to_owned()
            }
            PathProblem::NotOneLine | PathProblem::Blank => problem.to_string(),
        })
}

/// An octal mode that lets at least its owner connect.
pub(super) fn socket_mode(text: &str) -> Result<u32, &'static str> {
    const MUST: &str = "must be three or four octal digits that let the owner read and write, \
                        such as 0600 or 0660";
    let octal = |byte: u8| (b'0'..=b'7').contains(&byte);
    let shaped = (3..=4).contains(&text.len()) && text.bytes().all(octal);
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| shaped && *mode <= 0o777 && mode & 0o600 == 0o600)
        .ok_or(MUST)
}

/// An address and a port to listen on; `None` for the word that says not to.
pub(super) fn listen_address(text: &str) -> Result<Option<SocketAddr>, &'static str> {
    if text == "off" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_unspecific| {
        "must be an IP address and a port, such as 127.0.0.1:9090 or [::]:9090, or off"
    })
}

/// How long both keys of a rotation are to be in use.
pub(super) fn overlap_window(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| (Duration::from_secs(1)..=LONGEST_OVERLAP).contains(duration))
        .ok_or("must be a duration from 1s to 366 days, such as 24h or 7days")
}

/// A time a request may take.
pub(super) fn deadline(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| (Duration::from_millis(1)..=LONGEST).contains(duration))
        .ok_or("must be a duration from 1ms to 1h, such as 10s or 500ms")
}

/// A time a stop may take; zero is fine.
pub(super) fn drain_timeout(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| *duration <= LONGEST)
        .ok_or("must be a duration of at most 1h, such as 20s or 500ms")
}

/// A number of requests.
pub(super) fn max_in_flight(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse()
        .ok()
        .filter(|count: &NonZeroUsize| count.get() <= MOST_IN_FLIGHT)
        .ok_or("must be a number from 1 to 1000000")
}

/// A number of bytes that callers may take up.
pub(super) fn memory_budget(text: &str) -> Result<usize, &'static str> {
    text.parse()
        .ok()
        .filter(|bytes| *bytes >= LEAST_MEMORY)
        .ok_or("must be a number of bytes, at least 8388608 (8 MiB), such as 134217728 for 128 MiB")
}

/// The names of the providers as the flag takes them, one at a time, in their order.
pub(super) fn repeated_providers(
    names: &[String],
    known: &KnownProviders,
) -> Result<Vec<ProviderName>, String> {
    if names.iter().any(|name| name.contains(',')) {
        return Err(
            "must name one provider; give the flag once for each, as in --key-provider \
                    pkcs11 --key-provider software"
                .to_owned(),
        );
    }
    providers(names.iter().map(String::as_str).collect(), known)
}

/// The names of the providers as the variable takes them, in one list.
pub(super) fn listed_providers(
    list: &str,
    known: &KnownProviders,
) -> Result<Vec<ProviderName>, String> {
    let names: Vec<&str> = list.split(',').collect();
    let is_loose = |name: &&str| name.is_empty() || name.contains(char::is_whitespace);
    if !list.is_empty() && names.iter().any(is_loose) {
        return Err(
            "must be names with a comma between two and nothing else, as in \
                    pkcs11,software"
                .to_owned(),
        );
    }
    providers(names, known)
}

fn providers(names: Vec<&str>, known: &KnownProviders) -> Result<Vec<ProviderName>, String> {
    let mut providers = Vec::new();
    let is_list = names.len() > 1;
    for text in names {
        let provider = known.parse_name(text).map_err(|must| {
            if is_list {
                format!("{} {must}", quoted(text))
            } else {
                must.to_string()
            }
        })?;
        if providers.contains(&provider) {
            return Err(format!(
                "must name each provider once, and {provider} is repeated"
            ));
        }
        providers.push(provider);
    }
    Ok(providers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_mode_is_octal_and_lets_the_owner_in() {
        assert_eq!(socket_mode("0600"), Ok(0o600));
        assert_eq!(socket_mode("666"), Ok(0o666));
        for text in [
            "", "6", "0o600", "+600", "0900", "1777", "0400", "00600", "rw-",
        ] {
            assert!(socket_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_audit_log_is_a_path_or_none() {
        assert_eq!(audit_log("none"), Ok(AuditLog::Off));
        assert_eq!(audit_log("./none"), Ok(AuditLog::At("./none".into())));
        audit_log("").unwrap_err();
    }

    #[test]
    fn a_word_that_means_yes_no_or_standard_output_is_no_path() {
        for text in [
            "-", "None", "NONE", "none ", "false", "False", "off", "no", "0", "null", "stdout",
            "true",
        ] {
            assert!(audit_log(text).is_err(), "{text}");
            assert!(path(text).is_err(), "{text}");
        }
        for text in ["./-", "none.jsonl", "nonesuch", "/none", "10"] {
            assert_eq!(path(text), Ok(text.into()));
        }
    }

    #[test]
    fn a_deadline_is_neither_zero_nor_endless() {
        assert_eq!(deadline("500ms"), Ok(Duration::from_millis(500)));
        for text in ["0s", "10", "-1s", "1us", "2h", "584542046090years", ""] {
            assert!(deadline(text).is_err(), "{text}");
        }
        assert_eq!(drain_timeout("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_memory_budget_is_a_number_of_bytes_and_not_too_few() {
        assert_eq!(memory_budget("134217728"), Ok(128 * 1024 * 1024));
        for text in ["0", "8388607", "128M", "128MiB", "-1", ""] {
            assert!(memory_budget(text).is_err(), "{text}");
        }
    }

    #[test]
    fn at_least_one_request_is_under_way() {
        assert_eq!(max_in_flight("1"), Ok(NonZeroUsize::MIN));
        for text in ["0", "-1", "1e3", "1000001", "99999999999999999999"] {
            assert!(max_in_flight(text).is_err(), "{text}");
        }
    }
}
