//! `chatctl review`.

use clap::Subcommand;

use super::Desk;
use super::client::decode;
use super::error::Error;
use super::format::{ago, clean, count};
use super::message::place;
use super::table::Table;
use super::user::report;
use crate::admin::answer::{HeldLine, Message, Reviews};
use crate::admin::protocol;
use crate::admin::request;

/// Messages that plugins hold for a moderator
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What waits, the oldest first
    #[command(visible_alias = "ls")]
    List {
        /// At most so many, up to 200
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Only what comes behind the page that ended with this `next`
        #[arg(long, value_name = "NEXT")]
        after: Option<String>,
    },
    /// Let messages through: each takes the next place in its conversation
    Approve {
        /// Which, by their ids
        #[arg(required = true)]
        messages: Vec<String>,
    },
    /// Do not let messages through; their senders are told
    Reject {
        /// Which, by their ids
        #[arg(required = true)]
        messages: Vec<String>,
        /// Why, for the sender
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::List { limit, after } => list(desk, limit, after),
        Command::Approve { messages } => {
            let mut client = desk.connect()?;
            for message in messages {
                let answer = client.ask(&protocol::Command::ReviewApprove(request::Message { message }))?;
                report(desk, answer, |message: Message| {
                    format!("{} is message {} of {}", message.id, place(&message), message.conversation_id)
                })?;
            }
            Ok(())
        }
        Command::Reject { messages, reason } => {
            let mut client = desk.connect()?;
            for message in messages {
                let request = request::ReviewReject { message, reason: reason.clone() };
                let answer = client.ask(&protocol::Command::ReviewReject(request))?;
                report(desk, answer, |message: Message| format!("{} stays with {}", message.id, message.sender_id))?;
            }
            Ok(())
        }
    }
}

fn list(desk: &Desk, limit: u32, after: Option<String>) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::ReviewList(request::ReviewList { after, limit }))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let Reviews { messages, total, next } = decode(answer)?;
    if messages.is_empty() {
        return Err(Error::Nothing("no message waits".into()));
    }
    let mut table = Table::new(&["MESSAGE", "SINCE", "SENDER", "CONVERSATION", "BY", "REASON", "CONTENT"], &[]);
    for held in messages {
        let HeldLine { id, conversation_id, sender_id, content, timestamp, plugin, reason } = held;
        let content = content.map_or_else(|| "-".into(), |content| clean(&content));
        let reason = if reason.is_empty() { "-".into() } else { clean(&reason) };
        let (sender, conversation) = (clean(&sender_id), clean(&conversation_id));
        table.row([id, ago(&timestamp), sender, conversation, clean(&plugin), reason, content]);
    }
    desk.output.table(&table);
    if let Some(next) = next {
        desk.output.note(&format!("{} wait in all: --after {next} leads on", count(total)));
    }
    Ok(())
}
