//! Runs scripts at the points of [`crate::domain::hooks`]: in a sandbox, on threads of their own, and swapped while they
//! are at work.

pub mod api;
mod chain;
pub mod config;
mod convert;
mod engine;
mod guard;
mod host;
mod kv;
mod limiter;
pub mod meter;
mod panel;
mod run;
mod script;
mod set;
mod stage;
mod stats;
pub mod tools;

mod value;
mod worker;

pub use self::host::{Host, Kept, Report, Setup};
pub use self::script::{Flaw, Spot};
pub use self::set::Prepared;
pub use self::stats::{Done, Standing};
pub use self::worker::alone;
