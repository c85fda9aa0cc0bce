//! Who may use the custodian.

use signer_domain::OverflowIds;

use crate::crowd::Guest;
use crate::peer::{Ingress, Peer};
use crate::routes::Call;

/// The rule when no other is configured: the user that runs the process, and root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    owner: u32,
}

impl Access {
    /// The rule for the user this process runs as. An id by which the kernel shows strangers too is
    /// never the owner's.
    pub(crate) fn of_this_process() -> Self {
        let user = rustix::process::geteuid().as_raw();
        Self {
            owner: OverflowIds::of_this_process().certain_user(user),
        }
    }

    /// Whether a request that came in by `ingress` may go on. `call` is none when the request names
    /// no call; whoever may do nothing shall not learn that either.
    pub(crate) fn admits(self, ingress: Ingress, call: Option<&Call<'_>>) -> bool {
        match ingress {
            Ingress::Socket(peer) => self.admits_peer(peer) || call.is_some_and(Call::is_probe),
            Ingress::Health => true,
            Ingress::Unidentified => call.is_some_and(Call::is_probe),
        }
    }

    /// Whether nothing but probes is open to the caller.
    pub(crate) fn is_stranger(self, ingress: Ingress) -> bool {
        !self.admits(ingress, None)
    }

    /// Whose place a connection takes.
    pub(crate) const fn guest(self, ingress: Ingress) -> Guest {
        match ingress {
            Ingress::Socket(peer) if self.admits_peer(peer) => Guest::Admitted(peer.uid),
            Ingress::Socket(peer) => Guest::Stranger(Some(peer.uid)),
            Ingress::Unidentified => Guest::Stranger(None),
            Ingress::Health => Guest::Probe,
        }
    }

    const fn admits_peer(self, peer: Peer) -> bool {
        peer.uid == self.owner || peer.uid == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: Access = Access { owner: 1000 };

    fn from(uid: u32) -> Ingress {
        Ingress::Socket(Peer {
            uid,
            gid: 1000,
            pid: None,
        })
    }

    #[test]
    fn admits_the_owner_and_root_only() {
        assert!(ACCESS.admits(from(1000), Some(&Call::List)));
        assert!(ACCESS.admits(from(0), Some(&Call::List)));
        assert!(!ACCESS.admits(from(1001), Some(&Call::List)));
        assert!(!ACCESS.admits(from(1001), None));
    }

    #[test]
    fn denies_when_the_kernel_did_not_say_who_it_is() {
        assert!(!ACCESS.admits(Ingress::Unidentified, Some(&Call::Batch)));
    }

    #[test]
    fn the_probes_are_open_to_everyone_and_nothing_else_is() {
        for ingress in [from(1001), Ingress::Unidentified] {
            assert!(ACCESS.admits(ingress, Some(&Call::Livez)));
            assert!(ACCESS.admits(ingress, Some(&Call::Readyz)));
            assert!(!ACCESS.admits(ingress, Some(&Call::Metrics)));
            assert!(!ACCESS.admits(ingress, Some(&Call::OpenApi)));
        }
    }
}
