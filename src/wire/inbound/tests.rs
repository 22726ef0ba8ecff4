use flate2::{Compress, Compression, FlushCompress};

use super::*;

const RULES: Rules = Rules { max_payload: 1_000, deflate: true };

/// A frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let key = [0xa1, 0x02, 0xb3, 0x04];
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn squeezed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 100);
    let mut state = Compress::new(Compression::new(6), false);
    state.compress_vec(text, &mut out, FlushCompress::Sync).expect("it compresses");
    out.truncate(out.len() - 4);
    out
}

/// What the library reads of a stream that comes in pieces, as messages and control frames, and how it ends.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    frames: Vec<(u8, Vec<u8>)>,
    broken: Option<Violation>,
    compressed: Compressed,
    passed: u64,
}

fn hear(stream: &[u8], rules: Rules, mut step: impl FnMut() -> usize) -> Heard {
    let (mut inbound, mut ready) = (Inbound::default(), BytesMut::new());
    let (mut heard, mut read) = (Heard::default(), Vec::new());
    let (mut stream, mut piece) = (stream.to_vec(), Vec::new());
    while !stream.is_empty() || !piece.is_empty() {
        if piece.is_empty() {
            piece = stream.drain(..step().min(stream.len())).collect();
        }
        let taken = inbound.take(&mut piece, rules, &mut ready);
        read.extend_from_slice(&piece[..taken.passed]);
        read.extend_from_slice(&ready.split());
        heard.compressed += taken.compressed;
        heard.broken = taken.broken;
        if taken.broken.is_some() {
            break;
        }
        piece.drain(..taken.consumed);
    }
    heard.passed = inbound.frames;
    let (mut read, mut message) = (&read[..], None);
    while let Some(header) = Header::parse(read).filter(|header| read.len() >= header.len + header.payload as usize) {
        assert!(header.masked && header.rsv == 0 && read[header.len - 4..header.len] == [0; 4]);
        let payload = &read[header.len..header.len + header.payload as usize];
        if header.opcode >= CLOSE {
            heard.frames.push((header.opcode, payload.to_vec()));
        } else {
            let (opcode, mut so_far) = message.take().unwrap_or((header.opcode, Vec::new()));
            so_far.extend_from_slice(payload);
            if header.fin {
                heard.frames.push((opcode, so_far));
            } else {
                message = Some((opcode, so_far));
            }
        }
        read = &read[header.len + header.payload as usize..];
    }
    heard
}

fn whole(stream: &[u8]) -> Heard {
    hear(stream, RULES, || usize::MAX)
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Frames as clients send them, and some as none should.
fn random_stream(chance: &mut Chance) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..chance.below(12) {
        let text: String = (0..chance.below(120)).map(|_| ["a", "ß", "€", "👋", "{}"][chance.below(5)]).collect();
        let (opcode, payload) = match chance.below(3) {
            0 => (TEXT, text.clone().into_bytes()),
            1 => (RSV1 | TEXT, squeezed(text.as_bytes())),
            _ => (RSV1 | BINARY, squeezed(&[7; 900])),
        };
        let mut parts = Vec::new();
        let mut rest = &payload[..];
        while !rest.is_empty() && chance.below(3) > 0 {
            let (part, more) = rest.split_at(chance.below(rest.len() + 1));
            parts.push(part);
            rest = more;
        }
        parts.push(rest);
        let last = parts.len() - 1;
        for (at, part) in parts.iter().enumerate() {
            let first = if at == 0 { opcode } else { CONTINUATION } | if at == last { 0x80 } else { 0 };
            stream.extend(frame(first, part));
            match chance.below(40) {
                0 => stream.extend(frame(0x80 | PING, b"are you there?")),
                1 => stream.extend(frame(0x80 | PONG, b"")),
                2 => stream.extend(frame(0x80 | CLOSE, &[0x03, 0xe8, b'b', b'y', b'e'])),
                3 => stream.extend(frame([0x80, 0x83, 0xa1, 0x09, 0xc9, 0x82][chance.below(6)], b"\xff")),
                4 if !stream.is_empty() => {
                    let at = chance.below(stream.len());
                    stream[at] ^= 1 << chance.below(8);
                }
                _ => {}
            }
        }
    }
    stream
}

#[test]
fn how_a_stream_is_cut_into_reads_makes_no_difference() {
    let (mut broken, mut compressed) = (0, 0);
    for seed in 1..3_000 {
        let stream = random_stream(&mut Chance(seed));
        let expected = whole(&stream);
        broken += u64::from(expected.broken.is_some());
        compressed += expected.compressed.messages;
        let mut chance = Chance(seed * 31);
        assert_eq!(hear(&stream, RULES, || 1), expected, "seed {seed}, byte by byte");
        assert_eq!(hear(&stream, RULES, || 1 + chance.below(50)), expected, "seed {seed}, in pieces");
    }
    assert!(broken > 300 && compressed > 3_000, "{broken} broken, {compressed} compressed: the streams say something");
}

#[test]
fn what_was_sent_is_what_the_library_reads() {
    let long = "long ".repeat(150);
    let binary = squeezed(&[9; 1_000]);
    let stream = [
        frame(0x81, b"plain"),
        frame(0x82, &[0xff; 300]),
        frame(0xc1, &squeezed(long.as_bytes())),
        frame(0x42, &binary[..3]),
        frame(0x89, b"ping"),
        frame(0x00, &binary[3..]),
        frame(0x8a, b""),
        frame(0x80, b""),
        frame(0x01, "Gr\u{fc}".as_bytes().split_at(3).0),
        frame(0x80, "Gr\u{fc}".as_bytes().split_at(3).1),
        frame(0x88, b"\x03\xe8bye"),
        frame(0x81, b"late"),
    ];
    let heard = whole(&stream.concat());
    let expected: [(u8, &[u8]); 8] = [
        (TEXT, b"plain"),
        (BINARY, &[0xff; 300]),
        (TEXT, long.as_bytes()),
        (PING, b"ping"),
        (PONG, b""),
        (BINARY, &[9; 1_000]),
        (TEXT, "Gr\u{fc}".as_bytes()),
        (CLOSE, b"\x03\xe8bye"),
    ];
    assert_eq!(heard.frames, expected.map(|(opcode, payload)| (opcode, payload.to_vec())));
    assert_eq!(heard.broken, None);
    assert_eq!(heard.passed, 11, "what follows a close frame is not looked at");
    let wire_bytes = squeezed(long.as_bytes()).len() + binary.len();
    assert_eq!(heard.compressed, Compressed { messages: 2, plain_bytes: 1_750, wire_bytes: wire_bytes as u64 });
}

#[test]
fn what_came_before_a_violation_is_heard() {
    let stream = [frame(0x81, b"one"), frame(0xc1, &squeezed(b"two")), frame(0x81, b"three"), frame(0x83, b"four")];
    let heard = whole(&stream.concat());
    assert_eq!(heard.frames.iter().map(|(_, text)| &text[..]).collect::<Vec<_>>(), [&b"one"[..], b"two", b"three"]);
    assert_eq!(heard.broken, Some(Violation::Protocol("the opcode is unknown")));
}

#[test]
fn a_message_over_the_limit_is_known_by_its_header() {
    let small = frame(0x81, b"small");
    let header = &frame(0x81, &[b'x'; 1_001])[..4];
    assert_eq!(whole(&[&small, header].concat()).broken, Some(Violation::TooBig));
    assert_eq!(whole(&frame(0x81, &[b'x'; 1_000])).broken, None);
    let fragments = [frame(0x01, &[b'x'; 600]), frame(0x89, &[b'x'; 100]), frame(0x80, &[b'x'; 401])];
    assert_eq!(whole(&fragments.concat()).broken, Some(Violation::TooBig));
}

#[test]
fn a_bomb_is_cut_at_the_limit() {
    let bomb = squeezed(&vec![0; 500_000]);
    assert!(bomb.len() < 1_000);
    let (mut inbound, mut ready) = (Inbound::default(), BytesMut::new());
    let taken = inbound.take(&mut frame(0xc2, &bomb), RULES, &mut ready);
    assert_eq!(taken.broken, Some(Violation::TooBig));
    assert!(ready.is_empty() && ready.capacity() < 10_000, "{} bytes", ready.capacity());
    assert_eq!(whole(&frame(0xc2, &squeezed(&[0; 1_000]))).broken, None);
    assert_eq!(whole(&frame(0xc2, &squeezed(&[0; 1_001]))).broken, Some(Violation::TooBig));
}

#[test]
fn many_small_bombs_are_inflated_one_after_the_other() {
    let rules = Rules { max_payload: 100_000, deflate: true };
    let bombs = frame(0xc2, &squeezed(&vec![0; 100_000])).repeat(50);
    let (mut inbound, mut ready, mut bytes, mut messages) = (Inbound::default(), BytesMut::new(), bombs, 0);
    while !bytes.is_empty() {
        let taken = inbound.take(&mut bytes, rules, &mut ready);
        assert_eq!((taken.compressed.messages, ready.len()), (1, 100_014));
        messages += 1;
        ready.clear();
        bytes.drain(..taken.consumed);
    }
    assert_eq!(messages, 50);
}

#[test]
fn blocks_may_end_for_good_and_begin_again() {
    // The examples of RFC 7692, section 7.2.3: in one frame, without compression, with the final bit, in two blocks.
    let examples: [&[u8]; 4] = [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
    ];
    for example in examples {
        let heard = whole(&frame(0xc1, example));
        assert_eq!(heard.frames, [(TEXT, b"Hello".to_vec())], "{example:02x?}: {:?}", heard.broken);
    }
    let nonsense = whole(&frame(0xc1, &[0xff; 20]));
    assert_eq!(nonsense.broken, Some(Violation::Data("a message cannot be decompressed")));
}
