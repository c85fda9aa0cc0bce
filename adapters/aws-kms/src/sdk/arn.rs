//! The names that AWS gives to keys.

use signer_domain::HandleId;

use signer_domain::ports::KeyProviderError;

use crate::face::FACE;

/// The ARN of one key: `arn:<partition>:kms:<region>:<account>:key/<id>`. Never that of an alias, which
/// could be pointed at another key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyArn {
    text: String,
    /// How long the part before `key/` is.
    home: usize,
}

impl KeyArn {
    /// Reads an ARN; `None` when it is not that of a key.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (home, id) = text.rsplit_once(":key/")?;
        let mut parts = home.split(':');
        let is_of_kms = parts.next() == Some("arn")
            && parts.next().is_some_and(is_word)
            && parts.next() == Some("kms")
            && parts.next().is_some_and(is_word)
            && parts.next().is_some_and(is_account)
            && parts.next().is_none();
        (is_of_kms && is_word(id)).then(|| Self {
            text: text.to_owned(),
            home: home.len(),
        })
    }

    /// The whole ARN.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Partition, region and account as they stand in it.
    pub(super) fn home(&self) -> &str {
        self.text.get(..self.home).unwrap_or_default()
    }

    /// The region.
    pub(super) fn region(&self) -> &str {
        self.text.split(':').nth(3).unwrap_or_default()
    }

    /// The id of the key, which other answers give without the rest.
    pub(super) fn id(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The handle of the key.
    pub(super) fn handle(&self) -> Result<HandleId, KeyProviderError> {
        HandleId::from_parts(FACE.name, &self.text).map_err(|cause| {
            KeyProviderError::Misconfigured {
                context: "reading the ARN of a key",
                source: Some(cause.into()),
            }
        })
    }
}

fn is_word(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.bytes().all(legal)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str =
        "arn:aws:kms:eu-central-1:123456789012:key/0d1e2f3a-4b5c-6d7e-8f90-a1b2c3d4e5f6";

    #[test]
    fn reads_the_arn_of_a_key() {
        let arn = KeyArn::parse(ARN).unwrap();
        assert_eq!(arn.as_str(), ARN);
        assert_eq!(arn.home(), "arn:aws:kms:eu-central-1:123456789012");
        assert_eq!(arn.region(), "eu-central-1");
        assert_eq!(arn.id(), "0d1e2f3a-4b5c-6d7e-8f90-a1b2c3d4e5f6");
        assert_eq!(arn.handle().unwrap().as_str(), format!("aws-kms:{ARN}"));
        for other in [
            "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-0d1e2f3a",
            "arn:aws-cn:kms:cn-north-1:123456789012:key/x",
        ] {
            assert!(KeyArn::parse(other).is_some(), "{other}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "0d1e2f3a-4b5c-6d7e-8f90-a1b2c3d4e5f6",
            "arn:aws:kms:eu-central-1:123456789012:alias/k",
            "arn:aws:kms:eu-central-1:123456789012:key/",
            "arn:aws:kms:eu-central-1:123456789012:key/a/b",
            "arn:aws:kms:eu-central-1:123456789012:key/a:key/b",
            "arn:aws:kms:eu-central-1:12345678901:key/a",
            "arn:aws:kms::123456789012:key/a",
            "arn:aws:s3:eu-central-1:123456789012:key/a",
            "arn:aws:kms:eu-central-1:123456789012:x:key/a",
            "aws:kms:eu-central-1:123456789012:key/a",
            "arn:aws:kms:eu-central-1:123456789012:key/a|b",
        ] {
            assert_eq!(KeyArn::parse(text), None, "{text}");
        }
    }
}
