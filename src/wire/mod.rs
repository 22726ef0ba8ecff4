//! Socket.IO and HTTP in and out, down to the connection's bytes.
//!
//! | route | answers |
//! |---|---|
//! | `[server] path`, by default `/socket.io/` | Engine.IO: WebSocket, and polling with upgrade |
//! | `GET /api/socket/health` | 200 or 503 with the state of the Socket.IO server |
//! | anything else | 404 |
//!
//! From the bottom up: [`link`] and [`io`] carry the bytes of one connection, [`listen`] accepts connections, [`http`]
//! routes their requests under the rules of [`cors`] and [`guard`], [`sessions`] and [`outlet`] find the way back to a
//! client, and [`server`] builds it all.

pub mod config;
pub mod cors;
pub mod frame;
pub mod guard;
pub mod handshake;
pub mod health;
pub mod http;
pub mod io;
pub mod link;
pub mod listen;
pub mod outlet;
pub mod server;
pub mod sessions;
pub mod sweep;

#[cfg(test)]
mod tests;
