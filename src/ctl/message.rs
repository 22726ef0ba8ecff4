//! `chatctl message`.

use clap::{Args as Arguments, Subcommand};

use super::Desk;
use super::client::decode;
use super::error::Error;
use super::fields::Fields;
use super::format::{ago, clean};
use super::output::Tint;
use super::user::report;
use crate::admin::answer::{Found, Message};
use crate::admin::protocol;
use crate::admin::request;

/// Single messages, by their ids
#[derive(Debug, Subcommand)]
pub enum Command {
    /// One message
    Show {
        /// Which, by its id
        message: String,
    },
    /// Leave a tombstone in a message's place
    #[command(visible_alias = "rm")]
    Delete {
        /// Which, by its id
        message: String,
    },
    Search(Search),
}

/// The newest messages that contain all words, in any conversation
#[derive(Debug, Arguments)]
pub struct Search {
    /// What must occur, in any order
    #[arg(required = true)]
    words: Vec<String>,
    /// Only in this one
    #[arg(long, value_name = "ID", alias = "in")]
    conversation: Option<String>,
    /// At most so many, up to 200
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Only what comes behind the page that ended with this `next`
    #[arg(long, value_name = "NEXT")]
    before: Option<String>,
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::Show { message } => show(desk, message),
        Command::Delete { message } => delete(desk, message),
        Command::Search(args) => search(desk, args),
    }
}

fn show(desk: &Desk, message: String) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::MessageShow(request::Message { message }))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let message: Message = decode(answer)?;
    desk.output.line(&desk.output.tint(Tint::Strong, &message.id));
    let mut fields = Fields::new(&desk.output);
    fields.row("conversation", format!("{}, seq {}", clean(&message.conversation_id), place(&message)));
    fields.row("sender", clean(&message.sender_id));
    fields.row("sent", format!("{} ({})", ago(&message.timestamp), message.timestamp));
    fields.row("type", clean(&message.kind));
    for (name, at) in [("edited", &message.edited_at), ("deleted", &message.deleted_at)] {
        if let Some(at) = at {
            fields.row(name, ago(at));
        }
    }
    fields.row("content", content(desk, &message));
    Ok(())
}

/// Its place in the order.
pub fn place(message: &Message) -> String {
    message.seq.map_or_else(|| "-".into(), |seq| seq.to_string())
}

fn content(desk: &Desk, message: &Message) -> String {
    match &message.content {
        Some(content) => clean(content),
        None => desk.output.tint(Tint::Faint, "(deleted)"),
    }
}

/// A line for each message; with `anywhere` also where it was said.
pub fn show_all(desk: &Desk, messages: &[Message], anywhere: bool) {
    let out = &desk.output;
    for message in messages {
        let place = match anywhere {
            true => format!("{} {}", clean(&message.conversation_id), place(message)),
            false => format!("{:>6}", place(message)),
        };
        let head = out.tint(Tint::Faint, &format!("{place}  {}", message.timestamp));
        let sender = out.tint(Tint::Strong, &clean(&message.sender_id));
        out.line(&format!("{head}  {sender}: {}", content(desk, message)));
    }
}

fn delete(desk: &Desk, message: String) -> Result<(), Error> {
    let mut client = desk.connect()?;
    let named = request::Message { message };
    let found: Message = client.call(&protocol::Command::MessageShow(named.clone()))?;
    desk.confirm(&format!("delete what {} said in {}", clean(&found.sender_id), clean(&found.conversation_id)))?;
    let answer = client.ask(&protocol::Command::MessageDelete(named))?;
    report(desk, answer, |message: Message| format!("{} is a tombstone", message.id))
}

fn search(desk: &Desk, args: Search) -> Result<(), Error> {
    let Search { words, conversation, limit, before } = args;
    let request = request::MessageSearch { words: words.join(" "), conversation, before, limit };
    let answer = desk.connect()?.ask(&protocol::Command::MessageSearch(request))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let Found { messages, next } = decode(answer)?;
    if messages.is_empty() {
        return Err(Error::Nothing("no message has all of these words".into()));
    }
    show_all(desk, &messages, true);
    if let Some(next) = next {
        desk.output.note(&format!("there is more: --before {next} leads on"));
    }
    Ok(())
}
