//! The lines that `serve --dev` prints: from nothing to a signature that openssl accepts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use signer_domain::ports::Custody;
use tracing::warn;

use crate::output;

/// Prints the lines once they work: when the custodian is ready.
pub(crate) async fn show_lines_to_try(socket: PathBuf, custody: Arc<dyn Custody>) {
    while !custody.readiness().await.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    if let Err(failure) = output::write(lines_to_try(&socket)) {
        warn!(cause = %failure, "lines to try not shown");
    }
}

/// Commands for a shell in the same directory; they work as they stand, again and again.
fn lines_to_try(socket: &Path) -> String {
    let curl = format!("curl -sS --unix-socket {}", socket.display());
    let key = "http://localhost/v1/keys/software%3Aplatform%7Ck1";
    format!(
        r#"# plexsphere-signer serves here, for development only. In another terminal, from this directory:

# Generate the key "k1" of the platform; asking again shows the same key.
{curl} -H 'Content-Type: application/json' -d '{{"scope":"platform","key_id":"k1"}}' http://localhost/v1/keys; echo

# Sign a file: only its SHA-512 digest travels.
echo 'sign me' > message.txt
openssl dgst -sha512 -binary -out digest.bin message.txt
{curl} -H 'Content-Type: application/json' -d "{{\"digest\":\"$(openssl base64 -A -in digest.bin)\"}}" {key}/sign | sed 's/.*"signature":"\([^"]*\)".*/\1/' | openssl base64 -d -A -out signature.bin

# Verify it with openssl: pure Ed25519 over the 64 bytes of the digest.
{curl} -H 'Accept: application/x-pem-file' -o public.pem {key}/public-key
openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in digest.bin -sigfile signature.bin
"#
    )
}
