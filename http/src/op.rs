//! The operations, by the names that metrics and logs use.

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Generate,
    List,
    Show,
    PublicKey,
    Sign,
    SignScope,
    SignBatch,
    Retire,
    Block,
    Unblock,
    ReleaseQuarantine,
    RotationOpen,
    RotationShow,
    RotationClose,
    Jwks,
    Livez,
    Readyz,
    Metrics,
    OpenApi,
    /// The request names no call.
    Unknown,
}

impl Op {
    pub(crate) const ALL: [Self; 20] = [
        Self::Generate,
        Self::List,
        Self::Show,
        Self::PublicKey,
        Self::Sign,
        Self::SignScope,
        Self::SignBatch,
        Self::Retire,
        Self::Block,
        Self::Unblock,
        Self::ReleaseQuarantine,
        Self::RotationOpen,
        Self::RotationShow,
        Self::RotationClose,
        Self::Jwks,
        Self::Livez,
        Self::Readyz,
        Self::Metrics,
        Self::OpenApi,
        Self::Unknown,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::List => "list",
            Self::Show => "show",
            Self::PublicKey => "public_key",
            Self::Sign => "sign",
            Self::SignScope => "sign_scope",
            Self::SignBatch => "sign_batch",
            Self::Retire => "retire",
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::ReleaseQuarantine => "release_quarantine",
            Self::RotationOpen => "rotation_open",
            Self::RotationShow => "rotation_show",
            Self::RotationClose => "rotation_close",
            Self::Jwks => "jwks",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
            Self::Metrics => "metrics",
            Self::OpenApi => "openapi",
            Self::Unknown => "unknown",
        }
    }
}
