//! What was last seen in the registry that an operator should know. Probes and scrapes read it.

mod notices;
mod rotations;
mod unsettled;

pub(crate) use notices::NoticeWatch;
pub(crate) use rotations::RotationWatch;
pub(crate) use unsettled::UnsettledWatch;
