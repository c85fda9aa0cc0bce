//! Reads query strings, as strictly as bodies.

use std::borrow::Cow;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use signer_domain::ports::{KeyQuery, VerificationKeys};
use signer_domain::{KeyState, Scope};

use crate::refusal::Refusal;

pub(crate) const DEFAULT_LIMIT: NonZeroU32 = NonZeroU32::new(100).unwrap();
pub(crate) const MAX_LIMIT: u32 = 1000;

/// Refuses any query of a call that takes none.
pub(crate) fn expect_none(query: Option<&str>) -> Result<(), Refusal> {
    match query {
        None | Some("") => Ok(()),
        Some(_) => Err(Refusal::invalid("query: this call takes no parameters")),
    }
}

/// Reads which keys to list.
pub(crate) fn key_query(query: Option<&str>) -> Result<KeyQuery, Refusal> {
    let mut scope = None;
    let mut state = None;
    let mut limit = None;
    let mut cursor = None;
    for pair in pairs(query) {
        let (name, value) = pair?;
        match name {
            "scope" => set("scope", &mut scope, Scope::parse(&value))?,
            "state" => set("state", &mut state, KeyState::parse(&value))?,
            "limit" => set("limit", &mut limit, parse_limit(&value))?,
            "cursor" => set("cursor", &mut cursor, parse_cursor(&value))?,
            _ => {
                return Err(Refusal::invalid(
                    "query: the parameters are scope, state, limit and cursor",
                ));
            }
        }
    }
    Ok(KeyQuery {
        scope,
        state,
        limit: limit.unwrap_or(DEFAULT_LIMIT),
        after: cursor,
    })
}

/// Reads which keys of a scope are asked for.
pub(crate) fn verification_keys(query: Option<&str>) -> Result<VerificationKeys, Refusal> {
    let mut include = None;
    for pair in pairs(query) {
        let (name, value) = pair?;
        if name != "include" {
            return Err(Refusal::invalid("query: the only parameter is include"));
        }
        set("include", &mut include, parse_include(&value))?;
    }
    Ok(include.unwrap_or(VerificationKeys::InUse))
}

/// The parameters one by one, their values decoded.
fn pairs(query: Option<&str>) -> impl Iterator<Item = Result<(&str, Cow<'_, str>), Refusal>> {
    let pairs = query.unwrap_or_default().split('&');
    pairs.filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value)
            .ok_or_else(|| Refusal::invalid("query: a value is not percent-encoded UTF-8"))?;
        Ok((name, value))
    })
}

/// Decodes one path segment or query value; `None` when it is not percent-encoded UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    let mut escapes = text.split('%');
    let _unescaped = escapes.next();
    let is_escape = |rest: &str| {
        let mut digits = rest.bytes();
        let mut is_digit = || digits.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        is_digit() && is_digit()
    };
    if escapes.all(is_escape) {
        percent_decode_str(text).decode_utf8().ok()
    } else {
        None
    }
}

/// The cursor of a page, as text.
pub(crate) fn encode_cursor(after: u64) -> String {
    URL_SAFE_NO_PAD.encode(after.to_be_bytes())
}

fn set<T, P: std::fmt::Display>(
    name: &str,
    slot: &mut Option<T>,
    parsed: Result<T, P>,
) -> Result<(), Refusal> {
    let value = parsed.map_err(|error| Refusal::invalid(format!("{name}: {error}")))?;
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::invalid(format!("{name}: is given twice"))),
    }
}

fn parse_limit(text: &str) -> Result<NonZeroU32, String> {
    let is_canonical = !text.starts_with(['+', '0']);
    text.parse()
        .ok()
        .filter(|limit: &NonZeroU32| is_canonical && limit.get() <= MAX_LIMIT)
        .ok_or_else(|| format!("must be a whole number from 1 to {MAX_LIMIT}"))
}

fn parse_include(text: &str) -> Result<VerificationKeys, &'static str> {
    match text {
        "retired" => Ok(VerificationKeys::WithRetired),
        _ => Err("must be \"retired\""),
    }
}

fn parse_cursor(text: &str) -> Result<u64, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    bytes
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|_not_eight| "must be a next_cursor of an earlier answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_parameter() {
        let query = format!(
            "scope=platform&state=retired&limit=7&cursor={}",
            encode_cursor(42)
        );
        let expected = KeyQuery {
            scope: Some(Scope::Platform),
            state: Some(KeyState::Retired),
            limit: NonZeroU32::new(7).unwrap(),
            after: Some(42),
        };
        assert_eq!(key_query(Some(&query)), Ok(expected));
    }

    #[test]
    fn without_parameters_the_first_hundred_are_listed() {
        for query in [None, Some("")] {
            let found = key_query(query).unwrap();
            assert_eq!((found.limit.get(), found.after), (100, None));
        }
    }

    #[test]
    fn a_scope_may_be_percent_encoded() {
        let query = "scope=domain%3A6f9619ff-8b86-4011-b42d-00cf4fc964ff";
        assert!(key_query(Some(query)).unwrap().scope.is_some());
    }

    #[test]
    fn refuses_everything_else_and_says_what() {
        for (query, detail) in [
            ("limit=0", "limit: must be a whole number from 1 to 1000"),
            ("limit=1001", "limit: must be a whole number from 1 to 1000"),
            ("limit=01", "limit: must be a whole number from 1 to 1000"),
            ("limit=%2B1", "limit: must be a whole number from 1 to 1000"),
            ("limit=", "limit: must be a whole number from 1 to 1000"),
            ("limit=1&limit=1", "limit: is given twice"),
            (
                "cursor=",
                "cursor: must be a next_cursor of an earlier answer",
            ),
            (
                "cursor=AAAAAAAAAAB",
                "cursor: must be a next_cursor of an earlier answer",
            ),
            (
                "state=Active",
                "state: must be one of active, rotating, retired",
            ),
            ("scope=%zz", "query: a value is not percent-encoded UTF-8"),
            ("scope=%ff", "query: a value is not percent-encoded UTF-8"),
            (
                "scop=platform",
                "query: the parameters are scope, state, limit and cursor",
            ),
            (
                "x",
                "query: the parameters are scope, state, limit and cursor",
            ),
        ] {
            assert_eq!(
                key_query(Some(query)),
                Err(Refusal::invalid(detail)),
                "{query}"
            );
        }
    }

    #[test]
    fn retired_keys_are_included_on_demand_only() {
        for query in [None, Some("")] {
            assert_eq!(verification_keys(query), Ok(VerificationKeys::InUse));
        }
        let found = verification_keys(Some("include=retired"));
        assert_eq!(found, Ok(VerificationKeys::WithRetired));
        for (query, detail) in [
            ("include=", "include: must be \"retired\""),
            ("include=Retired", "include: must be \"retired\""),
            ("include=retired&include=retired", "include: is given twice"),
            ("state=retired", "query: the only parameter is include"),
            ("include=%ff", "query: a value is not percent-encoded UTF-8"),
        ] {
            let refused = verification_keys(Some(query));
            assert_eq!(refused, Err(Refusal::invalid(detail)), "{query}");
        }
    }

    #[test]
    fn cursors_read_back() {
        for after in [0, 1, u64::MAX] {
            assert_eq!(parse_cursor(&encode_cursor(after)), Ok(after));
        }
    }
}
