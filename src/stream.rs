//! Standard streams, written so that the wait for a reader can be bounded.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// As many bytes as a pipe takes at once when it says that it takes any (`PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// Writes `data` whole. A `patience` that runs out ends it; without one the reader may take for ever.
///
/// # Errors
/// When it cannot be written, or not in time.
pub(crate) fn write_within(
    stream: BorrowedFd<'_>,
    data: &[u8],
    patience: Option<Duration>,
) -> io::Result<()> {
    let until = patience.map(|patience| Instant::now() + patience);
    let mut rest = data;
    while !rest.is_empty() {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        wait_until_writable(stream, left)?;
        let part = rest.get(..AT_ONCE).unwrap_or(rest);
        match rustix::io::write(stream, part) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    Ok(())
}

fn wait_until_writable(stream: BorrowedFd<'_>, left: Option<Duration>) -> io::Result<()> {
    let left = left.map(Timespec::try_from).transpose();
    let left = left.map_err(io::Error::other)?;
    let mut polled = [PollFd::new(&stream, PollFlags::OUT)];
    match poll(&mut polled, left.as_ref()) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(cause) => Err(cause.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, pipe};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn gives_up_on_a_pipe_that_nobody_reads_and_fills_one_that_is_read() {
        let (mut reader, writer) = pipe().unwrap();
        let data = vec![b'x'; 1 << 20];
        let patience = Some(Duration::from_millis(10));
        let failed = write_within(writer.as_fd(), &data, patience).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            read.len()
        });
        write_within(writer.as_fd(), &data, None).unwrap();
        drop(writer);
        assert!(reading.join().unwrap() >= data.len());
    }
}
