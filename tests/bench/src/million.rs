//! Whether a registry full of keys slows down those in use.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::Outcome;
use crate::installation::{Audit, Installation, register};
use crate::load::{self, LoadReport, Plan, RequestSet};
use crate::process::{Server, on_one_core};

/// Keys in use on both sides.
const IN_USE: u32 = 10;

/// What was found, round by round.
#[derive(Debug, Serialize)]
pub(crate) struct MillionReport {
    pub(crate) registered: u32,
    pub(crate) rounds: Vec<ManyAndFew>,
}

/// The same load on a custodian with many registered keys and on one with few.
#[derive(Debug, Serialize)]
pub(crate) struct ManyAndFew {
    pub(crate) many: LoadReport,
    pub(crate) few: LoadReport,
}

/// One connection signs with ten keys, beside `registered` others and beside none.
pub(crate) fn run(
    program: &Path,
    registered: u32,
    rounds: usize,
    duration: Duration,
) -> Outcome<MillionReport> {
    let crowded = Installation::new(program, Audit::Off)?;
    let empty = Installation::new(program, Audit::Off)?;
    for installation in [&crowded, &empty] {
        register(installation.start()?.socket(), IN_USE)?;
    }
    fill(&crowded.registry(), registered)?;
    let many = on_one_core(|| crowded.start())?;
    let few = on_one_core(|| empty.start())?;
    let mut report = MillionReport {
        registered,
        rounds: Vec::new(),
    };
    for round in 0..rounds {
        let pair = if round.is_multiple_of(2) {
            let many = sign(&many, duration)?;
            let few = sign(&few, duration)?;
            ManyAndFew { many, few }
        } else {
            let few = sign(&few, duration)?;
            let many = sign(&many, duration)?;
            ManyAndFew { many, few }
        };
        report.rounds.push(pair);
    }
    Ok(report)
}

fn sign(server: &Server, duration: Duration) -> Outcome<LoadReport> {
    let requests = RequestSet::singles(server.socket(), 0..IN_USE)?;
    let plan = Plan {
        socket: server.socket().to_owned(),
        connections: 1,
        warm_up: duration.div_f64(5.0).min(Duration::from_millis(200)),
        duration,
        server: Some(server.pid()),
    };
    on_one_core(|| load::run(&plan, &requests))
}

/// Writes keys that nobody will use into the registry of a custodian that does not run.
fn fill(registry: &Path, count: u32) -> Outcome<()> {
    let runtime = actix_web::rt::Runtime::new()?;
    runtime.block_on(async {
        let mut connection = SqliteConnectOptions::new()
            .filename(registry)
            .connect()
            .await?;
        let insert = "
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
            INSERT INTO signing_key (id, listed, scope, key_id, provider, state, is_current,
                handle_id, public_key, reserved_at, valid_from, version, seq)
            SELECT 1000 + 2 * n, 1001 + 2 * n, 'platform', 'idle-' || n, 'software', 'active', 0,
                'software:platform|idle-' || n, randomblob(32), 0, 0, 1, 1001 + 2 * n
            FROM number";
        sqlx::query(insert)
            .bind(count)
            .execute(&mut connection)
            .await?;
        let advance = "UPDATE registry_change SET seq = (SELECT max(seq) + 1 FROM signing_key)";
        sqlx::query(advance).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    })
}
