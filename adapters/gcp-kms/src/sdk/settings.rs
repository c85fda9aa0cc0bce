//! What the operator says about a key ring and the way there.

use std::net::IpAddr;
use std::str::FromStr;

use signer_cloud::CloudLimits;

use super::key_ring::{GcpKeyPrefix, GcpKeyRing};

/// What the operator says about a key ring and the way there.
#[derive(Debug, Clone)]
pub struct GcpSettings {
    /// Where the keys are.
    pub key_ring: GcpKeyRing,
    /// What opens the id of every crypto key.
    pub key_prefix: GcpKeyPrefix,
    /// Where new keys are made and used.
    pub protection_level: GcpProtectionLevel,
    /// Where the service is.
    pub endpoint: GcpEndpoint,
    /// How much of the service may be used.
    pub limits: CloudLimits,
}

/// What performs the cryptography of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GcpProtectionLevel {
    /// A hardware security module.
    Hsm,
    /// Software of the service.
    Software,
}

impl GcpProtectionLevel {
    /// The word that stands for the level on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hsm => "hsm",
            Self::Software => "software",
        }
    }
}

impl FromStr for GcpProtectionLevel {
    type Err = ParseGcpProtectionLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut levels = [Self::Hsm, Self::Software].into_iter();
        let level = levels.find(|level| level.as_str() == text);
        level.ok_or(ParseGcpProtectionLevelError)
    }
}

/// The text is not a protection level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be hsm or software")]
pub struct ParseGcpProtectionLevelError;

/// Where the service is, and whether it asks who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcpEndpoint {
    /// `None` is Google's own.
    url: Option<String>,
    is_emulator: bool,
}

impl GcpEndpoint {
    /// Google's own endpoint for the whole world.
    pub const fn of_google() -> Self {
        Self {
            url: None,
            is_emulator: false,
        }
    }

    /// The address that was given.
    pub(super) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Whether this is a stand-in on this machine that is called without credentials. They would be
    /// readable on the way.
    pub(super) const fn is_emulator(&self) -> bool {
        self.is_emulator
    }
}

impl FromStr for GcpEndpoint {
    type Err = ParseGcpEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(ParseGcpEndpointError::NoUrl)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let host = host_in(authority).ok_or(ParseGcpEndpointError::NoUrl)?;
        let is_emulator = match scheme {
            "https" => false,
            "http" if is_loopback(host) => true,
            "http" => return Err(ParseGcpEndpointError::Readable),
            _ => return Err(ParseGcpEndpointError::NoUrl),
        };
        Ok(Self {
            url: Some(format!("{scheme}://{authority}")),
            is_emulator,
        })
    }
}

/// The text is not where the service could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseGcpEndpointError {
    /// It is no URL, or one with a path, a query or a user.
    #[error("must be a URL without a path, such as https://cloudkms.googleapis.com")]
    NoUrl,
    /// What is said to another machine could be read on the way.
    #[error(
        "must open with https://: plain http is only for an emulator on this machine, such as \
         http://127.0.0.1:9010"
    )]
    Readable,
}

/// The host in `host`, `host:port` or `[address]:port`.
fn host_in(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            match behind.strip_prefix(':') {
                Some(port) => (address, Some(port)),
                None if behind.is_empty() => (address, None),
                None => return None,
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (is_name(host).then_some(host)?, Some(port)),
            None => (is_name(authority).then_some(authority)?, None),
        },
    };
    let is_port = |port: &str| port.parse().is_ok_and(|port: u16| port > 0);
    port.is_none_or(is_port).then_some(host)
}

fn is_name(host: &str) -> bool {
    let is_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    !host.is_empty() && host.bytes().all(is_byte)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_is_on_this_machine_and_everything_else_speaks_tls() {
        for (text, is_emulator) in [
            ("https://cloudkms.googleapis.com", false),
            ("https://kms.example.internal:8443/", false),
            ("https://127.0.0.1:9010", false),
            ("http://127.0.0.1:9010", true),
            ("http://localhost", true),
            ("http://[::1]:9010", true),
        ] {
            let endpoint: GcpEndpoint = text.parse().unwrap();
            assert_eq!(endpoint.is_emulator(), is_emulator, "{text}");
            assert_eq!(endpoint.url(), Some(text.trim_end_matches('/')));
        }
        for text in [
            "http://cloudkms.googleapis.com",
            "http://10.0.0.1:9010",
            "http://localhost.example.com",
        ] {
            let refusal = text.parse::<GcpEndpoint>().unwrap_err();
            assert_eq!(refusal, ParseGcpEndpointError::Readable, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_address_of_a_service() {
        for text in [
            "",
            "cloudkms.googleapis.com",
            "ftp://localhost",
            "https://",
            "https://user@host",
            "https://host/v1",
            "https://host?x",
            "https://host:0",
            "https://host:65536",
            "https://[::1",
            "https://[::1]9010",
            "https://ho st",
        ] {
            let refusal = text.parse::<GcpEndpoint>().unwrap_err();
            assert_eq!(refusal, ParseGcpEndpointError::NoUrl, "{text}");
        }
    }

    #[test]
    fn the_levels_read_back() {
        for level in [GcpProtectionLevel::Hsm, GcpProtectionLevel::Software] {
            assert_eq!(level.as_str().parse(), Ok(level));
        }
        "HSM".parse::<GcpProtectionLevel>().unwrap_err();
    }
}
