//! `chatctl store`, `chatctl backup` and `chatctl restore`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args as Arguments, Subcommand};
use serde_json::json;

use super::client::{Client, decode};
use super::error::Error;
use super::format::{bytes, counted};
use super::part::{Part, failed};
use super::progress::Progress;
use super::user::report;
use super::{Desk, beside};
use crate::admin::answer::{BackupBegun, Checked, Pruned};
use crate::admin::protocol::{self, Flow};
use crate::admin::request::Nothing;

/// The database: is it sound, and what it takes
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that the database is sound; while the daemon serves, or without one
    Check {
        /// A copy to check instead
        file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Bring the schema up to date while no daemon runs; a daemon does so when it starts
    Migrate(Place),
    /// Delete now what `messages.retention` does not keep, and what is left of deleted conversations
    Prune,
    /// Give space that is not used back to the disk, while no daemon runs
    Vacuum(Place),
}

/// Where the database lies while no daemon runs that could tell.
#[derive(Debug, Arguments)]
pub struct Place {
    /// Without a daemon: the configuration that says where the database is
    #[arg(long, value_name = "FILE")]
    config: Option<OsString>,
    /// Without a daemon: the state directory
    #[arg(long, value_name = "DIR")]
    state_dir: Option<OsString>,
}

/// Write a consistent copy of the database, while the daemon serves
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl backup /var/backups/chatd-$(date +%F).db
  chatctl backup - | zstd > chatd.db.zst")]
pub struct Backup {
    /// The copy; `-` writes it to standard output
    file: PathBuf,
    /// Also in the place of a file that is there
    #[arg(long)]
    force: bool,
}

/// Put a copy into the place of the database, while no daemon runs
///
/// The copy is checked first. What was there before stays beside it under another name. Clients start over: the database
/// has a new epoch.
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  systemctl stop chatd
  sudo -u chatd chatctl restore /var/backups/chatd-2026-11-23.db --yes
  systemctl start chatd")]
pub struct Restore {
    /// The copy, as `chatctl backup` wrote it
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::Check { file: Some(file), place } => place.run(&["check".into(), file.into()]),
        Command::Check { file: None, place } => match desk.connect() {
            Err(Error::Unreachable(_)) => place.run(&["check".into()]),
            client => check(desk, client?),
        },
        Command::Migrate(place) => place.alone(desk, &["migrate".into()]),
        Command::Vacuum(place) => place.alone(desk, &["vacuum".into()]),
        Command::Prune => {
            let answer = desk.connect()?.ask(&protocol::Command::StorePrune(Nothing {}))?;
            report(desk, answer, |pruned: Pruned| format!("{} gone", counted(pruned.messages, "message")))
        }
    }
}

impl Place {
    fn run(self, what: &[OsString]) -> Result<(), Error> {
        let mut arguments = vec![OsString::from("store")];
        arguments.extend(what.iter().cloned());
        arguments.extend(self.config.into_iter().flat_map(|file| ["--config".into(), file]));
        arguments.extend(self.state_dir.into_iter().flat_map(|directory| ["--state-dir".into(), directory]));
        beside::run(arguments)
    }

    /// Only while no daemon runs. The lock of the database keeps a second one out in any case; this says it better.
    fn alone(self, desk: &Desk, what: &[OsString]) -> Result<(), Error> {
        match desk.connect() {
            Err(Error::Unreachable(_)) => self.run(what),
            Ok(_) => Err(Error::Failed {
                message: "a daemon runs, and this is done without one".into(),
                hint: Some("systemctl stop chatd, or chatctl shutdown".into()),
            }),
            Err(error) => Err(error),
        }
    }
}

fn check(desk: &Desk, mut client: Client) -> Result<(), Error> {
    client.wait_for_ever();
    let answer = client.ask(&protocol::Command::StoreCheck(Nothing {}))?;
    let Checked { sound, problems } = decode(answer.clone())?;
    match (sound, desk.output.json) {
        (_, true) => desk.output.document(&answer),
        (true, false) => desk.output.done("the database is sound"),
        (false, false) => problems.iter().for_each(|problem| desk.output.warning(problem)),
    }
    if sound { Ok(()) } else { Err(Error::failed("the database is damaged: restore a backup")) }
}

pub fn backup(desk: &Desk, args: &Backup) -> Result<(), Error> {
    let is_stdout = args.file.as_os_str() == "-";
    Part::keep(&args.file, args.force)?;
    let mut client = desk.connect()?;
    client.wait_for_ever();
    let begun: BackupBegun = client.call(&protocol::Command::Backup(Nothing {}))?;
    let mut progress = Progress::new(&desk.output, "backup", begun.bytes);
    if is_stdout {
        receive(&mut client, &mut io::stdout().lock(), &mut progress)?;
        return Ok(());
    }
    let mut part = Part::of(&args.file)?;
    receive(&mut client, &mut part, &mut progress)?;
    part.finish()?;
    if desk.output.json {
        desk.output
            .document(&json!({ "file": args.file.display().to_string(), "bytes": begun.bytes, "epoch": begun.epoch }));
    } else {
        desk.output.done(&format!("{} in {}", bytes(begun.bytes), args.file.display()));
    }
    Ok(())
}

fn receive(client: &mut Client, out: &mut impl Write, progress: &mut Progress) -> Result<(), Error> {
    loop {
        match client.next_flow()? {
            Flow::Item(piece) => {
                let piece = piece.as_str().and_then(|piece| STANDARD.decode(piece).ok());
                let piece = piece.ok_or_else(|| Error::Unreadable("a piece of the backup".into()))?;
                out.write_all(&piece).map_err(|error| Error::failed(format!("the copy cannot be written: {error}")))?;
                progress.advance(piece.len() as u64);
            }
            Flow::Missed(_) => return Err(Error::Unreadable("a piece of the backup is missing".into())),
            Flow::End => return out.flush().map_err(|error| Error::failed(error.to_string())),
            Flow::Failed(failure) => return Err(Error::Refused(failure)),
        }
    }
}

pub fn restore(desk: &Desk, args: Restore) -> Result<(), Error> {
    let found = fs::metadata(&args.file).map_err(|error| failed(&args.file, &error))?;
    let what = format!("put {} ({}) into the place of the database", args.file.display(), bytes(found.len()));
    if let Err(Error::Unreachable(_)) = desk.connect() {
        desk.confirm(&what)?;
    }
    args.place.alone(desk, &["restore".into(), args.file.into()])
}
