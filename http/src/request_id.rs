//! What ties an answer, its log lines and the caller's own records together.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_http::header::{HeaderMap, HeaderValue};
use uuid::{Builder, Uuid};

const HEADER: &str = "x-request-id";
/// The most characters an id has.
pub(crate) const MAX_LEN: usize = 128;

/// The id of one request: 1 to 128 ASCII letters, digits and `._-`.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's id when there is exactly one and it is well formed, else a fresh one.
    pub(crate) fn of(headers: &HeaderMap, fresh: &FreshIds) -> Self {
        let mut given = headers.get_all(HEADER);
        match (given.next(), given.next()) {
            (Some(id), None) if is_well_formed(id.as_bytes()) => Self(id.clone()),
            _ => fresh.next(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

fn is_well_formed(id: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=MAX_LEN).contains(&id.len()) && id.iter().all(is_allowed)
}

/// Makes fresh ids, one source a worker. They are UUIDs of version 7, unique but not secret, so a
/// counter put through a mixing function serves: asking the kernel for each costs a system call.
#[derive(Debug)]
pub(crate) struct FreshIds {
    counter: Cell<u64>,
}

impl FreshIds {
    /// Starts at a random place.
    pub(crate) fn new() -> Self {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        Self {
            counter: Cell::new(high ^ low.rotate_left(32)),
        }
    }

    /// An id that nobody has had yet.
    pub(crate) fn next(&self) -> RequestId {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or_default();
        let mut random = [0; 10];
        let (head, tail) = random.split_at_mut(8);
        head.copy_from_slice(&self.next_u64().to_le_bytes());
        tail.copy_from_slice(self.next_u64().to_le_bytes().split_at(2).0);
        let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut text = Uuid::encode_buffer();
        let text = id.hyphenated().encode_lower(&mut text);
        // A UUID is always a valid header value.
        RequestId(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown")))
    }

    /// `SplitMix64`: a full-period counter, each value mixed.
    fn next_u64(&self) -> u64 {
        let count = self.counter.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.counter.set(count);
        let mixed = (count ^ (count >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use actix_http::header::HeaderName;

    use super::*;

    fn id_for(values: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(HeaderName::from_static(HEADER), value);
        }
        RequestId::of(&headers, &FreshIds::new())
            .as_str()
            .to_owned()
    }

    #[test]
    fn a_well_formed_id_of_the_caller_is_kept() {
        let longest = "x".repeat(128);
        for id in ["a", "A.b_c-9", longest.as_str()] {
            assert_eq!(id_for(&[id.as_bytes()]), id);
        }
    }

    #[test]
    fn any_other_id_is_replaced() {
        let too_long = "x".repeat(129);
        for id in ["", "a b", "a/b", "a\"", too_long.as_str()] {
            assert_eq!(id_for(&[id.as_bytes()]).len(), 36, "{id:?}");
        }
        assert_eq!(id_for(&[b"\xff"]).len(), 36);
        assert_eq!(id_for(&[b"a", b"b"]).len(), 36);
        assert_eq!(id_for(&[]).len(), 36);
    }

    #[test]
    fn fresh_ids_are_unique_uuids_of_version_7() {
        let source = FreshIds::new();
        let ids: HashSet<_> = (0..10_000)
            .map(|_| source.next().as_str().to_owned())
            .collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 7);
        }
    }
}
