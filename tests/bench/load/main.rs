//! The load of the benchmark: many Socket.IO clients over WebSocket in one thread, doing the same work against chatd and
//! against its peer. `tests/bench/run` starts the servers and this program, each on a core of its own.
//!
//! It prints one JSON object: what was done, what was lost or came twice, and how much CPU time the server and this
//! program took in the measured window.

mod api;
mod client;
mod cpu;
mod flood;
mod frame;
mod scenario;
mod tally;
mod world;

use std::rc::Rc;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::flood::Flood;
use crate::world::World;

/// How a server wants its rooms made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    Chatd,
    Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Messages to rooms; a sender sends the next one when the last was acknowledged.
    Messages,
    /// The same at a given rate, whatever comes back.
    Paced,
    /// The same as `messages`, but a back end sends them, for the senders.
    Api,
    Typing,
    Connects,
    Storm,
    Idle,
    /// Strangers press in while a few rooms talk.
    Flood,
}

#[derive(Clone, Debug, Parser)]
pub struct Args {
    #[arg(long)]
    pub port: u16,
    #[arg(long)]
    pub peer: Peer,
    /// The process whose CPU time is counted.
    #[arg(long)]
    pub pid: u32,
    /// The HS256 secret that signs the tokens.
    #[arg(long)]
    pub secret: String,
    #[arg(long)]
    pub scenario: Scenario,
    #[arg(long, default_value_t = 100)]
    pub rooms: usize,
    /// Connections in each room.
    #[arg(long, default_value_t = 10)]
    pub size: usize,
    /// Senders in each room.
    #[arg(long, default_value_t = 1)]
    pub senders: usize,
    /// Bytes of a message's content.
    #[arg(long, default_value_t = 100)]
    pub bytes: usize,
    /// Whether clients ask for permessage-deflate.
    #[arg(long, default_value_t = false, action = clap::ArgAction::Set)]
    pub deflate: bool,
    /// Messages a second over all senders, where they are paced.
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// The key of the back end.
    #[arg(long, default_value = "")]
    pub api_key: String,
    /// Whether the back end gives each request an `Idempotency-Key`.
    #[arg(long, default_value_t = false, action = clap::ArgAction::Set)]
    pub idempotent: bool,
    #[arg(long, default_value = "polling")]
    pub flood: Flood,
    /// How often strangers knock.
    #[arg(long, default_value_t = 1000)]
    pub strangers: usize,
    /// Seconds behind a flood after which memory should be back.
    #[arg(long, default_value_t = 60.0)]
    pub rest: f64,
    /// Length of the measured window.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds of the same work before it.
    #[arg(long, default_value_t = 1.0)]
    pub warm_up: f64,
}

impl Args {
    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up)
    }
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let world = Rc::new(World::new(args));
    let report = tokio::task::LocalSet::new().block_on(&runtime, scenario::run(world));
    println!("{report}");
}
