//! `chatctl`: the commands, one file for each noun, over the admin socket.
//!
//! A command asks ([`client`]), and shows what came: as JSON just as the daemon answered, or made for people ([`output`],
//! [`table`], [`format`]). What cannot work without the daemon's own code, such as checking a configuration while no daemon
//! runs, is done by the `chatd` beside this program ([`beside`]).

mod args;
mod beside;
mod client;
mod config;
mod error;
mod format;
mod output;
mod status;
mod table;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use client::Client;
use error::Error;
use output::Output;

/// The entry point of the `chatctl` binary.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let output = Output::new(&args.global);
    let desk = Desk { socket: args.global.socket, timeout: args.global.timeout.0, yes: args.global.yes, output };
    match run(args.command, &desk) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            desk.output.error(&error);
            error.exit_status().into()
        }
    }
}

/// What every command works with.
struct Desk {
    socket: Option<std::path::PathBuf>,
    /// How long an answer may take.
    timeout: Option<std::time::Duration>,
    yes: bool,
    output: Output,
}

impl Desk {
    fn connect(&self) -> Result<Client, Error> {
        let client = Client::connect(self.socket.as_deref(), self.timeout)?;
        if let Some(difference) = client.difference() {
            self.output.note(&difference);
        }
        Ok(client)
    }
}

fn run(command: Command, desk: &Desk) -> Result<(), Error> {
    match command {
        Command::Status => status::status(desk),
        Command::Stats(args) => status::stats(desk, &args),
        Command::Reload(args) => config::reload(desk, &args),
        Command::Config(command) => config::run(desk, command),
    }
}
