//! What digests, signatures and public keys have in common: a fixed length and one text form.

/// The text or the slice does not hold exactly the bytes that are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseBytesError {
    /// The text is not standard base64 with padding (RFC 4648 §4).
    #[error("must be standard base64 with padding")]
    NotBase64,
    /// The value has another length than the type requires, in bytes.
    #[error("must be exactly {expected} bytes, not {actual}")]
    Length {
        /// The length the type requires.
        expected: usize,
        /// The length that was found.
        actual: usize,
    },
}

/// Gives a `[u8; N]` newtype its constructors, its base64 form and its serde form.
macro_rules! fixed_bytes {
    ($name:ident, $len:literal) => {
        impl $name {
            /// The length in bytes.
            pub const LEN: usize = $len;

            /// Wraps the bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Takes the bytes out of a slice.
            ///
            /// # Errors
            /// When the slice is not exactly [`Self::LEN`] bytes long.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, $crate::ParseBytesError> {
                match bytes.try_into() {
                    Ok(bytes) => Ok(Self(bytes)),
                    Err(_) => Err($crate::ParseBytesError::Length {
                        expected: $len,
                        actual: bytes.len(),
                    }),
                }
            }

            /// Reads standard base64 with padding (RFC 4648 §4).
            ///
            /// # Errors
            /// When the text is not canonical base64, or does not hold exactly [`Self::LEN`] bytes.
            pub fn from_base64(text: &str) -> Result<Self, $crate::ParseBytesError> {
                use base64::Engine as _;
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .map_err(|_unspecific| $crate::ParseBytesError::NotBase64)?;
                Self::from_slice(&bytes)
            }

            /// The bytes as standard base64 with padding (RFC 4648 §4).
            pub fn to_base64(&self) -> String {
                use base64::Engine as _;
                base64::engine::general_purpose::STANDARD.encode(self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name))
                    .field(&self.to_base64())
                    .finish()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ParseBytesError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::from_base64(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_base64()
            }
        }
    };
}

pub(crate) use fixed_bytes;
