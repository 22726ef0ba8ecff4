//! Socket.IO and HTTP in and out, down to the connection's bytes.
//!
//! | route | answers |
//! |---|---|
//! | `[server] path`, by default `/socket.io/` | Engine.IO: WebSocket, and polling with upgrade |
//! | `GET /api/socket/health` | 200 or 503 with the state of the Socket.IO server |
//! | the paths of an [`http::Annex`], where one is handed in | what that room says |
//! | anything else | 404 |
//!
//! From the bottom up: [`link`] and [`io`] carry the bytes of one connection, [`inbound`] holds what comes in to the
//! rules of WebSocket, [`extension`] agrees on compression, [`bind`] opens the listening sockets, [`listen`] accepts
//! connections, [`tls`] secures them, [`proxy`] and [`forwarded`] find the client behind a proxy, [`http`] routes requests
//! under the rules of [`cors`] and [`guard`], with a [`share`] of the room for each address, [`encoding`] compresses the
//! answers, [`sessions`] and [`outlet`] find the way back to a client, [`upgrade`] brings one that polls to a WebSocket, and
//! [`server`] builds it all. Above that, [`connect`] lets clients in, [`dispatch`] and [`verbs`] answer their events, and
//! [`deliver`] hands out what happened.

pub mod annex;
pub mod bind;
pub mod config;
pub mod connect;
pub mod cors;
pub mod deliver;
mod detach;
pub mod dispatch;
mod encoding;
pub mod event;
mod extension;
pub mod forwarded;
pub mod frame;
pub mod guard;
pub mod handshake;
pub mod health;
pub mod http;
mod inbound;
mod inflate;
pub mod io;
pub mod link;
pub mod listen;
pub mod outlet;
pub mod output;
mod overload;
pub mod payload;
pub mod peer;
mod poll;
pub mod proxy;
pub mod server;
pub mod sessions;
mod share;
pub mod side;
pub mod socket;
pub mod suites;
pub mod sweep;
pub mod tls;
pub mod traffic;
pub mod upgrade;
mod utf8;
mod verbs;
mod version;

#[cfg(test)]
mod tests;
