//! Reads what is to happen at which point.

use std::time::Duration;

use parking_lot::Mutex;

use super::{Blow, Point};

/// The traps of one process.
#[derive(Debug)]
pub(super) struct Plan(Mutex<Vec<Trap>>);

/// What happens at which hit of which points.
#[derive(Debug)]
struct Trap {
    /// None means any that counts.
    point: Option<Point>,
    hits_before: u64,
    lasts: Lasts,
    blow: Blow,
    hits: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasts {
    Once,
    Forever,
}

/// The text names no crash points.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no crash point: {0:?}")]
pub struct ParsePlanError(String);

impl Plan {
    pub(super) fn parse(text: &str) -> Result<Self, ParsePlanError> {
        let traps: Result<Vec<_>, _> = text
            .split(',')
            .map(|part| Trap::parse(part).ok_or_else(|| ParsePlanError(part.to_owned())))
            .collect();
        Ok(Self(Mutex::new(traps?)))
    }

    /// Counts the hit. The first trap that has something to say is obeyed.
    pub(super) fn blow_at(&self, point: Point) -> Blow {
        let mut traps = self.0.lock();
        let blows: Vec<Blow> = traps.iter_mut().map(|trap| trap.blow_at(point)).collect();
        let mut blows = blows.into_iter();
        blows
            .find(|blow| !matches!(blow, Blow::None))
            .unwrap_or(Blow::None)
    }
}

impl Trap {
    /// Reads `<point>:<hit>`, `<point>:<hit>+`, and either with `=<blow>`.
    fn parse(text: &str) -> Option<Self> {
        let (place, blow) = text.split_once('=').unwrap_or((text, "kill"));
        let (name, hit) = place.split_once(':')?;
        let (hit, lasts) = match hit.strip_suffix('+') {
            Some(hit) => (hit, Lasts::Forever),
            None => (hit, Lasts::Once),
        };
        let point = match name {
            "any" => None,
            _ => Some(Point::all().find(|point| point.to_string() == name)?),
        };
        Some(Self {
            point,
            hits_before: hit.parse::<u64>().ok()?.checked_sub(1)?,
            lasts,
            blow: parse_blow(blow)?,
            hits: 0,
        })
    }

    fn blow_at(&mut self, point: Point) -> Blow {
        let is_meant = self
            .point
            .map_or_else(|| point.call.counts(), |meant| meant == point);
        if !is_meant {
            return Blow::None;
        }
        let hits = self.hits;
        self.hits = hits.saturating_add(1);
        let strikes = match self.lasts {
            Lasts::Once => hits == self.hits_before,
            Lasts::Forever => hits >= self.hits_before,
        };
        if strikes {
            self.blow.clone()
        } else {
            Blow::None
        }
    }
}

fn parse_blow(text: &str) -> Option<Blow> {
    match text {
        "kill" => Some(Blow::Kill),
        "fail" => Some(Blow::Fail),
        "refuse" => Some(Blow::Refuse),
        "hangs" => Some(Blow::Hang),
        _ => {
            let milliseconds = text.strip_prefix("slow-")?.strip_suffix("ms")?;
            let delay = Duration::from_millis(milliseconds.parse().ok()?);
            Some(Blow::Delay(delay))
        }
    }
}
