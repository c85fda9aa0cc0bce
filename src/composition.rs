//! What the program is put together from.

use std::fmt;

use crate::catalogue::{Catalogue, PROVIDERS};
use crate::wiring::{Around, Nothing};

/// What the program is put together from, beyond its registry, its audit log and its doors.
#[derive(Clone, Copy)]
pub struct Composition<'a> {
    /// The providers that it can be asked for.
    pub providers: &'a Catalogue,
    /// What comes between the custodian and what it opens.
    pub around: &'static dyn Around,
}

impl Composition<'static> {
    /// The program that is shipped.
    pub const SHIPPED: Self = Self {
        providers: &PROVIDERS,
        around: &Nothing,
    };
}

impl fmt::Debug for Composition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composition")
            .field("around", &self.around)
            .finish_non_exhaustive()
    }
}
