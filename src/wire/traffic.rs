//! What passed over one connection: counted by its I/O, read by whoever asks.

use std::sync::atomic::{AtomicU64, Ordering};

/// What passed over one connection so far; frames only after a WebSocket upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub frames_in: u64,
    pub frames_out: u64,
    pub compressed_in: Compressed,
    pub compressed_out: Compressed,
}

/// The messages of one direction that were compressed, and the bytes of their payloads on either side of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compressed {
    pub messages: u64,
    pub plain_bytes: u64,
    pub wire_bytes: u64,
}

#[derive(Default)]
pub(super) struct Counts {
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub frames_in: AtomicU64,
    pub frames_out: AtomicU64,
    pub compressed_in: CompressedCounts,
    pub compressed_out: CompressedCounts,
}

#[derive(Default)]
pub(super) struct CompressedCounts {
    messages: AtomicU64,
    plain_bytes: AtomicU64,
    wire_bytes: AtomicU64,
}

impl Counts {
    pub fn traffic(&self) -> Traffic {
        Traffic {
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            frames_in: self.frames_in.load(Ordering::Relaxed),
            frames_out: self.frames_out.load(Ordering::Relaxed),
            compressed_in: self.compressed_in.load(),
            compressed_out: self.compressed_out.load(),
        }
    }
}

impl CompressedCounts {
    pub fn add(&self, more: Compressed) {
        self.messages.fetch_add(more.messages, Ordering::Relaxed);
        self.plain_bytes.fetch_add(more.plain_bytes, Ordering::Relaxed);
        self.wire_bytes.fetch_add(more.wire_bytes, Ordering::Relaxed);
    }

    fn load(&self) -> Compressed {
        Compressed {
            messages: self.messages.load(Ordering::Relaxed),
            plain_bytes: self.plain_bytes.load(Ordering::Relaxed),
            wire_bytes: self.wire_bytes.load(Ordering::Relaxed),
        }
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, more: Self) {
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
        self.frames_in += more.frames_in;
        self.frames_out += more.frames_out;
        self.compressed_in += more.compressed_in;
        self.compressed_out += more.compressed_out;
    }
}

impl std::ops::AddAssign for Compressed {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.plain_bytes += more.plain_bytes;
        self.wire_bytes += more.wire_bytes;
    }
}

impl Compressed {
    pub fn message(plain_bytes: usize, wire_bytes: usize) -> Self {
        Compressed { messages: 1, plain_bytes: plain_bytes as u64, wire_bytes: wire_bytes as u64 }
    }
}
