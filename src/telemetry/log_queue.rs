//! Log lines on their way to standard error: bounded, so that nothing waits for who reads them.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use prometheus_client::metrics::counter::Counter;
use tracing::warn;

/// The most bytes that wait. What comes while there is no room is dropped and counted.
const ROOM: usize = 1 << 20;

/// Lines that wait for the one thread that writes them.
#[derive(Debug, Default)]
pub(super) struct LogQueue {
    waiting: Mutex<Waiting>,
    /// There is a line to write.
    filled: Condvar,
    /// Everything is written.
    emptied: Condvar,
    dropped: Counter,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    is_writing: bool,
    /// Lines that were dropped and that no line of the log has told of.
    untold: u64,
}

impl LogQueue {
    /// Starts the thread that hands lines to `sink`, which may block for as long as it likes.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub(super) fn start(
        sink: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self::default());
        let lines = Arc::clone(&queue);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || lines.write_to(sink))?;
        Ok(queue)
    }

    /// How many lines were dropped.
    pub(super) fn dropped(&self) -> Counter {
        self.dropped.clone()
    }

    /// Queues a line, or drops it when there is no room. Never waits for a reader.
    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock();
        if waiting.bytes + line.len() > ROOM {
            self.lose(&mut waiting);
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.to_vec());
        self.filled.notify_one();
    }

    fn lose(&self, waiting: &mut Waiting) {
        waiting.untold += 1;
        self.dropped.inc();
    }

    fn write_to(&self, mut sink: impl FnMut(&[u8]) -> io::Result<()>) {
        for line in std::iter::repeat_with(|| self.next()) {
            let is_written = sink(&line).is_ok();
            let untold = self.end_writing(is_written);
            if untold > 0 {
                warn!(
                    lines = untold,
                    "log lines dropped: standard error was not read in time, or not writable"
                );
            }
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.bytes -= line.len();
                waiting.is_writing = true;
                return line;
            }
            self.filled.wait(&mut waiting);
        }
    }

    /// Notes that a line was written, or lost. Returns how many lines were lost altogether once lines
    /// flow again, which a queue that is half empty shows.
    fn end_writing(&self, is_written: bool) -> u64 {
        let mut waiting = self.waiting.lock();
        waiting.is_writing = false;
        if !is_written {
            self.lose(&mut waiting);
        }
        if waiting.lines.is_empty() {
            self.emptied.notify_all();
        }
        if is_written && waiting.bytes <= ROOM / 2 {
            std::mem::take(&mut waiting.untold)
        } else {
            0
        }
    }

    /// Waits until everything is written, but no longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut waiting = self.waiting.lock();
        while waiting.is_writing || !waiting.lines.is_empty() {
            if self.emptied.wait_until(&mut waiting, until).timed_out() {
                return;
            }
        }
    }
}

/// Each write is one line: that is how the formatter hands them over.
impl Write for &LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LINE: [u8; 1024] = [b'x'; 1024];
    const LONG: Duration = Duration::from_mins(1);

    /// A queue whose sink takes a line only when it is told to, and how it then ends.
    fn guarded() -> (Arc<LogQueue>, Sender<io::Result<()>>, Receiver<usize>) {
        let (allow, allowed) = channel();
        let (tell, written) = channel();
        let queue = LogQueue::start(move |line| {
            let outcome = allowed.recv().unwrap_or(Ok(()));
            // The test may have stopped listening.
            tell.send(line.len()).ok();
            outcome
        });
        (queue.unwrap(), allow, written)
    }

    #[test]
    fn a_sink_that_blocks_costs_lines_and_no_time_and_no_memory() {
        let (queue, allow, written) = guarded();
        let lines = 3 * ROOM / LINE.len();
        for _ in 0..lines {
            (&*queue).write_all(&LINE).unwrap();
        }
        assert!(queue.waiting.lock().bytes <= ROOM);
        let lost = usize::try_from(queue.dropped.get()).unwrap();
        queue.flush(Duration::from_millis(10));
        drop(allow);
        queue.flush(LONG);
        assert_eq!(written.try_iter().count(), lines - lost);
        assert!(lost >= lines / 2, "{lost} of {lines}");
    }

    #[test]
    fn what_was_lost_is_told_once_when_lines_flow_again() {
        let queue = LogQueue::default();
        for _ in 0..=ROOM / LINE.len() + 2 {
            queue.push(&LINE);
        }
        let mut told = Vec::new();
        while !queue.waiting.lock().lines.is_empty() {
            drop(queue.next());
            told.push(queue.end_writing(true));
        }
        assert_eq!(told.iter().sum::<u64>(), 3);
        assert_eq!(told.iter().filter(|lost| **lost > 0).count(), 1);
        assert_eq!(told.first(), Some(&0), "told while the queue was full");
        assert_eq!(queue.dropped.get(), 3);
    }

    #[test]
    fn a_line_that_cannot_be_written_counts_as_dropped_and_is_told_of_with_the_next() {
        let queue = LogQueue::default();
        queue.push(&LINE);
        drop(queue.next());
        assert_eq!(queue.end_writing(false), 0);
        queue.push(&LINE);
        drop(queue.next());
        assert_eq!(queue.end_writing(true), 1);
        assert_eq!(queue.dropped.get(), 1);
    }

    #[test]
    fn a_flush_waits_for_the_line_that_is_being_written() {
        let (queue, allow, written) = guarded();
        queue.push(&LINE);
        allow.send(Ok(())).unwrap();
        queue.flush(LONG);
        assert_eq!(written.try_recv(), Ok(LINE.len()));
    }
}
