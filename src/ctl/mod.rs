//! `chatctl`: the commands, one file for each noun, over the admin socket.
//!
//! A command asks ([`client`]), and shows what came: as JSON just as the daemon answered, or made for people ([`output`],
//! [`table`], [`format`]). What cannot work without the daemon's own code, such as checking a configuration while no daemon
//! runs, is done by the `chatd` beside this program ([`beside`]).

mod args;
mod beside;
mod client;
mod complete;
mod config;
mod connection;
mod conversation;
mod doctor;
mod error;
mod fields;
mod follow;
mod format;
mod lifecycle;
mod lockdown;
mod message;
mod output;
mod part;
mod person;
mod plugin;
mod progress;
mod review;
mod status;
mod store;
mod table;
mod text;
mod token;
mod top;
mod user;
mod webhook;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;

use args::{Args, Command};
use client::Client;
use error::Error;
use output::Output;

/// The entry point of the `chatctl` binary.
pub fn main() -> ExitCode {
    CompleteEnv::with_factory(Args::command).var(complete::VARIABLE).complete();
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

    /// Has a person say yes to what cannot be undone.
    fn confirm(&self, what: &str) -> Result<(), Error> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Error::Unconfirmed { what: what.to_owned() });
        }
        if self.output.ask(&format!("{what}?")) { Ok(()) } else { Err(Error::Declined) }
    }
}

fn run(command: Command, desk: &Desk) -> Result<(), Error> {
    match command {
        Command::Status => status::status(desk),
        Command::Stats(args) => status::stats(desk, &args),
        Command::Top(args) => top::top(desk, &args),
        Command::Reload(args) => config::reload(desk, &args),
        Command::Config(command) => config::run(desk, command),
        Command::User(command) => user::run(desk, command),
        Command::Kick(args) => user::kick(desk, args),
        Command::Broadcast(args) => user::broadcast(desk, args),
        Command::Connection(command) => connection::run(desk, command),
        Command::Conversation(command) => conversation::run(desk, command),
        Command::Message(command) => message::run(desk, command),
        Command::Plugin(command) => plugin::run(desk, command),
        Command::Review(command) => review::run(desk, command),
        Command::Webhook(command) => webhook::run(desk, command),
        Command::Token(command) => token::run(desk, command),
        Command::Doctor => doctor::doctor(desk),
        Command::Lockdown(args) => lockdown::lockdown(desk, &args),
        Command::Completions { shell } => complete::completions(desk, shell),
        Command::Man { command } => complete::man(desk, &command),
        Command::Log(args) => follow::log(desk, args),
        Command::Events(args) => follow::events(desk, args),
        Command::Store(command) => store::run(desk, command),
        Command::Backup(args) => store::backup(desk, &args),
        Command::Restore(args) => store::restore(desk, args),
        Command::Drain(args) => lifecycle::drain(desk, &args),
        Command::Shutdown(args) => lifecycle::shutdown(desk, &args),
    }
}
