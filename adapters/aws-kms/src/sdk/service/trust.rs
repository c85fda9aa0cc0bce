//! Whose certificates are trusted.

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;

/// The certificates that the machine trusts now. Left to itself, the SDK reads them once in a process; of
/// those that it is given it demands that each can be used.
pub(super) fn of_the_machine() -> TlsContext {
    let found = rustls_native_certs::load_native_certs();
    for cause in &found.errors {
        tracing::debug!(%cause, "certificates of the machine not read");
    }
    let mut usable = RootCertStore::empty();
    let mut trusted = TrustStore::empty();
    for certificate in found.certs {
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(&certificate)
        );
        if usable.add(certificate).is_ok() {
            trusted.add_pem_certificate(pem);
        }
    }
    let context = TlsContext::builder().with_trust_store(trusted).build();
    // Nothing that is asked for here can be refused.
    context.unwrap_or_default()
}
