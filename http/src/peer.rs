//! Who is at the other end of a connection, as the kernel tells it.

use std::any::Any;

use actix_http::Extensions;
use actix_web::rt::net::{TcpStream, UnixStream};

/// The process at the other end of the Unix socket, as it was when it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its effective user id.
    pub(crate) uid: u32,
    /// Its effective group id.
    pub(crate) gid: u32,
    /// Its process id, for the log only: it may be another process by now.
    pub(crate) pid: Option<i32>,
}

/// How a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ingress {
    /// Over the Unix socket, from this process.
    Socket(Peer),
    /// Over the TCP listener that serves probes and metrics only.
    Health,
    /// The kernel did not say from whom.
    Unidentified,
}

impl Ingress {
    /// Looks at a connection that was just accepted.
    fn of(connection: &dyn Any) -> Self {
        if connection.is::<TcpStream>() {
            return Self::Health;
        }
        let credentials = connection
            .downcast_ref::<UnixStream>()
            .and_then(|stream| stream.peer_cred().ok());
        credentials.map_or(Self::Unidentified, |peer| {
            Self::Socket(Peer {
                uid: peer.uid(),
                gid: peer.gid(),
                pid: peer.pid(),
            })
        })
    }

    /// Notes how a connection came in, for its requests.
    pub(crate) fn remember(connection: &dyn Any, data: &mut Extensions) {
        data.insert(Self::of(connection));
    }
}
