//! Who is at the other end of a connection, as the kernel tells it.

use std::fmt;

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

impl fmt::Display for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(Peer { uid, gid, pid }) => {
                write!(f, "uid {uid} gid {gid}")?;
                pid.map_or(Ok(()), |pid| write!(f, " pid {pid}"))
            }
            Self::Health => f.write_str("health listener"),
            Self::Unidentified => f.write_str("unidentified"),
        }
    }
}

/// A connection that tells how it came in.
pub(crate) trait Accepted {
    /// How it came in.
    fn ingress(&self) -> Ingress;
}

impl Accepted for TcpStream {
    fn ingress(&self) -> Ingress {
        Ingress::Health
    }
}

impl Accepted for UnixStream {
    fn ingress(&self) -> Ingress {
        self.peer_cred().map_or(Ingress::Unidentified, |peer| {
            Ingress::Socket(Peer {
                uid: peer.uid(),
                gid: peer.gid(),
                pid: peer.pid(),
            })
        })
    }
}
