//! The load generator: one thread, one epoll set, raw HTTP/1.1 on a Unix socket. Every connection
//! waits for its answer before it sends the next request.

mod connection;
mod proof;
mod requests;
mod tally;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::Outcome;
use crate::process::{CpuMeter, thread_cpu};

use connection::{Connection, Received};
pub(crate) use requests::RequestSet;
pub(crate) use tally::LoadReport;
use tally::{Costs, Tally};

/// How long requests in flight at the end may still take.
const DRAIN: Duration = Duration::from_secs(5);

/// What to send, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) socket: PathBuf,
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    /// The server, to count its processor time.
    pub(crate) server: Option<u32>,
}

/// Loads the server with `requests` as `plan` says, and checks what it answered.
pub(crate) fn run(plan: &Plan, requests: &RequestSet) -> Outcome<LoadReport> {
    let mut load = Load::connect(plan, requests)?;
    load.start_all()?;
    load.drive(Instant::now() + plan.warm_up, Refill::Yes)?;

    load.tally = Tally::default();
    let server = plan.server.map(CpuMeter::start).transpose()?;
    let client_before = thread_cpu()?;
    let started = Instant::now();
    load.drive(started + plan.duration, Refill::Yes)?;
    let costs = Costs {
        wall: started.elapsed(),
        client_cpu: thread_cpu()?.saturating_sub(client_before),
        server_cpu: server.map(|meter| meter.elapsed()).transpose()?,
    };
    let tally = std::mem::take(&mut load.tally);
    load.drive(Instant::now() + DRAIN, Refill::No)?;

    let proven = proof::prove(&tally.samples, requests)?;
    Ok(tally.report(
        plan.connections,
        requests.signatures_per_request,
        &costs,
        proven,
    ))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refill {
    Yes,
    No,
}

struct Load<'a> {
    plan: &'a Plan,
    requests: &'a RequestSet,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    in_flight: usize,
    tally: Tally,
}

impl<'a> Load<'a> {
    fn connect(plan: &'a Plan, requests: &'a RequestSet) -> Outcome<Self> {
        let mut load = Self {
            plan,
            requests,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::with_capacity(plan.connections),
            in_flight: 0,
            tally: Tally::default(),
        };
        for index in 0..plan.connections {
            let connection = load.open(index)?;
            load.connections.push(connection);
        }
        Ok(load)
    }

    fn open(&self, index: usize) -> Outcome<Connection> {
        let connection = Connection::open(&self.plan.socket, index)?;
        let data = epoll::EventData::new_u64(u64::try_from(index)?);
        epoll::add(
            &self.epoll,
            connection.stream(),
            data,
            epoll::EventFlags::IN,
        )?;
        Ok(connection)
    }

    fn start_all(&mut self) -> Outcome<()> {
        for connection in &mut self.connections {
            connection.send(self.requests)?;
            self.in_flight += 1;
        }
        Ok(())
    }

    fn drive(&mut self, until: Instant, refill: Refill) -> Outcome<()> {
        let mut events = Vec::with_capacity(64);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || (refill == Refill::No && self.in_flight == 0) {
                return Ok(());
            }
            let timeout = Timespec::try_from(left)?;
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                let data = event.data;
                self.serve(usize::try_from(data.u64())?, refill)?;
            }
        }
    }

    fn serve(&mut self, index: usize, refill: Refill) -> Outcome<()> {
        let connection = self
            .connections
            .get_mut(index)
            .ok_or("no such connection")?;
        match connection.receive()? {
            Received::Part => return Ok(()),
            Received::Answer(answer) => self.tally.count(&answer),
            Received::Closed => {
                self.tally.fail("the server closed a connection");
                let fresh = self.open(index)?;
                if let Some(slot) = self.connections.get_mut(index) {
                    *slot = fresh;
                }
            }
        }
        self.in_flight -= 1;
        if refill == Refill::Yes {
            let connection = self
                .connections
                .get_mut(index)
                .ok_or("no such connection")?;
            connection.send(self.requests)?;
            self.in_flight += 1;
        }
        Ok(())
    }
}
