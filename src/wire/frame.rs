//! WebSocket frame headers (RFC 6455, section 5.2), as far as the connection's I/O reads and writes them.

use bytes::{BufMut, Bytes, BytesMut};

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
/// The first of the control frames, whose opcodes are all above those of data.
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// Reserved bits; permessage-deflate sets the first one on a compressed message's first frame.
pub const RSV1: u8 = 0x40;
pub const RSV2: u8 = 0x20;
pub const RSV3: u8 = 0x10;

/// A frame's header, known as soon as the bytes of its length are.
pub struct Header {
    pub fin: bool,
    /// The reserved bits, where they stand in the first byte.
    pub rsv: u8,
    pub opcode: u8,
    pub masked: bool,
    /// With the masking key, which may still be on its way.
    pub len: usize,
    pub payload: u64,
}

impl Header {
    /// Reads the header at the front of `bytes`; `None` while its length bytes are incomplete.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (len, payload) = match second & 0x7f {
            126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
            short => (2, u64::from(short)),
        };
        let masked = second & 0x80 != 0;
        Some(Header {
            fin: first & 0x80 != 0,
            rsv: first & (RSV1 | RSV2 | RSV3),
            opcode: first & 0x0f,
            masked,
            len: if masked { len + 4 } else { len },
            payload,
        })
    }

    /// Whether the length is written in the fewest bytes, and is one at all: the highest bit of eight must be 0.
    pub fn is_shortest(&self) -> bool {
        match self.len - if self.masked { 4 } else { 0 } {
            2 => true,
            4 => self.payload > 125,
            _ => self.payload > 0xffff && self.payload >> 63 == 0,
        }
    }
}

/// What a client did that ends its connection, with the words that tell its developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Against the protocol.
    Protocol(&'static str),
    /// A message that is not what its type says.
    Data(&'static str),
    /// A message over the limit.
    TooBig,
}

impl Violation {
    /// The code of RFC 6455, section 7.4.1.
    fn code(self) -> u16 {
        match self {
            Violation::Protocol(_) => 1002,
            Violation::Data(_) => 1007,
            Violation::TooBig => 1009,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Violation::Protocol(reason) | Violation::Data(reason) => reason,
            Violation::TooBig => "the message is too big",
        }
    }
}

/// A close frame; `None` gives no reason, which is what an orderly end looks like to Engine.IO clients.
pub fn close(violation: Option<Violation>) -> Bytes {
    let Some(violation) = violation else { return Bytes::from_static(&[0x80 | CLOSE, 0]) };
    let reason = violation.reason();
    let mut frame = BytesMut::with_capacity(4 + reason.len());
    frame.put_u8(0x80 | CLOSE);
    frame.put_u8(2 + reason.len() as u8);
    frame.put_u16(violation.code());
    frame.put_slice(reason.as_bytes());
    frame.freeze()
}

/// The answer to a PING frame with this payload.
pub fn pong(payload: &[u8]) -> Bytes {
    debug_assert!(payload.len() < 126, "longer ones are in no control frame");
    let mut frame = BytesMut::with_capacity(2 + payload.len());
    frame.put_u8(0x80 | PONG);
    frame.put_u8(payload.len() as u8);
    frame.put_slice(payload);
    frame.freeze()
}

/// A short text message as a client would send it, with a masking key that leaves its payload readable.
pub fn masked_text(payload: &[u8]) -> Vec<u8> {
    debug_assert!(payload.len() < 126, "longer ones have another header");
    let mut frame = vec![0x80 | TEXT, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// Finds where an HTTP head ends: the empty line, with or without carriage returns, as hyper takes both.
#[derive(Clone, Copy, Default)]
pub struct HeadEnd {
    newlines: u8,
}

impl HeadEnd {
    /// The offset behind the head's end where it lies in `bytes`.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => self.newlines += 1,
                b'\r' => {}
                _ => self.newlines = 0,
            }
            if self.newlines == 2 {
                self.newlines = 0;
                return Some(at + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_its_empty_line() {
        for (text, end) in [("a\r\n\r\nrest", Some(5)), ("a\n\nrest", Some(3)), ("a\r\nb\r\n", None)] {
            assert_eq!(HeadEnd::default().find(text.as_bytes()), end, "{text:?}");
            let mut split = HeadEnd::default();
            let found = text.bytes().position(|byte| split.find(&[byte]).is_some()).map(|at| at + 1);
            assert_eq!(found, end, "{text:?} byte by byte");
        }
    }
}
