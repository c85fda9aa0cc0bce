//! A certificate that no authority has signed.

use std::fmt;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A throw-away certificate for 127.0.0.1 and localhost, signed by itself. A client that is told to
/// trust it can connect, and every other one refuses.
pub struct Certificate {
    made: CertifiedKey<rcgen::KeyPair>,
}

impl Certificate {
    /// Makes one.
    pub fn new() -> Self {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        Self {
            made: generate_simple_self_signed(names).unwrap(),
        }
    }

    /// The certificate in PEM, as clients take it for a root to trust.
    pub fn pem(&self) -> String {
        self.made.cert.pem()
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let key = PrivatePkcs8KeyDer::from(self.made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![self.made.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}
