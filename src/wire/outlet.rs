//! The way out to one Socket.IO session, over whatever transport carries it.
//!
//! A session begins on the library's path: its channel, then a polling answer or its WebSocket. From the first packet
//! on that finds the session on a WebSocket, packets go past the library, straight to the connection's [`Link`]: that
//! first packet still takes the library's path, and those behind it wait in the link until it has passed.

use std::sync::{Arc, Weak};

use serde_json::value::RawValue;
use socketioxide::extract::AckSender;
use socketioxide::handler::FromMessageParts;
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError, TransportType};
use socketioxide_core::Value;

use super::link::{Leave, Link};
use super::sessions::{Path, Session};
use crate::roster::outlet::{Outlet, Refused};
use crate::roster::packet::{Head, Packet, text_frame};

/// The Socket.IO packet that disconnects from the main namespace, in its Engine.IO packet.
const DISCONNECT: &[u8] = b"41";

pub struct SessionOutlet {
    /// Weak, because the library keeps a socket's handlers in the socket, and those may well hold its outlet.
    socket: Weak<Socket>,
    session: Arc<Session>,
}

impl SessionOutlet {
    /// The way out to `socket`; `None` where it was not opened through this server.
    pub fn to(socket: &Arc<Socket>) -> Option<Arc<dyn Outlet>> {
        let session = Session::of(socket)?;
        Some(Arc::new(SessionOutlet { socket: Arc::downgrade(socket), session }))
    }

    fn hand_over(&self, packet: &Packet, leave: Leave) -> Result<(), Refused> {
        if let Some(link) = self.session.direct.get() {
            return link.push_packet(packet, leave);
        }
        let mut path = self.session.path.lock();
        // Another task may have switched meanwhile.
        match self.session.direct.get() {
            Some(link) => link.push_packet(packet, leave),
            None => self.send_by_library(&mut path, packet),
        }
    }

    /// Sends through the library, and switches to the connection itself where a WebSocket carries the session.
    fn send_by_library(&self, path: &mut Path, packet: &Packet) -> Result<(), Refused> {
        let room = self.session.room;
        let len = packet.payload().len();
        if path.lengths.len() >= room.packets || (!path.lengths.is_empty() && path.bytes + len > room.bytes) {
            return Err(Refused::Full);
        }
        let socket = self.socket.upgrade().ok_or(Refused::Closed)?;
        match path.link.clone().filter(|_| socket.transport_type() == TransportType::Websocket) {
            Some(link) => self.switch(&socket, &link, packet)?,
            None => emit(&socket, packet.head(), packet.argument())?,
        }
        path.lengths.push_back(len);
        path.bytes += len;
        Ok(())
    }

    /// Sends `packet` as the last one by the library.
    fn switch(&self, socket: &Arc<Socket>, link: &Arc<Link>, packet: &Packet) -> Result<(), Refused> {
        let Some((argument, payload)) = marked(packet) else {
            return emit(socket, packet.head(), packet.argument());
        };
        link.hold_behind(payload);
        if let Err(refused) = emit(socket, packet.head(), &argument) {
            link.hold_nothing();
            return Err(refused);
        }
        let _ = self.session.direct.set(link.clone());
        Ok(())
    }
}

fn emit(socket: &Arc<Socket>, head: &Head, argument: &RawValue) -> Result<(), Refused> {
    let sent = match head {
        Head::Event(name) => socket.emit(name.as_ref(), argument),
        Head::Ack(id) => {
            // The library hands out acknowledgements only with the message that asks for one.
            let mut message = Value::Str("[]".into(), None);
            let Ok(ack) = AckSender::from_message_parts(socket, &mut message, &Some(*id));
            ack.send(argument)
        }
    };
    sent.map_err(|error| match error {
        SendError::Socket(SocketError::InternalChannelFull) => Refused::Full,
        SendError::Socket(SocketError::Closed) | SendError::Serialize(_) => Refused::Closed,
    })
}

impl Outlet for SessionOutlet {
    fn send(&self, packet: &Packet) -> Result<(), Refused> {
        self.hand_over(packet, Leave::Together)
    }

    fn send_now(&self, packet: &Packet) -> Result<(), Refused> {
        self.hand_over(packet, Leave::Now)
    }

    fn has_room(&self) -> bool {
        let room = self.session.room;
        let (packets, bytes) = self.session.waiting();
        packets <= room.packets / 2 && bytes <= room.bytes / 2
    }

    fn is_closed(&self) -> bool {
        // The library lets go of its socket when the session ends.
        self.socket.upgrade().is_none()
    }

    fn is_flushed(&self) -> bool {
        let direct = self.session.direct.get();
        let waiting = direct.map_or(0, |link| link.waiting().0);
        waiting == 0 && (direct.is_some_and(|link| link.is_open()) || self.session.path.lock().lengths.is_empty())
    }

    fn disconnect(&self) {
        let Some(socket) = self.socket.upgrade() else { return };
        match (self.session.direct.get(), self.session.link()) {
            (Some(link), _) => link.push_last(text_frame(DISCONNECT)),
            (None, Some(link)) if socket.transport_type() == TransportType::Websocket => link.end_after_disconnect(),
            _ => self.session.close_when_fetched(),
        }
        if socket.disconnect().is_err() && self.session.direct.get().is_none() {
            self.session.cut();
        }
    }

    fn cut(&self) {
        self.session.cut();
    }
}

/// The packet's argument with a space before its last brace, and the payload that results. Nothing that this program
/// sends has one there, so that the payload cannot be taken for an earlier, equal one. `None` for bare values.
fn marked(packet: &Packet) -> Option<(Box<RawValue>, Vec<u8>)> {
    let argument = packet.argument().get();
    let (inside, last) = argument.split_at(argument.len().checked_sub(1)?);
    if !matches!(last, "}" | "]") {
        return None;
    }
    let payload = packet.payload();
    let mut marked = payload[..payload.len() - 2].to_vec();
    marked.push(b' ');
    marked.extend_from_slice(&payload[payload.len() - 2..]);
    Some((RawValue::from_string(format!("{inside} {last}")).ok()?, marked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_packet_by_the_library_is_marked() {
        let packet = Packet::event("connected", &serde_json::json!({ "userId": "ann" }));
        let (argument, payload) = marked(&packet).expect("an object can be marked");
        assert_eq!(argument.get(), r#"{"userId":"ann" }"#);
        assert_eq!(payload, br#"42["connected",{"userId":"ann" }]"#);
        assert!(marked(&Packet::event("n", &1)).is_none());
    }
}
