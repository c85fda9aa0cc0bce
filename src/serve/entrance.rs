//! Where requests come in, and in which order that place and the registry are taken.

use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use signer_http::socket::{BindSocketError, BoundSocket, SocketSettings};

use crate::config::{Config, Installation};
use crate::failure::Failure;
use crate::place::{directory_of, is_writable};
use crate::wiring::{OpenRegistry, RegistryPlace};

/// Where requests come in.
#[derive(Debug)]
pub(super) struct Entrance {
    pub(super) socket: BoundSocket,
    pub(super) health: Option<TcpListener>,
}

/// Takes every place that a custodian needs for itself.
///
/// Whatever stands already is judged first and what has to be made is made last, so that a refusal
/// leaves nothing behind. A registry that is there is opened before the socket stands, so that nobody
/// is let in only to be dropped. The choice of the order settles only that: each place is guarded by
/// a lock of its own.
///
/// # Errors
/// When another process has one of them, or when it cannot be relied on.
pub(super) async fn take_places(
    config: &Config,
    registry: &RegistryPlace,
) -> Result<(OpenRegistry, Entrance), Failure> {
    let health = listen_for_probes(config)?;
    if registry.is_to_be_made() || !is_free(&config.socket.value) {
        let socket = bind(config)?;
        let registry = registry.open().await?;
        return Ok((registry, Entrance { socket, health }));
    }
    let registry = registry.open().await?;
    match bind(config) {
        Ok(socket) => Ok((registry, Entrance { socket, health })),
        Err(refusal) => {
            // How that went matters less than the refusal; nothing has been written.
            drop(registry.close().await);
            Err(refusal)
        }
    }
}

fn listen_for_probes(config: &Config) -> Result<Option<TcpListener>, Failure> {
    let health = config.health_listen.as_ref().map(|address| {
        TcpListener::bind(address.value).map_err(|cause| {
            let problem = format!("cannot be listened on ({cause}); choose another address");
            address.source.refuse(address.value, problem)
        })
    });
    Ok(health.transpose()?)
}

fn bind(config: &Config) -> Result<BoundSocket, Failure> {
    let settings = SocketSettings {
        path: config.socket.value.clone(),
        mode: config.socket_mode,
    };
    BoundSocket::bind(settings).map_err(|refusal| explain(config, refusal))
}

/// The development set-up has one place for its socket, so another path is no cure.
fn explain(config: &Config, refusal: BindSocketError) -> Failure {
    let is_taken = matches!(
        refusal,
        BindSocketError::Live { .. } | BindSocketError::Locked { .. }
    );
    match config.installation {
        Installation::Development if is_taken => Failure::usage(
            "--dev: another custodian serves in this directory already; use that one, stop it, or \
             start in another directory",
        ),
        Installation::Development | Installation::Configured => {
            config.socket.source.explain(refusal).into()
        }
    }
}

/// Whether a socket can be put at `path`, as far as can be told without touching anything: nothing
/// stands there, or a socket at which nobody listens.
fn is_free(path: &Path) -> bool {
    let is_vacant = match path.symlink_metadata() {
        Ok(found) => found.file_type().is_socket() && is_dead(path),
        Err(_nothing_seen) => true,
    };
    is_vacant && is_writable(directory_of(path))
}

/// Whether nobody listens on the socket at `path`. Never waits, not even for a full backlog.
fn is_dead(path: &Path) -> bool {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let knock = || {
        let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&probe, &SocketAddrUnix::new(path)?)
    };
    knock() == Err(Errno::CONNREFUSED)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_place_is_free_when_it_is_empty_or_its_socket_is_dead() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("signer.sock");
        assert!(is_free(&path));
        let listener = UnixListener::bind(&path).unwrap();
        assert!(!is_free(&path));
        drop(listener);
        assert!(is_free(&path));
    }

    #[test]
    fn a_place_is_not_free_without_a_directory_or_with_a_file_in_it() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(!is_free(&file));
        assert!(!is_free(&file.join("signer.sock")));
        assert!(!is_free(&place.path().join("none/signer.sock")));
    }
}
