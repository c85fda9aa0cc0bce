//! How AWS KMS is used.

use std::str::FromStr;

use signer_cloud::CloudLimits;

/// Where the keys are, and how they are treated.
#[derive(Debug, Clone)]
pub struct AwsKmsSettings {
    /// The region of the keys.
    pub region: Region,
    /// Where to call instead of the region's own endpoint: a VPC endpoint, or a server for tests.
    pub endpoint: Option<Endpoint>,
    /// The profile of the AWS configuration files whose credentials are used.
    pub profile: Option<String>,
    /// What opens the alias of every key.
    pub alias_prefix: AliasPrefix,
    /// Whether a retired key is also scheduled for deletion, and how long it can still be saved.
    pub deletion: Option<DeletionWindow>,
    /// How much of the account's quota is used.
    pub limits: CloudLimits,
}

/// A region such as `eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region(String);

/// Why a region cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of an AWS region, such as eu-central-1")]
pub struct ParseRegionError;

impl Region {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = ParseRegionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=63).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-');
        if fits && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseRegionError)
        }
    }
}

/// The URL of a server that speaks as AWS KMS does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

/// Why an endpoint cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a URL such as https://vpce-0a1b.kms.eu-central-1.vpce.amazonaws.com, without user or query"
)]
pub struct ParseEndpointError;

impl Endpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(ParseEndpointError)?;
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        let legal = |byte: u8| byte.is_ascii_graphic() && !b"@?#\\\"<>".contains(&byte);
        // An IPv6 address opens with a bracket, and its first part is then only that.
        if host.is_empty() || !rest.bytes().all(legal) {
            return Err(ParseEndpointError);
        }
        Ok(Self(text.to_owned()))
    }
}

/// What opens the alias of every key, between `alias/` and the key's own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasPrefix(String);

/// Why a prefix cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to 200 ASCII letters, digits and the characters _ - /, with no slash at either end \
     or beside another, and not aws"
)]
pub struct ParseAliasPrefixError;

/// AWS allows 256 characters for the whole alias, of which 49 are not the prefix.
const LONGEST_PREFIX: usize = 200;

impl AliasPrefix {
    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AliasPrefix {
    type Err = ParseAliasPrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(legal);
        let mut words = text.split('/');
        // What opens with `alias/aws/` is for keys that AWS manages.
        let is_theirs = text.split('/').next() == Some("aws");
        if text.len() <= LONGEST_PREFIX && words.all(is_word) && !is_theirs {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseAliasPrefixError)
        }
    }
}

/// How many days a key that is scheduled for deletion can still be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionWindow(i32);

/// Why a number of days cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of days from 7 to 30")]
pub struct ParseDeletionWindowError;

impl DeletionWindow {
    /// The shortest that AWS allows.
    pub(super) const SHORTEST: Self = Self(7);

    /// The number of days.
    pub const fn days(self) -> i32 {
        self.0
    }
}

impl FromStr for DeletionWindow {
    type Err = ParseDeletionWindowError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = text.parse().ok().filter(|days| (7..=30).contains(days));
        days.map(Self).ok_or(ParseDeletionWindowError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_a_part_of_a_host_name() {
        for good in ["eu-central-1", "us-gov-west-1", "x"] {
            assert_eq!(good.parse::<Region>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "EU-CENTRAL-1",
            "eu_central_1",
            "eu.example.com",
            "-x",
            "x-",
            "a/b",
        ] {
            assert_eq!(bad.parse::<Region>(), Err(ParseRegionError), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_a_url_without_a_user() {
        for good in [
            "http://127.0.0.1:4567",
            "https://kms.example.com",
            "https://kms.example.com/path",
            "http://[::1]:4567",
        ] {
            assert_eq!(good.parse::<Endpoint>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "127.0.0.1:4567",
            "ftp://kms.example.com",
            "https://",
            "https:///path",
            "https://:443",
            "https://user:pass@kms.example.com",
            "https://kms.example.com?x",
            "https://kms example.com",
        ] {
            assert_eq!(bad.parse::<Endpoint>(), Err(ParseEndpointError), "{bad}");
        }
    }

    #[test]
    fn a_prefix_gives_legal_aliases_that_aws_leaves_to_us() {
        let longest = "x".repeat(200);
        for good in ["plexsphere-signer", "a/b_c/D-9", "awsome", longest.as_str()] {
            assert_eq!(good.parse::<AliasPrefix>().unwrap().as_str(), good);
        }
        let too_long = "x".repeat(201);
        for bad in [
            "", "/", "a/", "/a", "a//b", "a b", "a:b", "aws", "aws/x", &too_long,
        ] {
            let refused = bad.parse::<AliasPrefix>();
            assert_eq!(refused, Err(ParseAliasPrefixError), "{bad}");
        }
    }

    #[test]
    fn a_deleted_key_can_be_saved_watched_by_aws_allows() {
        for (text, days) in [("7", Some(7)), ("30", Some(30)), ("6", None), ("31", None)] {
            let parsed = text.parse::<DeletionWindow>().ok();
            assert_eq!(parsed.map(DeletionWindow::days), days, "{text}");
        }
        assert_eq!(
            "soon".parse::<DeletionWindow>(),
            Err(ParseDeletionWindowError)
        );
    }
}
