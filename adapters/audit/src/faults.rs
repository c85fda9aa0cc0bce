//! A disk that fills up and fails, and a process that dies, as a test says.

use std::io;

use parking_lot::Mutex;

use super::steps::{Disk, Step};

/// What the steps of a log meet. Every byte that is written is a moment of its own, and so is every other
/// step that changes a file.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Nothing has an effect any more.
    is_dead: bool,
    /// How many moments are left until death.
    life: Option<usize>,
    /// How many bytes still fit on the disk.
    room: Option<usize>,
    /// How many flushes fail.
    bad_flushes: u32,
}

impl Faults {
    pub(super) fn die_after(&self, moments: usize) {
        self.0.lock().life = Some(moments);
    }

    pub(super) fn die(&self) {
        self.0.lock().is_dead = true;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.0.lock().is_dead
    }

    pub(super) fn fill_up(&self, room: usize) {
        self.0.lock().room = Some(room);
    }

    pub(super) fn fail_a_flush(&self) {
        self.0.lock().bad_flushes += 1;
    }

    /// Ends every trouble but death.
    pub(super) fn relent(&self) {
        let mut state = self.0.lock();
        let is_dead = state.is_dead;
        *state = State {
            is_dead,
            ..State::default()
        };
    }

    /// Gives room back that was cut off a file.
    pub(super) fn give_back(&self, bytes: usize) {
        let mut state = self.0.lock();
        state.room = state.room.map(|room| room + bytes);
    }

    /// Passes a moment.
    pub(super) fn pass(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        match state.life {
            Some(0) => state.is_dead = true,
            Some(moments) => state.life = Some(moments - 1),
            None => {}
        }
        if state.is_dead {
            return Err(io::Error::other("dead"));
        }
        Ok(())
    }

    /// Writes what is written before the disk is full, or before death.
    pub(super) fn write(
        &self,
        bytes: &[u8],
        put: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.0.lock();
        if state.is_dead {
            return Err(io::Error::other("dead"));
        }
        let life = state.life.unwrap_or(usize::MAX);
        let room = state.room.unwrap_or(usize::MAX);
        let count = bytes.len().min(life).min(room);
        put(&bytes[..count])?;
        state.life = state.life.map(|life| life - count);
        state.room = state.room.map(|room| room - count);
        if count == bytes.len() {
            return Ok(());
        }
        if count == life {
            state.is_dead = true;
            return Err(io::Error::other("dead"));
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    /// Passes the moment of a flush, which may fail.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.pass()?;
        let mut state = self.0.lock();
        match state.bad_flushes.checked_sub(1) {
            None => Ok(()),
            Some(left) => {
                state.bad_flushes = left;
                Err(io::Error::other("flush failed"))
            }
        }
    }
}

impl Disk for Faults {
    fn take(&self, _: Step, work: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        self.pass()?;
        work()
    }

    fn write(
        &self,
        _: Step,
        bytes: &[u8],
        put: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.pass()?;
        Self::write(self, bytes, put)
    }
}
