//! Standard streams as they are, not as the standard library shows them.
//!
//! It opens `/dev/null` in the place of one that is closed, and takes one that cannot be read or written
//! for an empty one: what is signed or printed would be another thing, or nothing, without a word.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::Errno;

use crate::failure::Failure;

/// As many bytes as a pipe takes at once when it says that it takes any (`PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// Refuses to go on when standard output is closed, and with it lost what it is for. Known by the way in
/// which the standard library opens `/dev/null`, for reading and writing; a shell that is told to throw
/// the output away opens it for writing. A pipe whose reader has gone already is as good as closed.
///
/// # Errors
/// When it is closed.
pub(crate) fn require_output() -> Result<(), Failure> {
    let output = io::stdout();
    let is_for_both =
        fcntl_getfl(&output).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    if (is_for_both && is_null(&output)) || has_lost_its_reader(&output) {
        return Err(Failure::usage(
            "standard output is closed, or /dev/null opened for reading as well, so what is asked for would \
             be lost; give it a pipe or a file (>/dev/null throws it away)",
        ));
    }
    Ok(())
}

fn has_lost_its_reader(output: &impl AsFd) -> bool {
    let at_once = Timespec::default();
    let mut polled = [PollFd::new(output, PollFlags::OUT)];
    poll(&mut polled, Some(&at_once)).is_ok()
        && polled
            .iter()
            .any(|output| output.revents().contains(PollFlags::ERR))
}

/// Standard input, if there can be anything in it.
///
/// # Errors
/// When it is closed.
pub(crate) fn input() -> io::Result<impl io::Read> {
    let input = io::stdin();
    if is_null(&input) {
        return Err(io::Error::other(
            "standard input is closed or /dev/null; give it a pipe or a file, or name /dev/null for an \
             empty input",
        ));
    }
    Ok(std::fs::File::from(input.as_fd().try_clone_to_owned()?))
}

fn is_null(stream: impl AsFd) -> bool {
    let null = std::fs::metadata("/dev/null");
    null.is_ok_and(|null| fstat(stream).is_ok_and(|found| found.st_rdev == null.rdev()))
}

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

/// Has nobody wait for who reads standard output or standard error, also not the code of a vendor that
/// prints there: what is not taken at once is lost to it. Only [`write_within`] still waits.
///
/// A pipe in this process, emptied by a thread, would never be full, but the last words of a process
/// that is killed or aborts would stay in it. Where this fails, the streams are as they were.
pub(crate) fn never_block_outputs() {
    use rustix::stdio::{dup2_stderr, dup2_stdout};
    never_block(io::stdout().as_fd(), dup2_stdout).ok();
    never_block(io::stderr().as_fd(), dup2_stderr).ok();
}

/// Others may hold the same end of a pipe, and wait as they like, so it is opened anew for `put`, unless
/// another user made it. A terminal is left as it is.
fn never_block(
    stream: BorrowedFd<'_>,
    put: impl FnOnce(OwnedFd) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let kind = FileType::from_raw_mode(fstat(stream)?.st_mode);
    if kind == FileType::Fifo {
        let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if let Ok(own) = rustix::fs::open(path, flags, Mode::empty()) {
            return put(own);
        }
    }
    if matches!(kind, FileType::Fifo | FileType::Socket) {
        fcntl_setfl(stream, fcntl_getfl(stream)? | OFlags::NONBLOCK)?;
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
    use std::os::unix::net::UnixStream;

    use super::*;

    fn blocks(stream: impl AsFd) -> bool {
        !fcntl_getfl(stream).unwrap().contains(OFlags::NONBLOCK)
    }

    #[test]
    fn a_pipe_is_opened_anew_and_blocks_others_as_before() {
        let (_reader, writer) = pipe().unwrap();
        let mut own = None;
        never_block(writer.as_fd(), |opened| {
            own = Some(opened);
            Ok(())
        })
        .unwrap();
        assert!(!blocks(own.unwrap()));
        assert!(blocks(&writer));
    }

    #[test]
    fn a_socket_does_not_block_and_a_file_is_left_as_it_is() {
        let (socket, _other) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        never_block(socket.as_fd(), |_| panic!("not opened anew")).unwrap();
        never_block(file.as_fd(), |_| panic!("not opened anew")).unwrap();
        assert!(!blocks(&socket));
        assert!(blocks(&file));
    }

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
