//! A Socket.IO packet encoded once, however many devices it goes to.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::value::RawValue;

use super::deflate::{self, NARROWEST_COMPRESSED, WIDEST_WINDOW};

/// An event or an acknowledgement, ready for every transport. A clone shares the bytes.
#[derive(Clone, Debug)]
pub struct Packet(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    head: Head,
    /// A text frame of a server (RFC 6455, section 5.2): unmasked, unfragmented, `4` + the Socket.IO packet.
    frame: Bytes,
    /// Where the payload begins in `frame`.
    payload: usize,
    /// Where the JSON of the argument lies in `frame`.
    argument: std::ops::Range<usize>,
    /// The same JSON for the way through the Engine.IO library, made when first asked for.
    raw: OnceLock<Box<RawValue>>,
    /// The compressed frame, made when first asked for; `None` inside where compressing does not make it smaller.
    compressed: OnceLock<Option<Bytes>>,
    /// The same for windows that are smaller than the payload, by their size.
    narrow: OnceLock<Box<Narrow>>,
}

type Narrow = [OnceLock<Option<Bytes>>; (WIDEST_WINDOW - NARROWEST_COMPRESSED) as usize];

/// What kind of packet it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    Event(Cow<'static, str>),
    /// The answer to the event that the client numbered so.
    Ack(i64),
}

impl Packet {
    /// An event with one argument. `argument` must serialise; the payload structs of `wire` all do.
    pub fn event<T: Serialize + ?Sized>(name: &'static str, argument: &T) -> Self {
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(b"42[\"");
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"\",");
        Self::encode(Head::Event(name.into()), text, argument)
    }

    /// An event whose name is anybody's.
    pub fn custom<T: Serialize + ?Sized>(name: String, argument: &T) -> Self {
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(b"42[");
        serde_json::to_writer(&mut text, &name).expect("a string is JSON");
        text.push(b',');
        Self::encode(Head::Event(name.into()), text, argument)
    }

    /// The acknowledgement of the event that the client numbered `id`.
    pub fn ack<T: Serialize + ?Sized>(id: i64, argument: &T) -> Self {
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(b"43");
        text.extend_from_slice(id.to_string().as_bytes());
        text.push(b'[');
        Self::encode(Head::Ack(id), text, argument)
    }

    fn encode<T: Serialize + ?Sized>(head: Head, mut text: Vec<u8>, argument: &T) -> Self {
        let start = text.len();
        serde_json::to_writer(&mut text, argument).expect("payloads have string keys and no failing serialiser");
        let end = text.len();
        text.push(b']');
        let frame = text_frame(&text);
        let offset = frame.len() - text.len();
        let argument = start + offset..end + offset;
        Packet(Arc::new(Encoded {
            head,
            frame,
            payload: offset,
            argument,
            raw: OnceLock::new(),
            compressed: OnceLock::new(),
            narrow: OnceLock::new(),
        }))
    }

    pub fn head(&self) -> &Head {
        &self.0.head
    }

    /// The WebSocket frame of this packet.
    pub fn frame(&self) -> &Bytes {
        &self.0.frame
    }

    /// The compressed frame of this packet for a client whose window is two to the power of `window_bits`; `None` where
    /// the plain one is no larger. It is made once, at the `level` of whoever asks first, and shared.
    pub fn compressed_frame(&self, window_bits: u8, level: u8) -> Option<&Bytes> {
        let make = |window_bits| move || compressed_text_frame(self.payload(), window_bits, level);
        // Nothing in a payload refers further back than to its beginning.
        if window_bits >= WIDEST_WINDOW || self.payload().len() <= 1 << window_bits {
            return self.0.compressed.get_or_init(make(WIDEST_WINDOW)).as_ref();
        }
        let at = window_bits.checked_sub(NARROWEST_COMPRESSED)?;
        self.0.narrow.get_or_init(Box::default)[usize::from(at)].get_or_init(make(window_bits)).as_ref()
    }

    /// The Engine.IO payload of this packet: what the frame carries behind its header.
    pub fn payload(&self) -> &[u8] {
        &self.0.frame[self.0.payload..]
    }

    /// The argument as JSON.
    pub fn argument(&self) -> &RawValue {
        self.0.raw.get_or_init(|| {
            let json = std::str::from_utf8(&self.0.frame[self.0.argument.clone()]).expect("serde_json writes UTF-8");
            RawValue::from_string(json.to_owned()).expect("serde_json writes JSON")
        })
    }
}

/// An unmasked, unfragmented text frame, as a server sends it.
pub fn text_frame(payload: &[u8]) -> Bytes {
    frame(0x81, payload)
}

/// The same, compressed (RFC 7692): with the first reserved bit set. `None` where that is not smaller.
pub fn compressed_text_frame(payload: &[u8], window_bits: u8, level: u8) -> Option<Bytes> {
    Some(frame(0xc1, &deflate::compress(payload, window_bits, level)?))
}

fn frame(first: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(first);
    match payload.len() {
        len @ 0..=125 => frame.put_u8(len as u8),
        len @ 126..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(len as u16);
        }
        len => {
            frame.put_u8(127);
            frame.put_u64(len as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_one_frame_and_one_argument() {
        let event = Packet::event("typing:start", &serde_json::json!({ "userId": "ann" }));
        assert_eq!(event.payload(), br#"42["typing:start",{"userId":"ann"}]"#);
        assert_eq!(&event.frame()[..2], &[0x81, event.payload().len() as u8]);
        assert_eq!(event.argument().get(), r#"{"userId":"ann"}"#);

        let custom = Packet::custom("say \"hi\"".into(), &1);
        assert_eq!(custom.payload(), br#"42["say \"hi\"",1]"#);

        let ack = Packet::ack(120, &serde_json::json!({ "ok": true }));
        assert_eq!(ack.payload(), br#"43120[{"ok":true}]"#);
        assert_eq!(ack.argument().get(), r#"{"ok":true}"#);
    }

    #[test]
    fn the_header_grows_with_the_payload() {
        for (len, header) in [(100, 2), (200, 4), (70_000, 10)] {
            let packet = Packet::event("e", &"x".repeat(len));
            assert_eq!(packet.frame().len() - packet.payload().len(), header, "{len}");
        }
    }

    #[test]
    fn a_packet_is_compressed_once_for_all_whose_window_holds_it() {
        let packet = Packet::event("e", &"over and over ".repeat(200));
        let frame = packet.compressed_frame(15, 3).expect("it repeats itself");
        assert_eq!(frame[0], 0xc1);
        assert!(frame.len() < packet.frame().len() / 10);
        assert!(std::ptr::eq(frame, packet.clone().compressed_frame(12, 9).expect("2,815 bytes fit into 4,096")));

        let narrow = packet.compressed_frame(9, 3).expect("it repeats itself within 512 bytes too");
        assert!(!std::ptr::eq(frame, narrow));
        assert!(std::ptr::eq(narrow, packet.compressed_frame(9, 3).expect("made once")));
        assert_eq!(packet.compressed_frame(8, 3), None, "no compressor has so small a window");
        assert_eq!(Packet::event("e", &1).compressed_frame(15, 3), None);
    }
}
