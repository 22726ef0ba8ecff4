//! chatd: a chat server for applications that speak Socket.IO.
//!
//! The rooms, from the ground up; none imports its own layer or one above (`tests/tidy.rs` holds it so):
//!
//! | layer | room | in one sentence |
//! |---|---|---|
//! | 0 | `domain` | users, conversations, messages, roles, events and the rules about them |
//! | 0 | `meter` | counts what is done, and how long it takes |
//! | 0 | `admin` | what chatd and chatctl say to each other over the admin socket |
//! | 1 | `ctl` | the commands of chatctl |
//! | 1 | `auth` | turns a token into an identity |
//! | 1 | `store` | remembers, in SQLite |
//! | 1 | `bus` | carries events to the nodes that deliver them |
//! | 1 | `plugin` | runs scripts that decide on events |
//! | 1 | `roster` | who is connected here and what they follow |
//! | 2 | `chat` | the verbs: join, send, edit, read, history, … |
//! | 3 | `session` | who a connection is and what it may still do |
//! | 4 | `wire` | Socket.IO and HTTP in and out |
//! | 5 | `demo` | a chat page to try things out, and tokens for it |
//! | 5 | `api` | `/api/v1` for the application's back end |
//! | 5 | `webhook` | tells applications over HTTP what happens |
//! | 6 | `metrics` | figures for Prometheus |
//! | 6 | `console` | answers operators on the admin socket |
//! | 7 | `daemon` | reads the configuration, builds every room in order, signals, drain |
//!
//! Without the feature `daemon` there is `chatctl` alone, which needs the rooms `admin` and `ctl` and few crates.

mod admin;
#[cfg(feature = "daemon")]
mod api;
#[cfg(feature = "daemon")]
mod auth;
#[cfg(feature = "daemon")]
mod bus;
#[cfg(feature = "daemon")]
mod chat;
#[cfg(feature = "daemon")]
mod console;
mod ctl;
#[cfg(feature = "daemon")]
mod daemon;
#[cfg(feature = "daemon")]
mod demo;
#[cfg(feature = "daemon")]
mod domain;
#[cfg(feature = "daemon")]
mod meter;
#[cfg(feature = "daemon")]
mod metrics;
#[cfg(feature = "daemon")]
mod plugin;
#[cfg(feature = "daemon")]
mod roster;
#[cfg(feature = "daemon")]
mod session;
#[cfg(feature = "daemon")]
mod store;
#[cfg(feature = "daemon")]
mod webhook;
#[cfg(feature = "daemon")]
mod wire;

pub use ctl::main as chatctl;
#[cfg(feature = "daemon")]
pub use daemon::main as chatd;

#[cfg(feature = "daemon")]
#[doc(hidden)]
pub use plugin::meter::Metered;

/// For `tests/protocol/server.rs`, and no promise to anybody else.
#[cfg(feature = "daemon")]
#[doc(hidden)]
pub use wire::suites;
