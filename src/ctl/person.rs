//! `chatctl user export` and `chatctl user delete`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args as Arguments, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};

use super::error::Error;
use super::format::{clean, counted};
use super::part::Part;
use super::progress::Progress;
use super::user::report;
use super::{Desk, complete};
use crate::admin::answer::{Erased, UserDetail};
use crate::admin::protocol::{Command, Flow};
use crate::admin::request;

/// Write all that there is of a user, a line of JSON each
///
/// The first line is the profile; conversations, the inbox, and every message follow.
#[derive(Debug, Arguments)]
pub struct Export {
    /// Whom, by their id
    #[arg(add = ArgValueCompleter::new(complete::users))]
    user: String,
    /// Where to write it; `-` is standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Also in the place of a file that is there
    #[arg(long)]
    force: bool,
}

/// Erase a user: presence, inbox, reactions, memberships, and what they said
///
/// What others wrote about them stays, and so does a ban. Whoever still has a token comes back as a new user: ban them, or
/// revoke their tokens, first.
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl user export alice alice.jsonl
  chatctl token revoke --user alice
  chatctl user delete alice --messages anonymise")]
pub struct Delete {
    /// Whom, by their id
    #[arg(add = ArgValueCompleter::new(complete::users))]
    user: String,
    /// What becomes of the messages
    #[arg(long, value_enum, default_value_t = Fate::Tombstone)]
    messages: Fate,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Fate {
    /// What was said is deleted as well
    Tombstone,
    /// What was said stays, without the name
    Anonymise,
}

pub fn export(desk: &Desk, args: Export) -> Result<(), Error> {
    Part::keep(&args.file, args.force)?;
    let mut client = desk.connect()?;
    let profile = client.ask(&Command::UserExport(request::User { user: args.user }))?;
    let failed = |error: io::Error| Error::failed(format!("{}: {error}", args.file.display()));
    let mut part = if args.file.as_os_str() == "-" { None } else { Some(Part::of(&args.file)?) };
    let mut stdout = io::stdout().lock();
    let out: &mut dyn Write = match &mut part {
        Some(part) => part,
        None => &mut stdout,
    };
    let mut progress = Progress::new(&desk.output, "export", 0);
    let mut write = |value: &Value| {
        let line = format!("{value}\n");
        progress.advance(line.len() as u64);
        out.write_all(line.as_bytes())
    };
    let mut lines = 1_u64;
    let mut written = write(&json!({ "user": profile }));
    loop {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            outcome => outcome.map_err(failed)?,
        }
        match client.next_flow()? {
            Flow::Item(item) => {
                lines += 1;
                written = write(&item);
            }
            Flow::Missed(_) => return Err(Error::Unreadable("a part of the export is missing".into())),
            Flow::End => break,
            Flow::Failed(failure) => return Err(Error::Refused(failure)),
        }
    }
    drop(progress);
    out.flush().map_err(failed)?;
    if let Some(part) = part {
        part.finish()?;
        desk.output.done(&format!("{} in {}", counted(lines, "line"), args.file.display()));
    }
    Ok(())
}

pub fn delete(desk: &Desk, args: Delete) -> Result<(), Error> {
    let mut client = desk.connect()?;
    client.wait_for_ever();
    let named = request::User { user: args.user.clone() };
    let found: UserDetail = client.call(&Command::UserShow(named))?;
    let (fate, messages) = match args.messages {
        Fate::Tombstone => ("and everything they said", "tombstone"),
        Fate::Anonymise => ("and take their name off what they said", "anonymise"),
    };
    let places = counted(found.conversations, "conversation");
    desk.confirm(&format!("erase {} from {places}, {fate}", clean(&found.user)))?;
    let request = request::UserDelete { user: args.user, messages: messages.into() };
    let answer = client.ask(&Command::UserDelete(request))?;
    report(desk, answer, |erased: Erased| {
        let (places, said) = (counted(erased.conversations, "conversation"), counted(erased.messages, "message"));
        format!("{} is gone from {places}, {said}", erased.user)
    })
}
