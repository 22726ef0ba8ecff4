//! `chatctl conversation`.

use clap::{Args as Arguments, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;

use super::client::decode;
use super::error::Error;
use super::fields::Fields;
use super::format::{ago, clean, count, counted};
use super::output::Tint;
use super::table::Table;
use super::user::{Page, report};
use super::{Desk, complete, message, text};
use crate::admin::answer::{Conversation, ConversationDetail, ConversationPage, Deleted, History, Member, MemberPage};
use crate::admin::protocol;
use crate::admin::request;

/// Conversations: direct, groups and channels
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every conversation, by id
    #[command(visible_alias = "ls")]
    List(List),
    /// One conversation: members, messages, who is here
    Show {
        /// Which, by its id
        #[arg(add = ArgValueCompleter::new(complete::conversations))]
        conversation: String,
    },
    Create(Create),
    /// Delete a conversation with all that was said in it
    #[command(visible_alias = "rm")]
    Delete {
        /// Which, by its id
        conversation: String,
    },
    /// Who is in it, with role, mute and ban
    Members {
        /// Which, by its id
        conversation: String,
        #[command(flatten)]
        page: Page,
    },
    History(HistoryArgs),
    Send(Send),
}

#[derive(Debug, Arguments)]
pub struct List {
    /// Only ids that begin with this
    prefix: Option<String>,
    /// Only `direct`, `group` or `channel`
    #[arg(long = "type", value_name = "TYPE", value_parser = ["direct", "group", "channel"])]
    kind: Option<String>,
    /// Only those that this user is in
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Create a conversation on behalf of a user
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl conversation create --id lobby --type channel --owner alice --title Lobby
  chatctl conversation create --owner alice --member bob --member carol")]
pub struct Create {
    /// [default: the daemon makes one]
    #[arg(long)]
    id: Option<String>,
    /// How many may be in it, and who may write
    #[arg(long = "type", value_name = "TYPE", default_value = "group", value_parser = ["direct", "group", "channel"])]
    kind: String,
    /// What people call it
    #[arg(long)]
    title: Option<String>,
    /// Whose it is
    #[arg(long, value_name = "USER")]
    owner: String,
    /// Who else is in it; may be repeated
    #[arg(long = "member", value_name = "USER")]
    members: Vec<String>,
}

/// What was said: the last messages, or those around a place
#[derive(Debug, Arguments)]
pub struct HistoryArgs {
    /// Which, by its id
    #[arg(add = ArgValueCompleter::new(complete::conversations))]
    conversation: String,
    /// Only messages after this seq
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Only messages before this seq
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// At most so many, up to 200
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

/// Say something as the server: a message of the type `system`
#[derive(Debug, Arguments)]
pub struct Send {
    /// Which, by its id
    #[arg(add = ArgValueCompleter::new(complete::conversations))]
    conversation: String,
    /// What to say; `-` reads it from standard input
    content: String,
    /// Whose name it bears
    #[arg(long = "as", value_name = "USER", default_value = "chatd")]
    sender: String,
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::List(args) => list(desk, &args),
        Command::Show { conversation } => show(desk, conversation),
        Command::Create(args) => create(desk, args),
        Command::Delete { conversation } => delete(desk, conversation),
        Command::Members { conversation, page } => members(desk, &conversation, &page),
        Command::History(args) => history(desk, args),
        Command::Send(args) => send(desk, args),
    }
}

fn list(desk: &Desk, args: &List) -> Result<(), Error> {
    let mut client = desk.connect()?;
    let (conversations, next) = args.page.collect(|after, limit| {
        let (prefix, kind, user) = (args.prefix.clone(), args.kind.clone(), args.user.clone());
        let request = request::ConversationList { prefix, kind, user, after, limit };
        let page: ConversationPage = client.call(&protocol::Command::ConversationList(request))?;
        Ok((page.conversations, page.next))
    })?;
    if desk.output.json {
        desk.output.document(&json!({ "conversations": conversations, "next": next }));
        return Ok(());
    }
    if conversations.is_empty() {
        return Err(Error::Nothing("no such conversations".into()));
    }
    let mut table = Table::new(&["CONVERSATION", "TYPE", "TITLE", "OWNER", "MEMBERS", "LAST SEQ", "CHANGED"], &[4, 5]);
    for one in &conversations {
        table.row([
            clean(&one.id),
            one.kind.clone(),
            clean(one.title.as_deref().unwrap_or_default()),
            clean(one.owner_id.as_deref().unwrap_or_default()),
            count(one.members),
            count(one.last_seq),
            ago(&one.updated_at),
        ]);
    }
    desk.output.table(&table);
    args.page.note_rest(desk, next.is_some());
    Ok(())
}

fn show(desk: &Desk, conversation: String) -> Result<(), Error> {
    let command = protocol::Command::ConversationShow(request::Conversation { conversation });
    let answer = desk.connect()?.ask(&command)?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let ConversationDetail { conversation, followers, users_here } = decode(answer)?;
    desk.output.line(&desk.output.tint(Tint::Strong, &clean(&conversation.id)));
    let mut fields = Fields::new(&desk.output);
    fields.row("type", conversation.kind);
    fields.row("title", conversation.title.as_deref().map_or_else(|| "none".into(), clean));
    fields.row("owner", conversation.owner_id.as_deref().map_or_else(|| "nobody".into(), clean));
    fields.row("members", format!("{}, {users_here} of them connected", count(conversation.members)));
    fields.row("followed by", counted(followers, "device"));
    fields.row("last seq", count(conversation.last_seq));
    fields.row("created", ago(&conversation.created_at));
    fields.row("changed", ago(&conversation.updated_at));
    Ok(())
}

fn create(desk: &Desk, args: Create) -> Result<(), Error> {
    let Create { id, kind, title, owner, members } = args;
    let request = request::ConversationCreate { id, kind, title, owner, members };
    let answer = desk.connect()?.ask(&protocol::Command::ConversationCreate(request))?;
    report(desk, answer, |made: Conversation| {
        format!("{} is there, a {} with {}", made.id, made.kind, counted(made.members, "member"))
    })
}

fn delete(desk: &Desk, conversation: String) -> Result<(), Error> {
    let mut client = desk.connect()?;
    let named = request::Conversation { conversation };
    let detail: ConversationDetail = client.call(&protocol::Command::ConversationShow(named.clone()))?;
    let Conversation { id, members, last_seq, .. } = detail.conversation;
    let impact =
        format!("delete {} with {} of {}", clean(&id), counted(last_seq, "message"), counted(members, "member"));
    desk.confirm(&impact)?;
    let answer = client.ask(&protocol::Command::ConversationDelete(named))?;
    report(desk, answer, |deleted: Deleted| {
        format!("{} is gone with {}", deleted.id, counted(deleted.messages, "message"))
    })
}

fn members(desk: &Desk, conversation: &str, page: &Page) -> Result<(), Error> {
    let mut client = desk.connect()?;
    let (members, next) = page.collect(|after, limit| {
        let request = request::ConversationMembers { conversation: conversation.to_owned(), after, limit };
        let page: MemberPage = client.call(&protocol::Command::ConversationMembers(request))?;
        Ok((page.members, page.next))
    })?;
    if desk.output.json {
        desk.output.document(&json!({ "members": members, "next": next }));
        return Ok(());
    }
    let mut table = Table::new(&["USER", "ROLE", "SINCE", "DELIVERED", "READ", "MUTED", "BANNED"], &[3, 4]);
    for Member { user_id, role, joined_at, muted_until, banned_until, delivered_seq, read_seq } in &members {
        let until = |end: &Option<String>| end.as_deref().map(|end| format!("ends {}", ago(end))).unwrap_or_default();
        let (delivered, read) = (count(*delivered_seq), count(*read_seq));
        table.row([
            clean(user_id),
            role.clone(),
            ago(joined_at),
            delivered,
            read,
            until(muted_until),
            until(banned_until),
        ]);
    }
    desk.output.table(&table);
    page.note_rest(desk, next.is_some());
    Ok(())
}

fn history(desk: &Desk, args: HistoryArgs) -> Result<(), Error> {
    let HistoryArgs { conversation, after, before, limit } = args;
    let request = request::ConversationHistory { conversation, after, before, limit };
    let answer = desk.connect()?.ask(&protocol::Command::ConversationHistory(request))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let History { messages, has_more } = decode(answer)?;
    message::show_all(desk, &messages, false);
    if has_more {
        desk.output.note("there is more: --before or --after SEQ leads on");
    }
    Ok(())
}

fn send(desk: &Desk, args: Send) -> Result<(), Error> {
    let Send { conversation, content, sender } = args;
    let request = request::ConversationSend { conversation, sender, content: text::read(&content)? };
    let answer = desk.connect()?.ask(&protocol::Command::ConversationSend(request))?;
    report(desk, answer, |sent: crate::admin::answer::Message| {
        format!("said in {} as {}, seq {}", sent.conversation_id, sent.sender_id, super::message::place(&sent))
    })
}
