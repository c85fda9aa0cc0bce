//! The key provider of Google Cloud KMS: keys in a key ring of a Google Cloud project.
//!
//! Private keys are made inside the service and never leave it. Each pair is a crypto key of its own,
//! named by what it is for, and of that key the version that the handle names. A name is used once:
//! crypto keys cannot be renamed, and a second one of a name is refused, so that a lost answer never
//! leads to a second pair.
//!
//! # What is believed of the service
//!
//! Bytes may be damaged on the way, so a signature counts only with the checksums of both directions
//! and the name of the very version that was asked. The service knows states but no reasons: a version that
//! cannot be used is looked at before it is called retired. Disabling takes effect within minutes and not
//! at once, which is why the registry refuses a retired key before this provider is asked.
//!
//! # Tombstones
//!
//! Retiring disables the version. It can be enabled again by whoever administers the key ring; the
//! registry still refuses it then.

mod face;
#[cfg(feature = "sdk")]
mod module;
#[cfg(feature = "sdk")]
mod sdk;

#[cfg(feature = "sdk")]
pub use self::module::MODULE;
#[cfg(feature = "sdk")]
pub use self::sdk::{
    GcpEndpoint, GcpKeyPrefix, GcpKeyRing, GcpKmsProvider, GcpProtectionLevel, GcpSettings,
    ParseGcpEndpointError, ParseGcpKeyPrefixError, ParseGcpKeyRingError,
    ParseGcpProtectionLevelError,
};

/// What stands for the provider, which this binary does not hold.
#[cfg(not(feature = "sdk"))]
pub const MODULE: &dyn signer_module::ProviderModule = &signer_module::LeftOut(&face::FACE);
