//! A pipe that takes nothing.

use std::io::{ErrorKind, PipeReader, PipeWriter, Write as _, pipe};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// A pipe in which there is no room for another byte.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let usual = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, usual | OFlags::NONBLOCK).unwrap();
    // Lines, so that whoever reads them meets the first line of the log at the start of one.
    let filler = [b'\n'; 4096];
    let failure = loop {
        if let Err(failure) = writer.write_all(&filler) {
            break failure;
        }
    };
    assert_eq!(failure.kind(), ErrorKind::WouldBlock);
    fcntl_setfl(&writer, usual).unwrap();
    (reader, writer)
}
