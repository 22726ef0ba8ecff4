//! `chatctl drain` and `chatctl shutdown`.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args as Arguments;
use serde_json::{Value, json};

use super::Desk;
use super::error::Error;
use super::format::{counted, span};
use super::user::report;
use crate::admin::answer::{Draining, Stats, Status};
use crate::admin::protocol::Command;
use crate::admin::request::Nothing;

/// Between two looks at whether it is done.
const BETWEEN: Duration = Duration::from_millis(100);

/// Let nobody in any more, and have who is connected come back elsewhere; the daemon goes on until `chatctl shutdown`
#[derive(Debug, Arguments)]
pub struct Drain {
    /// Wait until nobody is connected, as long as --timeout allows
    #[arg(long)]
    wait: bool,
}

/// Drain, then end the daemon, as SIGTERM does
#[derive(Debug, Arguments)]
pub struct Shutdown {
    /// Wait until it has ended, as long as --timeout allows
    #[arg(long)]
    wait: bool,
}

pub fn drain(desk: &Desk, args: &Drain) -> Result<(), Error> {
    let mut client = desk.connect()?;
    let answer = client.ask(&Command::Drain(Nothing {}))?;
    if args.wait {
        let began = Instant::now();
        while client.call::<Stats>(&Command::Stats(Nothing {}))?.connections.total > 0 {
            desk.wait_on(began)?;
        }
    }
    report(desk, answer, |done: Draining| format!("draining: {} sent away", counted(done.connections, "connection")))
}

pub fn shutdown(desk: &Desk, args: &Shutdown) -> Result<(), Error> {
    let mut client = desk.connect()?;
    let status: Status = client.call(&Command::Status(Nothing {}))?;
    let _: Value = client.ask(&Command::Shutdown(Nothing {}))?;
    if args.wait {
        let began = Instant::now();
        let process = format!("/proc/{}", status.pid);
        while Path::new(&process).exists() {
            desk.wait_on(began)?;
        }
    }
    report(
        desk,
        json!({}),
        |_: Value| if args.wait { "the daemon has ended".into() } else { "the daemon is ending".into() },
    )
}

impl Desk {
    /// A pause, as long as there is time left.
    fn wait_on(&self, began: Instant) -> Result<(), Error> {
        match self.timeout {
            Some(timeout) if began.elapsed() > timeout => Err(Error::Late(span(timeout))),
            _ => {
                std::thread::sleep(BETWEEN);
                Ok(())
            }
        }
    }
}
