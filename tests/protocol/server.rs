//! What the official protocol suites talk to: chatd's connections and the libraries behind them, with the echoes that the
//! suites expect in the place of a chat. `tests/protocol/run` starts it, and it says where it listens.
//!
//! `protocol socketio` or `protocol engineio`

use std::sync::Arc;

use bytes::Bytes;
use chatd::suites;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::socket::DisconnectReason;
use engineioxide::{Socket, Str};
use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use socketioxide::extract::{AckSender, Data, SocketRef, TryData};

#[derive(Debug)]
struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<()>>) {
        let _ = socket.emit(message);
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<()>>) {
        let _ = socket.emit_binary(data);
    }
}

async fn on_connect(socket: SocketRef, auth: TryData<Value>) {
    // Without a payload the suite expects an empty object.
    let auth = auth.0.ok().filter(Value::is_object).unwrap_or_else(|| serde_json::json!({}));
    let _ = socket.emit("auth", &auth);
    socket.on("message", async |socket: SocketRef, Data(arguments): Data<Arguments>| {
        let _ = socket.emit("message-back", &arguments);
    });
    socket.on("message-with-ack", async |Data(arguments): Data<Arguments>, ack: AckSender| {
        let _ = ack.send(&arguments);
    });
}

/// All arguments of an event, attachments included, without its name.
struct Arguments(Vec<rmpv::Value>);

impl<'de> Deserialize<'de> for Arguments {
    /// As a tuple, whatever its length: this is how the library hands over all arguments.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Arguments;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Arguments, A::Error> {
                let mut arguments = Vec::new();
                while let Some(argument) = list.next_element()? {
                    arguments.push(argument);
                }
                Ok(Arguments(arguments))
            }
        }
        deserializer.deserialize_tuple(usize::MAX, List)
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|argument| tuple.serialize_element(argument))?;
        tuple.end()
    }
}

#[tokio::main]
async fn main() {
    let protocol = std::env::args().nth(1).expect("a protocol");
    let ready = |address: &str| println!("{address}");
    match protocol.as_str() {
        "socketio" => {
            let path = "/socket.io/";
            let (engine, io) = suites::socket_io(path);
            io.ns("/", on_connect);
            io.ns("/custom", on_connect);
            suites::serve(path, engine, ready).await;
        }
        "engineio" => {
            let config = EngineIoConfig::builder()
                .ping_interval(suites::PING_INTERVAL)
                .ping_timeout(suites::PING_TIMEOUT)
                .build();
            let service = EngineIoService::with_config(Arc::new(Echo), config);
            suites::serve("/engine.io/", suites::engine(service), ready).await;
        }
        other => panic!("no such protocol: {other}"),
    }
}
