//! The loads that are compared.

use std::time::Duration;

use serde::Serialize;

use super::{HANDLES, Side};
use crate::Outcome;
use crate::load::{self, LoadReport, Plan, RequestSet};
use crate::process::on_one_core;

/// One way to load a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scenario {
    /// 32 connections, 8 handles in turn.
    Crowd,
    /// 32 connections, all on one handle.
    OneHandle,
    /// One connection; client and server share one core.
    Alone,
    /// 2 connections, 64 signatures a request.
    Batch64,
    /// 2 connections, 256 signatures a request.
    Batch256,
}

impl Scenario {
    pub(super) const ALL: [Self; 5] = [
        Self::Crowd,
        Self::OneHandle,
        Self::Alone,
        Self::Batch64,
        Self::Batch256,
    ];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Crowd => "32 connections, 8 handles",
            Self::OneHandle => "32 connections, one handle",
            Self::Alone => "1 connection, client and server on one core",
            Self::Batch64 => "batches of 64, 2 connections",
            Self::Batch256 => "batches of 256, 2 connections",
        }
    }

    const fn connections(self) -> usize {
        match self {
            Self::Crowd | Self::OneHandle => 32,
            Self::Alone => 1,
            Self::Batch64 | Self::Batch256 => 2,
        }
    }
}

impl Side {
    pub(super) fn load(&self, scenario: Scenario, duration: Duration) -> Outcome<LoadReport> {
        let server = match scenario {
            Scenario::Alone => &self.pinned,
            Scenario::Crowd | Scenario::OneHandle | Scenario::Batch64 | Scenario::Batch256 => {
                &self.roomy
            }
        };
        let socket = server.socket();
        let requests = match scenario {
            Scenario::Crowd | Scenario::Alone => RequestSet::singles(socket, 0..HANDLES),
            Scenario::OneHandle => RequestSet::singles(socket, 0..1),
            Scenario::Batch64 => RequestSet::batches(socket, 0..HANDLES, 64),
            Scenario::Batch256 => RequestSet::batches(socket, 0..HANDLES, 256),
        }?;
        let plan = Plan {
            socket: socket.to_owned(),
            connections: scenario.connections(),
            warm_up: duration.div_f64(5.0).min(Duration::from_millis(200)),
            duration,
            server: Some(server.pid()),
        };
        match scenario {
            Scenario::Alone => on_one_core(|| load::run(&plan, &requests)),
            Scenario::Crowd | Scenario::OneHandle | Scenario::Batch64 | Scenario::Batch256 => {
                load::run(&plan, &requests)
            }
        }
    }
}
