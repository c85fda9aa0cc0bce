//! Whether a flood on one handle slows another: 32 connections on a hot handle, one on a quiet one.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::Outcome;
use crate::load::{self, LoadReport, Plan, RequestSet};

const HOT_CONNECTIONS: usize = 32;

/// What each side of the run saw.
#[derive(Debug, Serialize)]
pub(crate) struct FairnessReport {
    pub(crate) hot: LoadReport,
    pub(crate) quiet: LoadReport,
}

/// Floods the first handle for `duration` while one connection uses the second. Each side has a
/// thread of its own, as clients of their own would.
pub(crate) fn run(socket: &Path, duration: Duration) -> Outcome<FairnessReport> {
    let hot_requests = RequestSet::singles(socket, 0..1)?;
    let quiet_requests = RequestSet::singles(socket, 1..2)?;
    let plan = |connections| Plan {
        socket: socket.to_owned(),
        connections,
        warm_up: Duration::from_millis(200),
        duration,
        server: None,
    };
    let (hot_plan, quiet_plan) = (plan(HOT_CONNECTIONS), plan(1));
    let (hot, quiet) = std::thread::scope(|scope| {
        let hot = scope.spawn(|| load::run(&hot_plan, &hot_requests));
        let quiet = load::run(&quiet_plan, &quiet_requests);
        (hot.join(), quiet)
    });
    Ok(FairnessReport {
        hot: hot.map_err(|_panic| "the flooding thread panicked")??,
        quiet: quiet?,
    })
}
