//! What waits to leave on one connection, as whole frames, and how it is written.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::net::tcp::OwnedWriteHalf;

use super::link::Link;

/// Slices per system call.
const SLICES: usize = 64;

/// Whole frames; only the first one may be partly written.
#[derive(Default)]
pub struct Output {
    chunks: VecDeque<Chunk>,
    /// Bytes that the library wrote.
    library_bytes: usize,
}

struct Chunk {
    bytes: Bytes,
    /// The length of a frame that was pushed, and is not the library's: it counts towards the connection's room.
    pushed: Option<usize>,
}

/// What a write has finished.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Written {
    pub bytes: usize,
    pub frames: usize,
    pub pushed_frames: usize,
    pub pushed_bytes: usize,
}

impl Output {
    pub fn push(&mut self, frame: Bytes) {
        self.chunks.push_back(Chunk { pushed: Some(frame.len()), bytes: frame });
    }

    pub fn push_library(&mut self, frame: Bytes) {
        self.library_bytes += frame.len();
        self.chunks.push_back(Chunk { bytes: frame, pushed: None });
    }

    /// Takes all that waits in `other`, behind what waits here.
    pub fn take(&mut self, other: &mut Output) {
        self.library_bytes += std::mem::take(&mut other.library_bytes);
        self.chunks.append(&mut other.chunks);
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub fn library_bytes(&self) -> usize {
        self.library_bytes
    }

    /// Frees everything.
    pub fn clear(&mut self) {
        *self = Output::default();
    }

    /// Hands as much as fits into one system call to `write`.
    pub fn write<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        if self.chunks.len() == 1 {
            return write(&[IoSlice::new(&self.chunks[0].bytes)]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(&chunk.bytes);
            count += 1;
        }
        write(&slices[..count])
    }

    /// Drops the first `bytes`, which have been written.
    pub fn advance(&mut self, bytes: usize) -> Written {
        let mut written = Written { bytes, ..Written::default() };
        let mut rest = bytes;
        while let Some(chunk) = self.chunks.front_mut()
            && rest > 0
        {
            let len = chunk.bytes.len();
            if chunk.pushed.is_none() {
                self.library_bytes -= len.min(rest);
            }
            if rest < len {
                chunk.bytes.advance(rest);
                break;
            }
            rest -= len;
            written.frames += 1;
            if let Some(pushed) = chunk.pushed {
                written.pushed_frames += 1;
                written.pushed_bytes += pushed;
            }
            self.chunks.pop_front();
        }
        written
    }
}

/// A way to write to a connection's stream from wherever its frames come from. A stream within TLS has none.
pub trait Shortcut: Send + Sync {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Shortcut for OwnedWriteHalf {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            // One piece goes out by the cheaper system call.
            [one] => OwnedWriteHalf::try_write(self, one),
            many => self.try_write_vectored(many),
        }
    }
}

thread_local! {
    static CORKED: RefCell<Option<Vec<Arc<Link>>>> = const { RefCell::new(None) };
}

/// Gathers what `hand_over` pushes on this thread, and gives back the links whose frames wait. They must be flushed.
pub fn corked(hand_over: impl FnOnce()) -> Vec<Arc<Link>> {
    CORKED.set(Some(Vec::new()));
    hand_over();
    CORKED.take().unwrap_or_default()
}

/// Notes that frames of `link` wait; false where nobody gathers on this thread.
pub(super) fn cork(link: &Arc<Link>) -> bool {
    CORKED.with_borrow_mut(|corked| corked.as_mut().map(|links| links.push(Arc::clone(link))).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_accounted_for_frame_by_frame() {
        let mut output = Output::default();
        output.push(Bytes::from_static(b"pushed"));
        output.push_library(Bytes::from_static(b"library"));
        output.push(Bytes::from_static(b"last"));
        assert_eq!(output.write(|slices| slices.iter().map(|slice| slice.len()).sum::<usize>()), 17);
        assert_eq!(output.advance(3), Written { bytes: 3, ..Written::default() });
        assert_eq!(output.advance(5), Written { bytes: 5, frames: 1, pushed_frames: 1, pushed_bytes: 6 });
        assert_eq!(output.library_bytes(), 5);
        assert_eq!(output.advance(9), Written { bytes: 9, frames: 2, pushed_frames: 1, pushed_bytes: 4 });
        assert!(output.is_empty());
        assert_eq!(output.library_bytes(), 0);
    }
}
