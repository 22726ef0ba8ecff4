//! What a client sends over its WebSocket: held to RFC 6455 and RFC 7692 as its bytes pass, whatever way they are cut
//! into reads.
//!
//! The library gets what it understands: frames that are well-formed, masked with a key of zeroes because the mask is
//! taken off here, and messages that came compressed in one plain frame each.

use bytes::BytesMut;

use super::frame::{BINARY, CLOSE, CONTINUATION, Header, PING, PONG, RSV1, RSV2, RSV3, TEXT, Violation};
use super::inflate::inflate;
use super::traffic::Compressed;
use super::utf8::Utf8;

/// What was inflated is handed over before more is inflated, from so many bytes on.
const READY_BYTES: usize = 16 * 1024;

const MASK_LEN: usize = 4;
const LONGEST_HEADER: usize = 14;

/// What holds for one connection at this moment.
#[derive(Clone, Copy)]
pub struct Rules {
    pub max_payload: u64,
    /// permessage-deflate was agreed on.
    pub deflate: bool,
}

/// What became of the bytes of one read.
#[derive(Default)]
pub struct Taken {
    /// So many of them are for the library, where they lie.
    pub passed: usize,
    /// So many were looked at; the rest is for another turn, when `ready` is empty.
    pub consumed: usize,
    pub compressed: Compressed,
    /// Nothing behind this counts any more.
    pub broken: Option<Violation>,
}

#[derive(Default)]
pub struct Inbound {
    head: [u8; LONGEST_HEADER],
    have: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    text: Utf8,
    /// Of a close frame: the bytes of its code.
    code: [u8; 2],
    reason: Utf8,
    /// A close frame has passed, or what came broke the rules.
    closed: bool,
    /// What there is of a compressed message.
    squeezed: Vec<u8>,
    pub frames: u64,
}

/// A frame whose header has passed.
#[derive(Clone, Copy)]
struct Frame {
    opcode: u8,
    fin: bool,
    key: [u8; MASK_LEN],
    passed: u64,
    len: u64,
}

/// A message whose last frame has not passed.
#[derive(Clone, Copy)]
struct Message {
    opcode: u8,
    compressed: bool,
    len: u64,
}

/// The way to the library: as long as bytes stay what and where they are, they need not be copied.
struct Way<'a> {
    passed: usize,
    in_place: bool,
    ready: &'a mut BytesMut,
}

impl Way<'_> {
    fn pass(&mut self, bytes: &[u8], from: usize, to: usize) {
        if self.in_place {
            self.passed = to;
        } else {
            self.ready.extend_from_slice(&bytes[from..to]);
        }
    }

    fn leave_out(&mut self) {
        self.in_place = false;
    }
}

impl Inbound {
    /// Looks at `bytes` and unmasks them where they lie. What cannot stay in its place is appended to `ready`, which
    /// comes behind what was passed.
    pub fn take(&mut self, bytes: &mut [u8], rules: Rules, ready: &mut BytesMut) -> Taken {
        let mut taken = Taken::default();
        let mut way = Way { passed: 0, in_place: true, ready };
        taken.broken = self.walk(bytes, rules, &mut way, &mut taken).err();
        taken.passed = way.passed;
        self.closed |= taken.broken.is_some();
        taken
    }

    fn walk(&mut self, bytes: &mut [u8], rules: Rules, way: &mut Way<'_>, taken: &mut Taken) -> Result<(), Violation> {
        let mut at = 0;
        while at < bytes.len() && way.ready.len() < READY_BYTES {
            if self.closed {
                way.leave_out();
                at = bytes.len();
                break;
            }
            let start = at;
            let mut frame = match self.frame {
                Some(frame) => frame,
                None => {
                    let frame = self.header(bytes, &mut at, rules)?;
                    if self.is_compressed() {
                        way.leave_out();
                    } else {
                        way.pass(bytes, start, at);
                    }
                    let Some(frame) = frame else { break };
                    frame
                }
            };
            let len = (frame.len - frame.passed).min((bytes.len() - at) as u64) as usize;
            let piece = &mut bytes[at..at + len];
            unmask(piece, frame.key, frame.passed);
            match (frame.opcode, self.message) {
                (CLOSE, _) => self.close(piece, frame.passed)?,
                (PING | PONG, _) => {}
                (_, Some(Message { compressed: true, .. })) => self.squeezed.extend_from_slice(piece),
                (_, Some(Message { opcode: TEXT, .. })) => self.text.feed(piece).map_err(|_| NOT_UTF8)?,
                _ => {}
            }
            let compressed = self.is_compressed();
            frame.passed += len as u64;
            self.frame = Some(frame);
            if frame.passed == frame.len {
                // Before its last piece passes, so that the library has no say in what is wrong with it.
                self.finish(frame, rules, way, taken)?;
                self.frame = None;
                self.have = 0;
                self.frames += 1;
            }
            if compressed {
                way.leave_out();
            } else {
                way.pass(bytes, at, at + len);
            }
            at += len;
        }
        taken.consumed = at;
        Ok(())
    }

    /// Whether the frame at hand is part of a compressed message; known from its first byte on.
    fn is_compressed(&self) -> bool {
        let opcode = self.head[0] & 0x0f;
        self.head[0] & RSV1 != 0 || (opcode == CONTINUATION && self.message.is_some_and(|message| message.compressed))
    }

    /// Reads on in a header, and puts zeroes in place of its masking key; `None` while it is not whole.
    fn header(&mut self, bytes: &mut [u8], at: &mut usize, rules: Rules) -> Result<Option<Frame>, Violation> {
        while *at < bytes.len() {
            // The key comes last, behind the length.
            let is_key = Header::parse(&self.head[..self.have]).is_some();
            self.head[self.have] = if is_key { std::mem::take(&mut bytes[*at]) } else { bytes[*at] };
            self.have += 1;
            *at += 1;
            let Some(header) = Header::parse(&self.head[..self.have]) else { continue };
            if !is_key {
                self.judge(&header, rules)?;
            }
            if self.have == header.len {
                return Ok(Some(self.begin(&header)));
            }
        }
        Ok(None)
    }

    /// Whether a frame may come with this header and at this moment.
    fn judge(&self, header: &Header, rules: Rules) -> Result<(), Violation> {
        let Header { fin, rsv, opcode, masked, payload, .. } = *header;
        let compressible = rules.deflate && matches!(opcode, TEXT | BINARY);
        if rsv & (RSV2 | RSV3) != 0 || (rsv & RSV1 != 0 && !compressible) {
            return Err(Violation::Protocol("a reserved bit is set"));
        }
        if !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            return Err(Violation::Protocol("the opcode is unknown"));
        }
        if !masked {
            return Err(Violation::Protocol("a frame is not masked"));
        }
        if !header.is_shortest() {
            return Err(Violation::Protocol("a length is not in its shortest form"));
        }
        if opcode >= CLOSE {
            return match (fin, opcode, payload) {
                (false, ..) => Err(Violation::Protocol("a control frame is fragmented")),
                (_, _, 126..) => Err(Violation::Protocol("a control frame is too long")),
                (_, CLOSE, 1) => Err(Violation::Protocol("half of a close code")),
                _ => Ok(()),
            };
        }
        match (opcode, self.message) {
            (CONTINUATION, None) => return Err(Violation::Protocol("there is nothing to continue")),
            (TEXT | BINARY, Some(_)) => return Err(Violation::Protocol("a message begins within another")),
            _ => {}
        }
        let before = self.message.map_or(0, |message| message.len);
        if before.saturating_add(payload) > rules.max_payload {
            return Err(Violation::TooBig);
        }
        Ok(())
    }

    fn begin(&mut self, header: &Header) -> Frame {
        if matches!(header.opcode, TEXT | BINARY) {
            self.message = Some(Message { opcode: header.opcode, compressed: header.rsv & RSV1 != 0, len: 0 });
        }
        if header.opcode < CLOSE
            && let Some(message) = &mut self.message
        {
            message.len += header.payload;
        }
        let mut key = [0; MASK_LEN];
        key.copy_from_slice(&self.head[header.len - MASK_LEN..header.len]);
        Frame { opcode: header.opcode, fin: header.fin, key, passed: 0, len: header.payload }
    }

    /// A piece of a close frame's payload, which begins at `offset`.
    fn close(&mut self, piece: &[u8], offset: u64) -> Result<(), Violation> {
        let of_code = (2_usize.saturating_sub(offset as usize)).min(piece.len());
        let (code, reason) = piece.split_at(of_code);
        for (byte, at) in code.iter().zip(offset as usize..) {
            self.code[at] = *byte;
        }
        self.reason.feed(reason).map_err(|_| Violation::Data("the reason of a close frame is not UTF-8"))
    }

    /// The last byte of a frame has passed.
    fn finish(&mut self, frame: Frame, rules: Rules, way: &mut Way<'_>, taken: &mut Taken) -> Result<(), Violation> {
        if frame.opcode == CLOSE {
            if frame.len > 0 && !may_be_sent(u16::from_be_bytes(self.code)) {
                return Err(Violation::Protocol("the close code is none that may be sent"));
            }
            if !self.reason.is_whole() {
                return Err(Violation::Data("the reason of a close frame is not UTF-8"));
            }
            self.closed = true;
        }
        if frame.opcode >= CLOSE || !frame.fin {
            return Ok(());
        }
        let Some(message) = self.message.take() else { return Ok(()) };
        if message.compressed {
            let squeezed = std::mem::take(&mut self.squeezed);
            let plain_bytes = emit_inflated(message.opcode, &squeezed, rules, way.ready)?;
            taken.compressed += Compressed::message(plain_bytes, squeezed.len());
        } else if !self.text.is_whole() {
            return Err(NOT_UTF8);
        }
        Ok(())
    }
}

const NOT_UTF8: Violation = Violation::Data("a text message is not UTF-8");

/// Appends the message that `squeezed` stands for as one frame, and tells its length.
fn emit_inflated(opcode: u8, squeezed: &[u8], rules: Rules, ready: &mut BytesMut) -> Result<usize, Violation> {
    let start = ready.len();
    let limit = usize::try_from(rules.max_payload).unwrap_or(usize::MAX - 1);
    ready.resize(start + LONGEST_HEADER, 0);
    let inflated = inflate(squeezed, limit, ready).and_then(|()| {
        let is_text = opcode != TEXT || std::str::from_utf8(&ready[start + LONGEST_HEADER..]).is_ok();
        is_text.then_some(()).ok_or(NOT_UTF8)
    });
    if let Err(violation) = inflated {
        ready.truncate(start);
        return Err(violation);
    }
    let len = ready.len() - start - LONGEST_HEADER;
    let header = &mut ready[start..start + LONGEST_HEADER];
    header[0] = 0x80 | opcode;
    header[1] = 0x80 | 127;
    header[2..10].copy_from_slice(&(len as u64).to_be_bytes());
    Ok(len)
}

/// Takes the mask off a piece that begins at `offset` of its frame's payload.
fn unmask(piece: &mut [u8], key: [u8; MASK_LEN], offset: u64) {
    let mut key = key;
    key.rotate_left((offset % MASK_LEN as u64) as usize);
    let mut words = piece.chunks_exact_mut(MASK_LEN);
    for word in &mut words {
        for (byte, mask) in word.iter_mut().zip(key) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(key) {
        *byte ^= mask;
    }
}

/// The codes of RFC 6455, section 7.4, and of the registry that it sets up, as far as the library knows them.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999)
}

#[cfg(test)]
mod tests;
