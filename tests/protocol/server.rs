//! What the official protocol suites talk to: the Socket.IO and Engine.IO libraries that chatd is built on, from the same
//! lock file, with the echoes that the suites expect. It is no part of chatd. `tests/protocol/run` starts it.
//!
//! `protocol socketio PORT` or `protocol engineio PORT`

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::socket::DisconnectReason;
use engineioxide::{Socket, Str};
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef, TryData};
use tokio::net::TcpListener;

/// What the suites expect in the handshake.
const PING_INTERVAL: Duration = Duration::from_millis(300);
const PING_TIMEOUT: Duration = Duration::from_millis(200);
const MAX_PAYLOAD: u64 = 1_000_000;

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
    let [_, protocol, port] = std::env::args().collect::<Vec<_>>().try_into().expect("a protocol and a port");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("the port is free");
    println!("listening");
    match protocol.as_str() {
        "socketio" => {
            let (service, io) = SocketIo::builder()
                .ping_interval(PING_INTERVAL)
                .ping_timeout(PING_TIMEOUT)
                .max_payload(MAX_PAYLOAD)
                .connect_timeout(Duration::from_secs(1))
                .build_svc();
            io.ns("/", on_connect);
            io.ns("/custom", on_connect);
            serve(listener, service).await;
        }
        "engineio" => {
            let config = EngineIoConfig::builder()
                .ping_interval(PING_INTERVAL)
                .ping_timeout(PING_TIMEOUT)
                .max_payload(MAX_PAYLOAD)
                .build();
            serve(listener, EngineIoService::with_config(Arc::new(Echo), config)).await;
        }
        other => panic!("no such protocol: {other}"),
    }
}

async fn serve<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // The suites break connections on purpose.
            let _ = connection.with_upgrades().await;
        });
    }
}
