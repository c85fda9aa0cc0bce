//! `audit`: reading and checking a log, without a custodian.

mod reconcile;
mod tail;
mod verify;

use std::path::Path;

use crate::cli::{AcceptCutArgs, AcceptRegistryArgs, AuditCommand};
use crate::failure::Failure;
use crate::output;
use crate::wiring::{self, RegistryUrl};

/// Does what was asked of a log.
pub(crate) fn audit(command: &AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify(args) => verify::verify(args),
        AuditCommand::Tail(args) => tail::tail(args),
        AuditCommand::Reconcile(args) => reconcile::reconcile(args),
        AuditCommand::AcceptRegistry(args) => accept_registry(args),
        AuditCommand::AcceptCut(args) => accept_cut(args),
    }
}

fn accept_registry(args: &AcceptRegistryArgs) -> Result<(), Failure> {
    let registry = RegistryUrl::parse(&args.registry).map_err(Failure::usage)?;
    require_a_log(&args.audit_log)?;
    let was_there = registry.path().exists();
    super::ask(wiring::accept_registry(&args.audit_log, &registry))?;
    output::write_line(if was_there {
        "accepted"
    } else {
        "accepted: there was no registry, so an empty one was made"
    })
}

fn accept_cut(args: &AcceptCutArgs) -> Result<(), Failure> {
    require_a_log(&args.audit_log)?;
    super::ask(wiring::accept_cut(&args.audit_log))?;
    output::write_line("accepted")
}

/// A log that was mistyped must not be made.
fn require_a_log(log: &Path) -> Result<(), Failure> {
    let stands = |suffix| {
        let mut file = log.as_os_str().to_owned();
        file.push(suffix);
        Path::new(&file).exists()
    };
    if ["", ".checkpoint", ".checkpoint-key", ".lock"]
        .into_iter()
        .any(stands)
    {
        return Ok(());
    }
    Err(Failure::usage(format_args!(
        "--audit-log {}: there is no such log; name the one of the custodian",
        log.display()
    )))
}
