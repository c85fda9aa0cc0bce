//! One custodian for one registry and all its copies, as far as one machine shows it.
//!
//! Nothing on a copy itself tells that the one it was made of is in use. So a custodian takes a name of
//! the kernel that is made of the registry's id, which a copy shares: an abstract socket, which stands in
//! no directory and goes with the process. Each network namespace has its own.

use std::io;
use std::os::fd::AsFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use signer_domain::{LockHolder, OverflowIds};
use tracing::warn;

/// How long the name is left alone when its socket cannot be served.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes the name of the registry with this id, for as long as this process lives.
///
/// # Errors
/// With the process of our own user that has it. One of another user does not count: anybody can take a
/// name.
pub(super) fn take_name_of(registry_id: &str) -> Result<(), LockHolder> {
    let name = format!("plexsphere-signer/registry/{registry_id}");
    match listen(&name) {
        Ok(listener) => {
            actix_rt::spawn(answer(listener));
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match holder(&name) {
            Ok(holder) if is_ours(holder) => return Err(holder),
            Ok(holder) => warn!("name of the registry taken by {holder}; it does not count"),
            Err(cause) => warn!(%cause, "name of the registry taken"),
        },
        Err(cause) => warn!(%cause, "copies of the registry that are in use are not seen"),
    }
    Ok(())
}

fn listen(name: &str) -> io::Result<tokio::net::UnixListener> {
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
}

/// Lets those go who ask who is there, so that the next can ask.
#[expect(
    clippy::infinite_loop,
    reason = "it goes on for as long as the process lives"
)]
async fn answer(listener: tokio::net::UnixListener) {
    loop {
        if listener.accept().await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The process that has the name.
fn holder(name: &str) -> io::Result<LockHolder> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(
        &socket,
        &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
    )?;
    let peer = socket_peercred(socket.as_fd())?;
    Ok(LockHolder::Process {
        pid: u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or_default(),
        uid: peer.uid.as_raw(),
    })
}

fn is_ours(holder: LockHolder) -> bool {
    match holder {
        LockHolder::Process { uid, .. } => {
            let user = rustix::process::geteuid().as_raw();
            OverflowIds::of_this_process().is_ours(uid, user)
        }
        LockHolder::Unknown => false,
    }
}
