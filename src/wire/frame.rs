//! WebSocket frame headers (RFC 6455, section 5.2), as far as the connection's I/O reads and writes them.

use bytes::Bytes;

pub const TEXT: u8 = 0x1;

/// A frame's header, known as soon as the bytes of its length are.
pub struct Header {
    pub fin: bool,
    pub opcode: u8,
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
        let key = if second & 0x80 != 0 { 4 } else { 0 };
        Some(Header { fin: first & 0x80 != 0, opcode: first & 0x0f, len: len + key, payload })
    }
}

/// A close frame; `None` gives no reason, which is what an orderly end looks like to Engine.IO clients.
pub fn close(code: Option<u16>) -> Bytes {
    match code {
        None => Bytes::from_static(&[0x88, 0]),
        Some(code) => {
            let [high, low] = code.to_be_bytes();
            Bytes::copy_from_slice(&[0x88, 2, high, low])
        }
    }
}

/// A short text message as a client would send it, with a masking key that leaves its payload readable.
pub fn masked_text(payload: &[u8]) -> Vec<u8> {
    debug_assert!(payload.len() < 126, "longer ones have another header");
    let mut frame = vec![0x80 | TEXT, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// Follows a client's frames as their bytes pass, whatever way they are cut into reads.
#[derive(Default)]
pub struct Inbound {
    head: [u8; 10],
    have: usize,
    /// Bytes of the current frame, its masking key included, that have not passed yet.
    rest: u64,
    /// Payload bytes of the current message's fragments so far.
    message: u64,
    pub frames: u64,
}

impl Inbound {
    /// Passes over `bytes`.
    ///
    /// # Errors
    /// Where a frame or a message's fragments exceed `limit`: the offset in `bytes` at which the offending frame begins.
    pub fn follow(&mut self, bytes: &[u8], limit: u64) -> Result<(), usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.rest > 0 {
                let passed = self.rest.min((bytes.len() - at) as u64);
                self.rest -= passed;
                at += passed as usize;
                continue;
            }
            let start = if self.have == 0 { at } else { 0 };
            self.head[self.have] = bytes[at];
            self.have += 1;
            at += 1;
            let mut header = Header::parse(&self.head[..self.have]);
            while header.is_none() && at < bytes.len() {
                self.head[self.have] = bytes[at];
                self.have += 1;
                at += 1;
                header = Header::parse(&self.head[..self.have]);
            }
            let Some(header) = header else { return Ok(()) };
            self.rest = header.payload.saturating_add((header.len - self.have) as u64);
            self.have = 0;
            self.frames += 1;
            if header.payload > limit {
                return Err(start);
            }
            // Control frames may stand between the fragments of a message and are no part of it.
            if header.opcode < 0x8 {
                self.message = if header.opcode == 0 { self.message } else { 0 }.saturating_add(header.payload);
                if self.message > limit {
                    return Err(start);
                }
                if header.fin {
                    self.message = 0;
                }
            }
        }
        Ok(())
    }
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

    fn masked(fin: bool, opcode: u8, len: usize) -> Vec<u8> {
        let mut frame = vec![if fin { 0x80 | opcode } else { opcode }];
        match len {
            0..=125 => frame.push(0x80 | len as u8),
            126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + len, 7);
        frame
    }

    #[test]
    fn whole_messages_pass_in_reads_of_any_size() {
        let mut stream = Vec::new();
        for (fin, opcode, len) in [(true, 1, 5), (false, 1, 300), (true, 9, 4), (true, 0, 700), (true, 2, 1_000)] {
            stream.extend(masked(fin, opcode, len));
        }
        for step in 1..20 {
            let mut inbound = Inbound::default();
            for piece in stream.chunks(step) {
                assert_eq!(inbound.follow(piece, 1_000), Ok(()), "reads of {step}");
            }
            assert_eq!(inbound.frames, 5);
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_known_by_its_header() {
        let small = masked(true, 1, 10);
        let mut stream = small.clone();
        stream.extend(&masked(true, 1, 1_001)[..4]);
        assert_eq!(Inbound::default().follow(&stream, 1_000), Err(small.len()));
        assert_eq!(Inbound::default().follow(&[0x89, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 1_000), Err(0));
    }

    #[test]
    fn the_fragments_of_a_message_count_together() {
        let mut inbound = Inbound::default();
        assert_eq!(inbound.follow(&masked(false, 1, 600), 1_000), Ok(()));
        assert_eq!(inbound.follow(&masked(true, 9, 100), 1_000), Ok(()));
        assert_eq!(inbound.follow(&masked(false, 0, 401), 1_000), Err(0));
    }

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
