//! The real log file on a disk that fails, and dice.

use std::io;
use std::sync::Arc;

use crate::chain::Position;
use crate::faults::Faults;
use crate::sink::{Sink, Standing, Store};
use crate::store::{FileSink, FileStore};

pub(super) struct FaultyStore {
    inner: FileStore,
    faults: Arc<Faults>,
}

pub(super) struct FaultyFile {
    inner: FileSink,
    faults: Arc<Faults>,
}

impl FaultyStore {
    pub(super) const fn new(inner: FileStore, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

impl Store for FaultyStore {
    type Sink = FaultyFile;

    fn open(&mut self, position: Position) -> io::Result<(FaultyFile, u64)> {
        self.faults.pass()?;
        let (inner, length) = self.inner.open(position)?;
        let faults = Arc::clone(&self.faults);
        Ok((FaultyFile { inner, faults }, length))
    }
}

impl Sink for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.faults.pass()?;
        let inner = &mut self.inner;
        self.faults.write(bytes, |part| inner.append(part))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.faults.flush()?;
        self.inner.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.faults.pass()?;
        let cut = self.inner.standing()?.length.saturating_sub(length);
        self.inner.truncate(length)?;
        self.faults.give_back(cut.try_into().unwrap());
        Ok(())
    }

    fn standing(&mut self) -> io::Result<Standing> {
        self.faults.pass()?;
        self.inner.standing()
    }
}

/// xorshift64*: enough to choose, and the same in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..4 {
            dice.roll(2);
        }
        dice
    }

    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % sides
    }
}
