//! From a handle to its actor.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use actix::{Actor as _, Addr, MailboxError};
use actix_rt::Arbiter;
use parking_lot::RwLock;
use signer_domain::ports::CustodyError;
use signer_domain::{Deadline, HandleId, SigningKey};

use crate::admission::Seat;
use crate::errors::{RETRY_SOON, from_registry};
use crate::key::{Ask, KeyActor, Line, Means, Request, Room, Seats};

/// How often a request looks for its key again after it met a closed mailbox.
const TRIES: usize = 4;
/// The actors know the deadline and answer by it, with the better reason; this much later nobody
/// waits for them any more.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// The keys whose actors are in memory. The lock is held for look-ups only, never across an await.
pub(crate) struct Keys {
    table: RwLock<HashMap<HandleId, Entry>>,
    /// The threads of the actors, as many as there are cores.
    arbiters: Vec<Arbiter>,
    means: Arc<Means>,
    limits: Limits,
    started: Instant,
}

/// How many there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Actors in memory; beyond it the least recently used idle ones go.
    pub(crate) resident: usize,
    /// Callers that want one signature by the same key.
    pub(crate) queue: usize,
}

#[derive(Debug)]
struct Entry {
    /// None while the record is being read: the room is there before the actor and outlives it.
    addr: Option<Addr<KeyActor>>,
    room: Arc<Room>,
    /// How many actors the key has had in this room.
    lives: u64,
    /// Milliseconds since the table was made.
    last_used: AtomicU64,
}

impl Keys {
    /// An empty table, and the threads of its actors.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub(crate) fn new(means: Arc<Means>, limits: Limits) -> io::Result<Self> {
        let cores = available_parallelism().map_or(1, usize::from);
        let arbiters: io::Result<_> = (0..cores).map(|_| Arbiter::try_new()).collect();
        Ok(Self {
            table: RwLock::default(),
            arbiters: arbiters?,
            means,
            limits,
            started: Instant::now(),
        })
    }

    /// Sends a message to the actor of a key, opening the actor when it is not in memory. The mailbox of
    /// an actor that died is met closed, before this message or over it; every message may be repeated.
    /// An actor that lives and gives no answer has lost the task that owed it.
    ///
    /// # Errors
    /// [`CustodyError::KeyNotFound`]; [`CustodyError::Overloaded`] when there is no room;
    /// [`CustodyError::DeadlineExceeded`]; and others by cause.
    pub(crate) async fn ask<R: Request>(
        &self,
        handle: &HandleId,
        request: &R,
        deadline: Deadline,
    ) -> Result<R::Answer, CustodyError> {
        for _ in 0..TRIES {
            let share = match R::LINE {
                Line::Share => {
                    let providers = &self.means.providers;
                    providers
                        .wait_for_share(handle.provider(), deadline)
                        .await?
                }
                Line::Single | Line::Control => None,
            };
            let Some((addr, seats)) = self.enter(handle, R::LINE, share)? else {
                self.open(handle, deadline).await?;
                continue;
            };
            let answer = addr.send(Ask {
                request: request.clone(),
                deadline,
                seats,
            });
            match tokio::time::timeout(deadline.remaining() + GRACE, answer).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(MailboxError::Closed)) if addr.connected() => {
                    return Err(CustodyError::Internal);
                }
                Ok(Err(MailboxError::Closed)) => self.bury(handle, &addr),
                Ok(Err(MailboxError::Timeout)) | Err(_) => {
                    return Err(CustodyError::DeadlineExceeded);
                }
            }
        }
        // It was let go each time before it could be reached: far too many keys are in use at once.
        Err(CustodyError::Overloaded {
            retry_after: RETRY_SOON,
        })
    }

    /// The address of a resident key, and seats that keep its actor from being passivated.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when there is no room for the key or its provider.
    pub(crate) fn enter(
        &self,
        handle: &HandleId,
        line: Line,
        share: Option<Seat>,
    ) -> Result<Option<(Addr<KeyActor>, Seats)>, CustodyError> {
        let table = self.table.read();
        let Some(Entry {
            addr: Some(addr),
            room,
            last_used,
            ..
        }) = table.get(handle)
        else {
            return Ok(None);
        };
        last_used.store(self.tick(), Ordering::Relaxed);
        let providers = &self.means.providers;
        let entered = match line {
            Line::Single => providers.enter_work(handle.provider()).map(Some),
            Line::Control => providers.enter_control(handle.provider()),
            Line::Share => Ok(share),
        };
        let entered = entered.and_then(|provider| room.enter(line, provider));
        let seats = entered.inspect_err(|_overloaded| {
            self.means.metrics.overloads.inc();
        })?;
        Ok(Some((addr.clone(), seats)))
    }

    /// The address of a key's actor, which is opened when it is not in memory, and what keeps it there.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) async fn actor(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<(Addr<KeyActor>, Seats), CustodyError> {
        for _ in 0..TRIES {
            if let Some(entered) = self.enter(handle, Line::Control, None)? {
                return Ok(entered);
            }
            self.open(handle, deadline).await?;
        }
        Err(CustodyError::Overloaded {
            retry_after: RETRY_SOON,
        })
    }

    /// Starts the actor of a key, unless a call that came first has done so. An unknown handle gets none.
    ///
    /// The room is in place before the record is read, so that the end of a rotation, say, comes to the
    /// same actor, or to one that reads the record later.
    async fn open(&self, handle: &HandleId, deadline: Deadline) -> Result<(), CustodyError> {
        let opened = self.try_open(handle, deadline).await;
        if opened.is_err() {
            self.clear(handle);
        }
        opened
    }

    async fn try_open(&self, handle: &HandleId, deadline: Deadline) -> Result<(), CustodyError> {
        loop {
            let Some((room, lives, _opener)) = self.prepare(handle) else {
                return Ok(());
            };
            // What a former actor began may still change the record.
            room.over(deadline).await?;
            let found = self.means.ports.registry.find(handle);
            let found = tokio::time::timeout(deadline.remaining(), found).await;
            let found = found.map_err(|_elapsed| CustodyError::DeadlineExceeded)?;
            let key = found
                .map_err(from_registry)?
                .ok_or(CustodyError::KeyNotFound)?;
            if self.admit(room, lives, key)? {
                return Ok(());
            }
        }
    }

    /// The room of a key whose actor is about to be opened, how many actors it has had, and what keeps
    /// it in place meanwhile. `None` when there is an actor.
    fn prepare(&self, handle: &HandleId) -> Option<(Arc<Room>, u64, Option<Seat>)> {
        let mut table = self.table.write();
        let entry = table.entry(handle.clone()).or_insert_with(|| Entry {
            addr: None,
            room: Arc::new(Room::new(self.limits.queue)),
            lives: 0,
            last_used: AtomicU64::new(self.tick()),
        });
        if entry.addr.as_ref().is_some_and(Addr::connected) {
            return None;
        }
        let opener = entry.room.about_to_open();
        let prepared = (Arc::clone(&entry.room), entry.lives, opener);
        self.show_count(table.len());
        Some(prepared)
    }

    /// Starts the actor, unless there is one. `false` when there has been one since the record was read.
    fn admit(&self, room: Arc<Room>, lives: u64, key: SigningKey) -> Result<bool, CustodyError> {
        // Room is made first: the newcomer is idle until its first message arrives.
        self.passivate(self.limits.resident.saturating_sub(1));
        let verifier = KeyActor::verifier(&self.means, &key)?;
        let mut table = self.table.write();
        let Some(entry) = table.get_mut(&key.handle_id) else {
            return Ok(false);
        };
        if entry.addr.as_ref().is_some_and(Addr::connected) {
            return Ok(true);
        }
        if entry.lives != lives {
            return Ok(false);
        }
        let arbiter = self.arbiter(&key.handle_id)?;
        let means = Arc::clone(&self.means);
        let build = move |_: &mut _| KeyActor::new(means, room, key, verifier);
        entry.addr = Some(KeyActor::start_in_arbiter(&arbiter.handle(), build));
        entry.lives += 1;
        Ok(true)
    }

    fn arbiter(&self, handle: &HandleId) -> Result<&Arbiter, CustodyError> {
        let mut hasher = DefaultHasher::new();
        handle.hash(&mut hasher);
        let arbiters = u64::try_from(self.arbiters.len()).unwrap_or(1);
        let place = usize::try_from(hasher.finish() % arbiters).unwrap_or(0);
        self.arbiters.get(place).ok_or(CustodyError::Internal)
    }

    /// Takes back what was prepared for an actor that was not opened.
    fn clear(&self, handle: &HandleId) {
        let mut table = self.table.write();
        let is_left = |entry: &Entry| entry.addr.is_none() && entry.room.is_idle();
        if table.get(handle).is_some_and(is_left) {
            table.remove(handle);
        }
        self.show_count(table.len());
    }

    /// Forgets the address of an actor that has died.
    fn bury(&self, handle: &HandleId, dead: &Addr<KeyActor>) {
        let mut table = self.table.write();
        if let Some(entry) = table.get_mut(handle)
            && entry.addr.as_ref() == Some(dead)
        {
            entry.addr = None;
        }
    }

    /// Whether a key is quarantined and the registry has not heard of it.
    pub(crate) fn is_suspect(&self, handle: &HandleId) -> bool {
        let table = self.table.read();
        table
            .get(handle)
            .is_some_and(|entry| entry.room.is_suspect())
    }

    /// Lets idle key actors go beyond the limit.
    pub(crate) fn let_go(&self) {
        self.passivate(self.limits.resident);
    }

    /// Lets idle key actors go, least recently used first, until at most `limit` are resident.
    /// An actor without an address to it stops by itself. Nobody can be on the way to one that goes:
    /// a seat is taken under the same lock.
    fn passivate(&self, limit: usize) {
        if self.table.read().len() <= limit {
            return;
        }
        let mut table = self.table.write();
        let mut idle: Vec<(u64, HandleId)> = table
            .iter()
            .filter(|(_, entry)| entry.room.is_idle())
            .map(|(handle, entry)| (entry.last_used.load(Ordering::Relaxed), handle.clone()))
            .collect();
        idle.sort_unstable();
        // A little more than needed goes, so that the scan is not repeated for each new key.
        let excess = table.len().saturating_sub(limit) + limit / 16;
        for (_, handle) in idle.into_iter().take(excess) {
            table.remove(&handle);
        }
        self.show_count(table.len());
    }

    fn show_count(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.means.metrics.resident_keys.set(count);
    }

    fn tick(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
