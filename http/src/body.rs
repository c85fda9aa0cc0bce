//! Takes in the body of a request: its declared form first, then its bytes, then its JSON.

use actix_http::error::PayloadError;
use actix_http::header::{self, HeaderMap, HeaderValue};
use actix_http::{Payload, RequestHead};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::error::Category;
use signer_domain::KnownProviders;

use crate::refusal::Refusal;
use crate::wire::{Body, ProblemCode};

/// Refuses a body that is not declared as plain JSON, or as too large, before any of it is read. Tells
/// how long it is at most.
pub(crate) fn check_declaration(head: &RequestHead, limit: usize) -> Result<usize, Refusal> {
    let headers = head.headers();
    if !has_body(headers) {
        return Err(Refusal::invalid("body: is missing"));
    }
    check_encoding(headers)?;
    let mut types = headers.get_all(header::CONTENT_TYPE);
    let declared = match (types.next(), types.next()) {
        (Some(declared), None) => declared.to_str().unwrap_or_default(),
        _ => "",
    };
    if !is_json(declared) {
        return Err(unsupported("the body must be application/json"));
    }
    match content_length(headers) {
        Some(length) if length > limit => Err(too_large(limit)),
        Some(length) => Ok(length),
        None => Ok(limit),
    }
}

/// Refuses any body of a call that takes none.
pub(crate) fn expect_none(head: &RequestHead) -> Result<(), Refusal> {
    if has_body(head.headers()) {
        return Err(Refusal::invalid("body: this call takes none"));
    }
    Ok(())
}

/// Whether the request announces at least one byte of body.
pub(crate) fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || content_length(headers).is_some_and(|length| length > 0)
}

/// How the end of a body shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// By its length.
    Length(u64),
    /// By its last chunk.
    Chunks,
}

/// How the end of a request's body shows, as the parser reads that head.
pub(crate) fn framing(head: &RequestHead) -> Framing {
    let headers = head.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Framing::Chunks;
    }
    match content_length(headers).map(u64::try_from) {
        Some(Ok(length)) if length > 0 => Framing::Length(length),
        Some(Ok(_) | Err(_)) | None => Framing::None,
    }
}

/// Whether the caller asks for another protocol on this connection.
///
/// It is not given one (RFC 9110 §7.8), but the HTTP parser may believe it is, and take everything
/// behind the head for that protocol.
pub(crate) fn wants_other_protocol(head: &RequestHead) -> bool {
    head.upgrade() || head.headers().contains_key(header::UPGRADE)
}

/// Reads the body to its end. What is left of it after a refusal stays in `payload`.
pub(crate) async fn collect(
    head: &RequestHead,
    payload: &mut Payload,
    limit: usize,
) -> Result<Bytes, Refusal> {
    if wants_other_protocol(head)
        && let Some(length) = content_length(head.headers())
    {
        return collect_exactly(payload, length).await;
    }
    let Some(first) = payload.next().await else {
        return Ok(Bytes::new());
    };
    let first = first.map_err(broken)?;
    // Nearly every body arrives in one piece, and then that piece is the body.
    let mut rest = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        if rest.is_empty() {
            // A body of a known length is never moved for want of room.
            let expected = content_length(head.headers()).unwrap_or_default();
            rest.reserve(expected.min(limit));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&chunk.map_err(broken)?);
        if rest.len() > limit {
            return Err(too_large(limit));
        }
    }
    let body = if rest.is_empty() {
        first
    } else {
        rest.freeze()
    };
    if body.len() > limit {
        return Err(too_large(limit));
    }
    Ok(body)
}

/// Reads `length` bytes, which are known to be few enough. What comes behind them is not looked at.
async fn collect_exactly(payload: &mut Payload, length: usize) -> Result<Bytes, Refusal> {
    let mut body = BytesMut::new();
    while body.len() < length {
        let Some(chunk) = payload.next().await else {
            return Err(Refusal::broken_body());
        };
        body.extend_from_slice(&chunk.map_err(broken)?);
    }
    body.truncate(length);
    Ok(body.freeze())
}

/// Reads the body as the one object it must be.
pub(crate) fn parse<'de, T: Body<'de>>(
    body: &'de [u8],
    known: &KnownProviders,
) -> Result<T, Refusal> {
    let opening = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if opening.is_some_and(|byte| *byte != b'{') {
        return Err(Refusal::invalid("body: must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = T::read(&mut json, known).and_then(|it| json.end().map(|()| it));
    read.map_err(|error| {
        let reason = error.to_string();
        match error.classify() {
            Category::Data => Refusal::invalid(without_position(reason)),
            Category::Syntax | Category::Eof | Category::Io => {
                Refusal::invalid(format!("body: is not JSON: {reason}"))
            }
        }
    })
}

/// Cuts off where in the text the parser stopped: the field that is named says more.
fn without_position(mut reason: String) -> String {
    if let Some(position) = reason.rfind(" at line ") {
        reason.truncate(position);
    }
    reason
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).all(is_identity) {
        Ok(())
    } else {
        Err(unsupported("the body must not be encoded or compressed"))
    }
}

fn is_json(declared: &str) -> bool {
    let mut parts = declared.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim_matches('"');
            !name.eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
        })
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn too_large(limit: usize) -> Refusal {
    Refusal {
        detail: format!("the body must be at most {limit} bytes long").into(),
        ..Refusal::new(ProblemCode::PayloadTooLarge, "")
    }
}

const fn unsupported(detail: &'static str) -> Refusal {
    Refusal::new(ProblemCode::UnsupportedMediaType, detail)
}

/// A caller that sends no more may still listen, so it is answered, and the record says what.
#[expect(clippy::needless_pass_by_value, reason = "map_err gives it away")]
fn broken(error: PayloadError) -> Refusal {
    tracing::debug!(%error, "body broke off");
    Refusal::broken_body()
}

#[cfg(test)]
mod tests {
    use signer_domain::ProviderName;

    use super::*;
    use crate::wire::{BatchRequest, GenerateRequest, SignRequest};

    fn read<'de, T: Body<'de>>(body: &'de str) -> Result<T, Refusal> {
        let known = ["software", "pkcs11"].map(ProviderName::new);
        parse(body.as_bytes(), &KnownProviders::from_iter(known))
    }

    fn detail<'de, T: Body<'de> + std::fmt::Debug>(body: &'de str) -> String {
        read::<T>(body).unwrap_err().detail.into_owned()
    }

    #[test]
    fn errors_name_the_field_and_the_reason() {
        for (body, expected) in [
            (r#"{"scope":"platform"}"#, "key_id: is missing"),
            (
                r#"{"scope":"Platform","key_id":"k"}"#,
                "scope: must be \"platform\" or \"domain:<uuid>\" with the UUID in lower case and hyphenated",
            ),
            (
                r#"{"scope":7,"key_id":"k"}"#,
                "scope: invalid type: integer `7`, expected a string",
            ),
            (
                r#"{"scope":null}"#,
                "scope: invalid type: null, expected a string",
            ),
            (
                r#"{"provider":null}"#,
                "provider: invalid type: null, expected a string",
            ),
            (
                r#"{"scope":["platform"]}"#,
                "scope: invalid type: sequence, expected a string",
            ),
            (
                r#"{"scope":"platform","scope":"platform"}"#,
                "scope: is given twice",
            ),
            (
                r#"{"sc\u006fpe":"platform","scope":"platform"}"#,
                "scope: is given twice",
            ),
            (
                r#"{"scopes":"platform"}"#,
                "scopes: is not a field of this object",
            ),
            (
                r#"{"\u0000":"platform"}"#,
                "the object has a field that does not belong there",
            ),
            ("[]", "body: must be a JSON object"),
            ("\u{feff}{}", "body: must be a JSON object"),
            ("\"x\"", "body: must be a JSON object"),
            (
                "",
                "body: is not JSON: EOF while parsing a value at line 1 column 0",
            ),
            ("{} {}", "scope: is missing"),
            (
                r#"{"scope":"platform","key_id":"k","provider":"vault"}"#,
                "provider: must be one of software, pkcs11",
            ),
        ] {
            assert_eq!(detail::<GenerateRequest>(body), expected, "{body}");
        }
    }

    #[test]
    fn nothing_may_follow_the_object() {
        let digest = format!(r#"{{"digest":"{}=="}}"#, "A".repeat(86));
        read::<SignRequest>(&digest).unwrap();
        let reason = detail::<SignRequest>(&(digest + "{}"));
        assert_eq!(
            reason,
            "body: is not JSON: trailing characters at line 1 column 102"
        );
    }

    #[test]
    fn a_wrong_digest_is_not_echoed() {
        assert_eq!(
            detail::<SignRequest>(r#"{"digest":"c2VjcmV0"}"#),
            "digest: must be exactly 64 bytes, not 6"
        );
        assert_eq!(
            detail::<SignRequest>(r#"{"digest":"not base64!"}"#),
            "digest: must be standard base64 with padding"
        );
    }

    #[test]
    fn errors_in_a_batch_name_the_item() {
        for (body, expected) in [
            (r#"{"items":[]}"#, "items: must be at least 1"),
            (r"{}", "items: is missing"),
            (
                r#"{"items":"secret"}"#,
                "invalid type: string, expected an array as items",
            ),
            (
                r#"{"items":["secret"]}"#,
                "items[0]: invalid type: string, expected an object",
            ),
            (
                r#"{"items":[["software:a","b"]]}"#,
                "items[0]: invalid type: sequence, expected an object",
            ),
            (
                r#"{"items":[{}]}"#,
                "items[0]: handle_id or scope: is missing",
            ),
            (
                r#"{"items":[{"scope":"platform"}]}"#,
                "items[0]: digest: is missing",
            ),
            (
                r#"{"items":[{"scope":"platform","handle_id":"software:x"}]}"#,
                "items[0]: scope: excludes handle_id",
            ),
            (
                r#"{"items":[{"scope":"platform","x":1}]}"#,
                "items[0]: x: is not a field of this object",
            ),
            (
                r#"{"items":[{"handle_id":"vault:x"}]}"#,
                "items[0]: handle_id: must be \"<provider>:<rest>\", as in \"software:platform|k1\", \
                 with a known provider and a rest of 1 to 512 ASCII letters, digits and \"._~:/|@+=,-\"",
            ),
        ] {
            assert_eq!(detail::<BatchRequest>(body), expected, "{body}");
        }
    }

    #[test]
    fn a_batch_holds_at_most_1024_items() {
        let item = format!(r#"{{"scope":"platform","digest":"{}=="}}"#, "A".repeat(86));
        let batch = |count| format!(r#"{{"items":[{}]}}"#, vec![item.as_str(); count].join(","));
        assert_eq!(
            read::<BatchRequest>(&batch(1024)).unwrap().items.len(),
            1024
        );
        assert_eq!(
            detail::<BatchRequest>(&batch(1025)),
            "items: must be at most 1024"
        );
    }

    #[test]
    fn deep_json_is_refused_where_it_starts() {
        let deep = format!(r#"{{"digest":{}"#, "[".repeat(100_000));
        assert_eq!(
            detail::<SignRequest>(&deep),
            "digest: invalid type: sequence, expected a string"
        );
    }

    #[test]
    fn only_plain_utf_8_json_is_json() {
        for declared in [
            "application/json",
            "Application/JSON ; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(is_json(declared), "{declared}");
        }
        for declared in [
            "",
            "text/json",
            "application/jsonx",
            "application/problem+json",
            "application/json;charset=utf-16",
        ] {
            assert!(!is_json(declared), "{declared}");
        }
    }
}
