//! Text in URLs.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is escaped: all but the unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Writes one segment of a path, or one value of a query, percent-encoded.
pub fn escaped(value: impl fmt::Display) -> String {
    utf8_percent_encode(&value.to_string(), RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stand_as_they_are() {
        assert_eq!(escaped("software:platform|k1"), "software%3Aplatform%7Ck1");
        assert_eq!(escaped("a/b+c?d&e=f%"), "a%2Fb%2Bc%3Fd%26e%3Df%25");
        assert_eq!(escaped("aZ09-._~"), "aZ09-._~");
    }
}
