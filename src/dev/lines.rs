//! The lines that `serve --dev` prints: from nothing to a signature that openssl accepts.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use signer_domain::ports::{Custody, CustodyError, KeyQuery};
use signer_domain::{Deadline, Scope};
use tracing::warn;

use crate::output;

/// Keys that are read at once.
const PAGE: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// How long reading them may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The name of a first key.
const FIRST: &str = "k1";

/// Prints the lines once they work: when the custodian is ready.
pub(crate) async fn show_lines_to_try(socket: PathBuf, custody: Arc<dyn Custody>) {
    while !custody.readiness().await.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let key_id = key_to_try(&*custody).await.unwrap_or_else(|cause| {
        warn!(%cause, "keys not listed; the lines to try may not work");
        FIRST.to_owned()
    });
    // A thread of its own: whoever reads standard output may take for ever.
    let show = move || {
        if let Err(failure) = output::write(lines_to_try(&socket, &key_id)) {
            warn!(cause = %failure, "lines to try not shown");
        }
    };
    if let Err(cause) = thread::Builder::new().name("dev".to_owned()).spawn(show) {
        warn!(%cause, "lines to try not shown");
    }
}

/// The key that the lines are about: the current one of the platform, else the first of `k1`, `k2`, ...
/// that is free. A key that was retired would only refuse to sign.
async fn key_to_try(custody: &dyn Custody) -> Result<String, CustodyError> {
    let mut query = KeyQuery {
        scope: Some(Scope::Platform),
        state: None,
        limit: PAGE,
        after: None,
    };
    let mut taken = HashSet::new();
    loop {
        let page = custody
            .keys(query.clone(), Deadline::after(PATIENCE))
            .await?;
        for shown in page.keys {
            let name = shown.key.key_id.to_string();
            if shown.key.current {
                return Ok(name);
            }
            taken.insert(name);
        }
        if page.next.is_none() {
            break;
        }
        query.after = page.next;
    }
    let mut names = (1_u64..).map(|number| format!("k{number}"));
    let free = names.find(|name| !taken.contains(name));
    Ok(free.unwrap_or_else(|| FIRST.to_owned()))
}

/// Commands for a shell in the same directory; they work as they stand, again and again.
fn lines_to_try(socket: &Path, key_id: &str) -> String {
    let curl = format!("curl -sS --unix-socket {}", socket.display());
    let key = format!("http://localhost/v1/keys/software%3Aplatform%7C{key_id}");
    format!(
        r#"# plexsphere-signer serves here, for development only. In another terminal, from this directory:

# Generate the key "{key_id}" of the platform; asking again shows the same key.
{curl} -H 'Content-Type: application/json' -d '{{"scope":"platform","key_id":"{key_id}"}}' http://localhost/v1/keys; echo

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
