//! A Socket.IO packet encoded once, however many devices it goes to.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::value::RawValue;

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
}

/// What kind of packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    Event(&'static str),
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
        Self::encode(Head::Event(name), text, argument)
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
        Packet(Arc::new(Encoded { head, frame, payload: offset, argument, raw: OnceLock::new() }))
    }

    pub fn head(&self) -> Head {
        self.0.head
    }

    /// The WebSocket frame of this packet.
    pub fn frame(&self) -> &Bytes {
        &self.0.frame
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
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(0x81);
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
}
