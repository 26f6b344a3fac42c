//! How large something is that is written.

use std::io;

/// Counts the bytes that are written, and keeps none of them.
#[derive(Debug, Default)]
pub(crate) struct Counter(pub(crate) usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
