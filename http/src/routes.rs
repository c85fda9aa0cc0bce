//! Which call a request names.
//!
//! The path is matched as it came, segment by segment, before anything in it is decoded: no encoding
//! of a handle, be it `%2f`, `%00` or `..`, can lead to another call.

use actix_http::Method;

use crate::op::Op;

/// A call, with the path segments that it takes, still percent-encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call<'p> {
    Generate,
    List,
    Show(&'p str),
    PublicKey(&'p str),
    Sign(&'p str),
    Retire(&'p str),
    Block(&'p str),
    Unblock(&'p str),
    ReleaseQuarantine(&'p str),
    SignScope(&'p str),
    RotationOpen(&'p str),
    RotationShow(&'p str),
    RotationClose(&'p str),
    Jwks(&'p str),
    Batch,
    Livez,
    Readyz,
    Metrics,
    OpenApi,
}

/// Why a request names no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCall {
    /// There is nothing at this path.
    UnknownPath,
    /// There is, but with other methods.
    OtherMethod {
        allow: &'static str,
        /// Whether the health listener serves those.
        is_health: bool,
    },
}

impl<'p> Call<'p> {
    /// Finds the call. `HEAD` is answered as `GET` is, less the body.
    pub(crate) fn find(method: &Method, path: &'p str) -> Result<Self, NoCall> {
        let resource = Resource::find(path).ok_or(NoCall::UnknownPath)?;
        let call = match *method {
            Method::GET | Method::HEAD => resource.get,
            Method::POST => resource.post,
            _ => None,
        };
        call.ok_or_else(|| NoCall::OtherMethod {
            allow: resource.allow(),
            is_health: resource.get.is_some_and(|call| call.is_health()),
        })
    }

    /// Whether anyone may ask this.
    pub(crate) const fn is_probe(&self) -> bool {
        matches!(self, Self::Livez | Self::Readyz)
    }

    /// Whether the health listener serves this.
    pub(crate) const fn is_health(&self) -> bool {
        matches!(self, Self::Livez | Self::Readyz | Self::Metrics)
    }

    pub(crate) const fn op(&self) -> Op {
        match self {
            Self::Generate => Op::Generate,
            Self::List => Op::List,
            Self::Show(_) => Op::Show,
            Self::PublicKey(_) => Op::PublicKey,
            Self::Sign(_) => Op::Sign,
            Self::Retire(_) => Op::Retire,
            Self::Block(_) => Op::Block,
            Self::Unblock(_) => Op::Unblock,
            Self::ReleaseQuarantine(_) => Op::ReleaseQuarantine,
            Self::SignScope(_) => Op::SignScope,
            Self::RotationOpen(_) => Op::RotationOpen,
            Self::RotationShow(_) => Op::RotationShow,
            Self::RotationClose(_) => Op::RotationClose,
            Self::Jwks(_) => Op::Jwks,
            Self::Batch => Op::SignBatch,
            Self::Livez => Op::Livez,
            Self::Readyz => Op::Readyz,
            Self::Metrics => Op::Metrics,
            Self::OpenApi => Op::OpenApi,
        }
    }
}

/// What stands at a path: at most one call a method.
#[derive(Default)]
struct Resource<'p> {
    get: Option<Call<'p>>,
    post: Option<Call<'p>>,
}

impl<'p> Resource<'p> {
    fn find(path: &'p str) -> Option<Self> {
        let mut segments = path.strip_prefix('/')?.split('/');
        let mut next = || segments.next();
        match (next(), next(), next(), next(), next(), next()) {
            (Some("livez"), None, ..) => Some(Self::get(Call::Livez)),
            (Some("readyz"), None, ..) => Some(Self::get(Call::Readyz)),
            (Some("metrics"), None, ..) => Some(Self::get(Call::Metrics)),
            (Some("openapi.json"), None, ..) => Some(Self::get(Call::OpenApi)),
            (Some("v1"), Some("sign"), None, ..) => Some(Self::post(Call::Batch)),
            (Some("v1"), Some("keys"), None, ..) => Some(Self {
                get: Some(Call::List),
                post: Some(Call::Generate),
            }),
            (Some("v1"), Some("keys" | "scopes"), Some(""), ..) => None,
            (Some("v1"), Some("keys"), Some(handle), None, ..) => {
                Some(Self::get(Call::Show(handle)))
            }
            (Some("v1"), Some("keys"), Some(handle), Some(action), None, _) => match action {
                "public-key" => Some(Self::get(Call::PublicKey(handle))),
                "sign" => Some(Self::post(Call::Sign(handle))),
                "retire" => Some(Self::post(Call::Retire(handle))),
                "block" => Some(Self::post(Call::Block(handle))),
                "unblock" => Some(Self::post(Call::Unblock(handle))),
                "release-quarantine" => Some(Self::post(Call::ReleaseQuarantine(handle))),
                _ => None,
            },
            (Some("v1"), Some("scopes"), Some(scope), Some(thing), None, _) => match thing {
                "sign" => Some(Self::post(Call::SignScope(scope))),
                "rotations" => Some(Self::post(Call::RotationOpen(scope))),
                "jwks" => Some(Self::get(Call::Jwks(scope))),
                _ => None,
            },
            (Some("v1"), Some("scopes"), Some(scope), Some("rotations"), Some(thing), None) => {
                match thing {
                    "current" => Some(Self::get(Call::RotationShow(scope))),
                    "close" => Some(Self::post(Call::RotationClose(scope))),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    const fn get(call: Call<'p>) -> Self {
        Self {
            get: Some(call),
            post: None,
        }
    }

    const fn post(call: Call<'p>) -> Self {
        Self {
            get: None,
            post: Some(call),
        }
    }

    const fn allow(&self) -> &'static str {
        match (self.get.is_some(), self.post.is_some()) {
            (true, true) => "GET, HEAD, POST",
            (true, false) => "GET, HEAD",
            (false, _) => "POST",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_call() {
        for (method, path, call) in [
            (Method::POST, "/v1/keys", Call::Generate),
            (Method::GET, "/v1/keys", Call::List),
            (Method::GET, "/v1/keys/h", Call::Show("h")),
            (Method::GET, "/v1/keys/h/public-key", Call::PublicKey("h")),
            (Method::POST, "/v1/keys/h/sign", Call::Sign("h")),
            (Method::POST, "/v1/keys/h/retire", Call::Retire("h")),
            (Method::POST, "/v1/keys/h/block", Call::Block("h")),
            (Method::POST, "/v1/keys/h/unblock", Call::Unblock("h")),
            (
                Method::POST,
                "/v1/keys/h/release-quarantine",
                Call::ReleaseQuarantine("h"),
            ),
            (Method::POST, "/v1/scopes/s/sign", Call::SignScope("s")),
            (
                Method::POST,
                "/v1/scopes/s/rotations",
                Call::RotationOpen("s"),
            ),
            (
                Method::GET,
                "/v1/scopes/s/rotations/current",
                Call::RotationShow("s"),
            ),
            (
                Method::POST,
                "/v1/scopes/s/rotations/close",
                Call::RotationClose("s"),
            ),
            (Method::GET, "/v1/scopes/s/jwks", Call::Jwks("s")),
            (Method::POST, "/v1/sign", Call::Batch),
            (Method::GET, "/livez", Call::Livez),
            (Method::HEAD, "/readyz", Call::Readyz),
            (Method::GET, "/metrics", Call::Metrics),
            (Method::GET, "/openapi.json", Call::OpenApi),
        ] {
            assert_eq!(Call::find(&method, path), Ok(call), "{method} {path}");
        }
    }

    #[test]
    fn no_encoding_leads_to_another_call() {
        for (path, segment) in [
            ("/v1/keys/..", ".."),
            ("/v1/keys/.", "."),
            ("/v1/keys/a%2fsign", "a%2fsign"),
            ("/v1/keys/%2e%2e%2fsign", "%2e%2e%2fsign"),
            ("/v1/keys/%00", "%00"),
        ] {
            assert_eq!(Call::find(&Method::GET, path), Ok(Call::Show(segment)));
        }
    }

    #[test]
    fn knows_no_other_paths() {
        for path in [
            "",
            "*",
            "/",
            "//livez",
            "/livez/",
            "/Livez",
            "/v1",
            "/v1/",
            "/v1/keys/",
            "/v1/keys//sign",
            "/v1/keys/h/",
            "/v1/keys/h/sign/",
            "/v1/keys/h/../sign",
            "/v1%2fkeys",
            "/v1/scopes/platform",
            "/v1/scopes//sign",
            "/v1/scopes//rotations/close",
            "/v1/scopes/s/rotations/",
            "/v1/scopes/s/rotations/k2",
            "/v1/scopes/s/rotations/current/x",
            "/v1/scopes/s/jwks/",
            "/v1/keys/s/jwks",
            "/v1/sign/x",
        ] {
            assert_eq!(
                Call::find(&Method::GET, path),
                Err(NoCall::UnknownPath),
                "{path}"
            );
        }
    }

    #[test]
    fn other_methods_are_told_which_ones_there_are() {
        for (path, allow, is_health) in [
            ("/v1/keys", "GET, HEAD, POST", false),
            ("/v1/keys/h", "GET, HEAD", false),
            ("/v1/keys/h/sign", "POST", false),
            ("/v1/scopes/s/rotations", "POST", false),
            ("/v1/scopes/s/rotations/current", "GET, HEAD", false),
            ("/v1/scopes/s/rotations/close", "POST", false),
            ("/v1/scopes/s/jwks", "GET, HEAD", false),
            ("/openapi.json", "GET, HEAD", false),
            ("/livez", "GET, HEAD", true),
            ("/readyz", "GET, HEAD", true),
            ("/metrics", "GET, HEAD", true),
        ] {
            let found = Call::find(&Method::DELETE, path);
            assert_eq!(found, Err(NoCall::OtherMethod { allow, is_health }));
        }
    }
}
