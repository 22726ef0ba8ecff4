//! A client connects: its token is verified, its place counted, its device brought in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde_json::{Map, json};
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, MessageHandler};
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide_core::Value;

use super::detach::Headers;
use super::dispatch::{Dispatcher, Shared};
use super::outlet::SessionOutlet;
use super::payload::handshake::Handshake;
use super::sessions;
use crate::auth::{self, Identity};
use crate::domain::error::{Code, Error};
use crate::domain::hooks::{Arg, Person, Point};
use crate::domain::id::ConnectionId;
use crate::domain::time::Time;
use crate::roster::connection::Connection;
use crate::session::Session;
use crate::session::config::Config as Limits;
use crate::session::quota::{Place, Quotas};

/// Lets clients in; handed to the library for the namespace `/`.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    auth: Arc<ArcSwap<auth::config::Config>>,
    limits: Arc<ArcSwap<Limits>>,
    quotas: Arc<Quotas>,
    next_id: AtomicU64,
}

/// A client that may come in, between the two calls of the library. Where the second call never comes, dropping this
/// gives the place back.
#[derive(Clone)]
struct Admitted(Arc<Mutex<Option<Visitor>>>);

struct Visitor {
    dispatcher: Arc<Dispatcher>,
    handshake: Handshake,
    place: Place,
    transport: Arc<sessions::Session>,
}

/// Marks the handlers as such for the library, which tells them apart by it.
pub enum Raw {}

type Refused = Box<dyn std::fmt::Display + Send>;

impl Door {
    pub fn new(
        shared: Arc<Shared>,
        auth: Arc<ArcSwap<auth::config::Config>>,
        limits: Arc<ArcSwap<Limits>>,
        quotas: Arc<Quotas>,
    ) -> Self {
        Door(Arc::new(Inner { shared, auth, limits, quotas, next_id: AtomicU64::new(1) }))
    }

    async fn admit(&self, socket: &Arc<Socket>, auth: Option<&Value>) -> Result<(), Error> {
        if self.0.shared.draining.load(Ordering::Relaxed) {
            return Err(Error::unavailable("the server is going down, reconnect"));
        }
        let handshake = Handshake::parse(auth.and_then(Value::as_str).map(|auth| auth.as_str()))?;
        let token = match &handshake.token {
            Some(token) => Some(token.clone()),
            None => self.token_of_request(socket),
        };
        let token = token.ok_or_else(|| Error::new(Code::TokenMissing, "token: none was given"))?;
        let identity = self.0.shared.verifier.load_full().verify(&token).await?;
        let sanctions = self.0.shared.chat.sanctions();
        sanctions.may_enter(&identity.user, identity.token_id.as_deref(), identity.issued_at, Time::now())?;
        let place = self.0.quotas.take_place(&identity.user, &self.0.limits.load())?;
        let person = self.greeted(socket, &identity, &handshake).await?;
        let visitor = self.visitor(socket, &identity, person, handshake, place);
        let visitor = visitor.ok_or_else(|| Error::unavailable("the connection has ended"))?;
        // Before the client can know that it is in: its first event must find somebody to take it.
        socket.on_fallback(Events(Arc::clone(&visitor.dispatcher)));
        socket.extensions.insert(Admitted(Arc::new(Mutex::new(Some(visitor)))));
        Ok(())
    }

    /// Who the client is, as far as the plugins let it in.
    async fn greeted(
        &self,
        socket: &Arc<Socket>,
        identity: &Identity,
        handshake: &Handshake,
    ) -> Result<Arc<Person>, Error> {
        let person = Arc::new(Person {
            id: identity.user.clone(),
            name: identity.name.clone(),
            roles: identity.roles.clone(),
            claims: identity.claims.clone(),
        });
        let args = || {
            let transport = sessions::Session::of(socket);
            let headers = socket.req_parts().extensions.get::<Headers>().map(Headers::take).unwrap_or_default();
            let websocket = transport.as_ref().is_some_and(|transport| transport.link().is_some());
            let link = json!({
                "address": transport.map(|transport| transport.peer().address.to_string()),
                "device": handshake.device,
                "transport": if websocket { "websocket" } else { "polling" },
                "headers": headers.into_iter().map(|(name, value)| (name, value.into())).collect::<Map<_, _>>(),
            });
            vec![Arg::User(Arc::clone(&person)), Arg::Value(link)]
        };
        let ruled = self.0.shared.chat.rule(Point::Connect, args).await?;
        Ok(match &ruled.rewrite {
            Some(Arg::User(changed)) => Arc::clone(changed),
            _ => person,
        })
    }

    /// Makes a session of an admitted client.
    fn visitor(
        &self,
        socket: &Arc<Socket>,
        identity: &Identity,
        person: Arc<Person>,
        handshake: Handshake,
        place: Place,
    ) -> Option<Visitor> {
        let transport = sessions::Session::of(socket)?;
        let outlet = SessionOutlet::to(socket)?;
        let id = ConnectionId(self.0.next_id.fetch_add(1, Ordering::Relaxed));
        let span = tracing::info_span!(
            "connection",
            connection.id = %id,
            user.id = %identity.user,
            client.address = %transport.peer().address,
        );
        let connection = Arc::new(Connection::new(id, identity.user.clone(), handshake.device.clone(), outlet));
        let (limits, quotas) = (Arc::clone(&self.0.limits), Arc::clone(&self.0.quotas));
        let session = Arc::new(Session::new(connection, identity, person, limits, quotas));
        let shared = Arc::clone(&self.0.shared);
        let dispatcher = Dispatcher::new(shared, session, socket.id.to_string(), Arc::clone(&transport), span);
        Some(Visitor { dispatcher, handshake, place, transport })
    }

    /// The token of the request that opened the session: `Authorization: Bearer`, else `?token=` where it is allowed.
    fn token_of_request(&self, socket: &Socket) -> Option<String> {
        let request = socket.req_parts();
        let header = request.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        if bearer.is_some() || !self.0.auth.load().allow_query_token {
            return bearer;
        }
        let query = request.uri.query()?;
        // A JWT in compact form has no character that a URL would have to escape.
        query.split('&').find_map(|pair| pair.strip_prefix("token=")).map(str::to_owned)
    }

    /// Lets an admitted client in.
    fn open(socket: &Arc<Socket>) -> Option<()> {
        let admitted = socket.extensions.remove::<Admitted>()?;
        let Visitor { dispatcher, handshake, place, transport } = admitted.0.lock().take()?;
        transport.authenticated();
        let leaving = Arc::clone(&dispatcher);
        // The library calls a handler once and drops it, and the user's place with it.
        let place = Arc::new(place);
        socket.on_disconnect(move |reason: DisconnectReason| {
            drop(place);
            // There is one namespace: whoever leaves it has nothing more to do on this transport.
            if reason == DisconnectReason::ClientNSDisconnect {
                leaving.session().connection.cut();
            }
            if let Some(traffic) = transport.link().map(|link| link.traffic()) {
                leaving.span().in_scope(|| tracing::debug!(?traffic, "the WebSocket has ended"));
            }
            leaving.goodbye(why(reason));
            std::future::ready(())
        });
        dispatcher.hello(handshake);
        Some(())
    }
}

/// Why a client has gone, in the words of Socket.IO.
fn why(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::ClientNSDisconnect => "client disconnected",
        DisconnectReason::ServerNSDisconnect | DisconnectReason::ClosingServer => "server disconnected",
        DisconnectReason::HeartbeatTimeout => "ping timeout",
        _ => "transport closed",
    }
}

impl ConnectHandler<LocalAdapter, Raw> for Door {
    fn call(&self, socket: Arc<Socket>, _: Option<Value>) {
        if Door::open(&socket).is_none() {
            tracing::error!("a session was opened that nobody had admitted");
            // The client learns by the disconnect; where its channel is full it is gone anyway.
            let _ = socket.disconnect();
        }
    }

    fn call_middleware<'a>(
        &'a self,
        socket: Arc<Socket>,
        auth: &'a Option<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + 'a>> {
        Box::pin(async move {
            let outcome = self.admit(&socket, auth.as_ref()).await;
            self.0.shared.chat.tally().handshake(outcome.as_ref().err().map(|error| error.code));
            outcome.map_err(|error| {
                tracing::debug!(%error, "refused");
                Box::new(error) as Refused
            })
        })
    }
}

/// Takes the events of one connection as they come, without a task for each.
struct Events(Arc<Dispatcher>);

impl MessageHandler<LocalAdapter, Raw> for Events {
    fn call(&self, _: Arc<Socket>, event: Value, ack: Option<i64>) {
        match event {
            Value::Str(text, attachments) => {
                let has_binary = attachments.is_some_and(|list| !list.is_empty());
                self.0.event(text.as_str().to_owned(), has_binary, ack);
            }
            Value::Bytes(_) => self.0.event(String::new(), true, ack),
        }
    }
}
