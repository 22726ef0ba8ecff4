//! `chatctl user`, `chatctl kick` and `chatctl broadcast`.

use std::time::Duration;

use clap::{Args as Arguments, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};

use super::client::decode;
use super::connection;
use super::error::Error;
use super::format::{ago, clean, count, counted, parse_span, span};
use super::output::Tint;
use super::table::Table;
use super::text;
use super::{Desk, complete, fields::Fields, person};
use crate::admin::answer::{Kicked, Notified, Pardoned, Sanctioned, Term, UserDetail, UserLine, Users};
use crate::admin::protocol;
use crate::admin::request::{self, Only};

/// People: who they are, and what they may do
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everybody, by id
    #[command(visible_alias = "ls")]
    List(List),
    /// All about one user: presence, devices, bans, traces in the store
    Show {
        /// Whom, by their id
        user: String,
    },
    Kick(Kick),
    Ban(Ban),
    Unban(Pardon),
    Mute(Mute),
    Unmute(Pardon),
    Notify(Notify),
    Export(person::Export),
    #[command(visible_alias = "rm")]
    Delete(person::Delete),
}

#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl user list --online
  chatctl user list --banned --json | jq -r '.users[].user'")]
pub struct List {
    /// Only ids that begin with this
    #[arg(default_value = "")]
    prefix: String,
    /// Only who is connected
    #[arg(long, group = "only")]
    online: bool,
    /// Only who is banned
    #[arg(long, group = "only")]
    banned: bool,
    /// Only who is muted
    #[arg(long, group = "only")]
    muted: bool,
    #[command(flatten)]
    page: Page,
}

/// How much of a list.
#[derive(Clone, Debug, Arguments)]
pub struct Page {
    /// At most so many; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

/// Disconnect a user's devices; they may come back at once
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl kick alice --reason 'log in again, please'
  chatctl kick alice --device phone")]
pub struct Kick {
    /// Whom, by their id
    #[arg(add = ArgValueCompleter::new(complete::users))]
    user: String,
    /// What the devices are told
    #[arg(long)]
    reason: Option<String>,
    /// Only the devices of this name
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
}

/// Keep a user out, or out of one conversation
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl user ban mallory --reason spam
  chatctl user ban mallory --for 7d
  chatctl user ban mallory --conversation lobby --for 2h")]
pub struct Ban {
    #[command(flatten)]
    what: Sanction,
}

/// Keep a user from writing, anywhere or in one conversation
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl user mute mallory --for 1h --reason 'cool down'
  chatctl user mute mallory --conversation lobby")]
pub struct Mute {
    #[command(flatten)]
    what: Sanction,
}

#[derive(Debug, Arguments)]
struct Sanction {
    /// Whom, by their id
    #[arg(add = ArgValueCompleter::new(complete::users))]
    user: String,
    /// How long, such as 90s, 2h or 7d [default: until somebody ends it]
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    duration: Option<Duration>,
    /// What the user is told
    #[arg(long, conflicts_with = "conversation")]
    reason: Option<String>,
    /// Only in this conversation
    #[arg(long, value_name = "ID", alias = "in", add = ArgValueCompleter::new(complete::conversations))]
    conversation: Option<String>,
    /// Also for a user who was never here
    #[arg(long)]
    force: bool,
}

/// End a ban or a mute before its time
#[derive(Debug, Arguments)]
pub struct Pardon {
    /// Whom, by their id
    #[arg(add = ArgValueCompleter::new(complete::users))]
    user: String,
    /// The one in this conversation
    #[arg(long, value_name = "ID", alias = "in", add = ArgValueCompleter::new(complete::conversations))]
    conversation: Option<String>,
}

/// Put an entry into a user's inbox, which all of their devices get
#[derive(Debug, Arguments)]
pub struct Notify {
    /// Whom, by their id
    #[arg(add = ArgValueCompleter::new(complete::users))]
    user: String,
    /// What to say; `-` reads it from standard input
    message: String,
    /// A line above it
    #[arg(long)]
    title: Option<String>,
}

/// Put an entry into the inbox of everybody who is connected
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl broadcast 'Maintenance at 22:00 UTC'
  chatctl broadcast --to alice --to bob - < notice.txt")]
pub struct Broadcast {
    /// What to say; `-` reads it from standard input
    message: String,
    /// A line above it
    #[arg(long)]
    title: Option<String>,
    /// Only to this user, connected or not; may be repeated
    #[arg(long, value_name = "USER", add = ArgValueCompleter::new(complete::users))]
    to: Vec<String>,
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::List(args) => list(desk, args),
        Command::Show { user } => show(desk, user),
        Command::Kick(args) => kick(desk, args),
        Command::Ban(args) => ban(desk, args.what),
        Command::Unban(args) => pardon(desk, args, "ban"),
        Command::Mute(args) => mute(desk, args.what),
        Command::Unmute(args) => pardon(desk, args, "mute"),
        Command::Notify(args) => notify(desk, args),
        Command::Export(args) => person::export(desk, args),
        Command::Delete(args) => person::delete(desk, args),
    }
}

fn list(desk: &Desk, args: List) -> Result<(), Error> {
    let only = match () {
        () if args.online => Some(Only::Online),
        () if args.banned => Some(Only::Banned),
        () if args.muted => Some(Only::Muted),
        () => None,
    };
    let mut client = desk.connect()?;
    let (users, more) = args.page.collect(|after, limit| {
        let request = request::UserList { prefix: args.prefix.clone(), after, only, limit };
        let page: Users = client.call(&protocol::Command::UserList(request))?;
        Ok((page.users, page.next))
    })?;
    if desk.output.json {
        desk.output.document(&json!({ "users": users, "next": more }));
        return Ok(());
    }
    if users.is_empty() {
        return Err(Error::Nothing("no such users".into()));
    }
    let mut table = Table::new(&["USER", "STATUS", "DEVICES", "BANNED", "MUTED"], &[2]);
    for UserLine { user, devices, status, ban, mute } in &users {
        let status = status.clone().unwrap_or_else(|| "offline".into());
        table.row([clean(user), status, devices.to_string(), until(ban.as_ref()), until(mute.as_ref())]);
    }
    desk.output.table(&table);
    args.page.note_rest(desk, more.is_some());
    Ok(())
}

impl Page {
    /// Page by page until there are as many as wanted; and where the next one would begin.
    pub fn collect<T>(
        &self,
        mut page: impl FnMut(String, u32) -> Result<(Vec<T>, Option<String>), Error>,
    ) -> Result<(Vec<T>, Option<String>), Error> {
        const EACH: usize = 500;
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let left = if self.limit == 0 { EACH } else { (self.limit - all.len()).min(EACH) };
            let (some, next) = page(after, left as u32)?;
            all.extend(some);
            match next {
                Some(next) if self.limit == 0 || all.len() < self.limit => after = next,
                next => return Ok((all, next)),
            }
        }
    }

    pub fn note_rest(&self, desk: &Desk, is_cut: bool) {
        if is_cut {
            desk.output.note(&format!("there are more than {}: --limit 0 shows all", count(self.limit as u64)));
        }
    }
}

fn until(term: Option<&Term>) -> String {
    match term {
        None => String::new(),
        Some(Term { until: None, .. }) => "yes".into(),
        Some(Term { until: Some(until), .. }) => format!("ends {}", ago(until)),
    }
}

fn show(desk: &Desk, user: String) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::UserShow(request::User { user }))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let user: UserDetail = decode(answer)?;
    let out = &desk.output;
    out.line(&out.tint(Tint::Strong, &clean(&user.user)));
    let mut fields = Fields::new(out);
    let text = user.status_text.as_deref().map(|text| format!(" ({})", clean(text))).unwrap_or_default();
    fields.row("status", format!("{}{text}", user.status));
    fields.row("last seen", user.last_seen.as_deref().map_or_else(|| "never gone yet".into(), ago));
    fields.row("conversations", count(user.conversations));
    fields.row("unread inbox", count(user.unread_notifications));
    for (name, term) in [("banned", &user.ban), ("muted", &user.mute)] {
        if let Some(term) = term {
            let reason = term.reason.as_deref().map(|reason| format!(": {}", clean(reason))).unwrap_or_default();
            fields.row(name, format!("{}{reason}", until(Some(term))));
        }
    }
    if let Some(until) = &user.tokens_revoked_until {
        fields.row("tokens revoked", format!("those of before {}", ago(until)));
    }
    if !user.absent.is_empty() {
        let away = user.absent.iter().map(|one| format!("{} ({})", clean(&one.device), ago(&one.last_seen)));
        fields.row("devices away", away.collect::<Vec<_>>().join(", "));
    }
    if !user.connections.is_empty() {
        out.line("");
        out.table(&connection::table(&user.connections));
    }
    Ok(())
}

pub fn kick(desk: &Desk, args: Kick) -> Result<(), Error> {
    let Kick { user, reason, device } = args;
    let answer = desk.connect()?.ask(&protocol::Command::UserKick(request::Kick { user, device, reason }))?;
    report(desk, answer, |kicked: Kicked| {
        format!("{} disconnected from {}", counted(kicked.devices, "device"), kicked.user)
    })
}

/// As JSON just as it came, else in one sentence.
pub fn report<T: serde::de::DeserializeOwned>(
    desk: &Desk,
    answer: Value,
    sentence: impl FnOnce(T) -> String,
) -> Result<(), Error> {
    if desk.output.json {
        desk.output.document(&answer);
    } else {
        desk.output.done(&clean(&sentence(decode(answer)?)));
    }
    Ok(())
}

impl Sanction {
    fn request(self) -> request::Sanction {
        let Sanction { user, duration, reason, conversation, force } = self;
        let seconds = duration.map(|duration| duration.as_secs().max(1));
        request::Sanction { user, conversation, seconds, reason, force }
    }
}

fn ban(desk: &Desk, what: Sanction) -> Result<(), Error> {
    let lasting = lasting(what.duration);
    let answer = desk.connect()?.ask(&protocol::Command::UserBan(what.request()))?;
    report(desk, answer, |done: Sanctioned| match done.conversation {
        Some(conversation) => format!("{} is banned from {conversation} {lasting}", done.user),
        None => format!("{} is banned {lasting}; {} disconnected", done.user, counted(done.devices, "device")),
    })
}

fn mute(desk: &Desk, what: Sanction) -> Result<(), Error> {
    let lasting = lasting(what.duration);
    let answer = desk.connect()?.ask(&protocol::Command::UserMute(what.request()))?;
    report(desk, answer, |done: Sanctioned| match done.conversation {
        Some(conversation) => format!("{} is muted in {conversation} {lasting}", done.user),
        None => format!("{} is muted {lasting}", done.user),
    })
}

fn lasting(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "until somebody ends it".into(), |duration| format!("for {}", span(duration)))
}

fn pardon(desk: &Desk, args: Pardon, what: &str) -> Result<(), Error> {
    let request = request::Pardon { user: args.user, conversation: args.conversation };
    let command = match what {
        "ban" => protocol::Command::UserUnban(request),
        _ => protocol::Command::UserUnmute(request),
    };
    let answer = desk.connect()?.ask(&command)?;
    report(desk, answer, |done: Pardoned| match done.conversation {
        Some(conversation) => format!("the {what} of {} in {conversation} has ended", done.user),
        None => format!("the {what} of {} has ended", done.user),
    })
}

fn notify(desk: &Desk, args: Notify) -> Result<(), Error> {
    let request = request::Notify { user: args.user, title: args.title, message: text::read(&args.message)? };
    told(desk, desk.connect()?.ask(&protocol::Command::UserNotify(request))?)
}

pub fn broadcast(desk: &Desk, args: Broadcast) -> Result<(), Error> {
    let to = (!args.to.is_empty()).then_some(args.to);
    let request = request::Broadcast { to, title: args.title, message: text::read(&args.message)? };
    told(desk, desk.connect()?.ask(&protocol::Command::Broadcast(request))?)
}

fn told(desk: &Desk, answer: Value) -> Result<(), Error> {
    report(desk, answer, |told: Notified| format!("{} told", counted(told.users, "user")))
}
