//! What the pages of `top` list, and how fast each of it is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Instant;

use crate::admin::answer::{ConnectionLine, ConnectionList, Kicked, LiveConversations, PluginLine, Plugins};
use crate::admin::protocol::Command;
use crate::admin::request;
use crate::ctl::client::Client;
use crate::ctl::error::Error;
use crate::ctl::format::{ago, bytes, clean, count, counted, rate};
use crate::ctl::plugin;
use crate::ctl::table::Table;

/// Connections, or conversations, that are looked at.
const MAX_LINES: u32 = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Connections,
    Users,
    Conversations,
    Plugins,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Rate,
    Waiting,
    Name,
}

pub struct Line {
    name: String,
    rate: f64,
    total: u64,
    waiting: u64,
    cells: Vec<String>,
    pub victim: Option<Victim>,
}

/// Whom a key would kick.
#[derive(Clone)]
pub enum Victim {
    Connection { id: String, user: String },
    User(String),
}

/// What each of the lines had done at the last look.
pub struct Counts {
    before: HashMap<String, u64>,
    at: Instant,
}

impl Counts {
    pub fn new() -> Self {
        Counts { before: HashMap::new(), at: Instant::now() }
    }

    pub fn looked(&self) -> Instant {
        self.at
    }

    /// How much a second each has done since the last look. Who was not there then has done nothing yet.
    fn rates(&mut self, now: impl Iterator<Item = (String, u64)>) -> HashMap<String, f64> {
        let span = self.at.elapsed().as_secs_f64().max(0.001);
        let before = std::mem::take(&mut self.before);
        self.at = Instant::now();
        self.before = now.collect();
        let rate = |(name, count): (&String, &u64)| {
            let known = before.get(name).copied().unwrap_or(*count);
            (name.clone(), count.saturating_sub(known) as f64 / span)
        };
        self.before.iter().map(rate).collect()
    }
}

impl Page {
    pub fn next(self) -> Self {
        match self {
            Page::Connections => Page::Users,
            Page::Users => Page::Conversations,
            Page::Conversations => Page::Plugins,
            Page::Plugins => Page::Connections,
        }
    }

    /// Headings, and which of them stand over numbers.
    fn columns(self) -> (&'static [&'static str], &'static [usize]) {
        match self {
            Page::Connections => (
                &["CONNECTION", "USER", "DEVICE", "TRANSPORT", "ADDRESS", "SINCE", "EVENTS/S", "EVENTS", "WAITING"],
                &[6, 7, 8],
            ),
            Page::Users => (&["BUSY USER", "DEVICES", "EVENTS/S", "EVENTS", "WAITING"], &[1, 2, 3, 4]),
            Page::Conversations => {
                (&["BUSY CONVERSATION", "USERS HERE", "DEVICES", "MESSAGES/S", "MESSAGES"], &[1, 2, 3, 4])
            }
            Page::Plugins => (&["PLUGIN", "STATE", "CALLS/S", "CALLS", "ERRORS", "P50", "P99"], &[2, 3, 4, 5, 6]),
        }
    }

    /// # Errors
    /// Where the daemon does not answer.
    pub fn lines(self, client: &mut Client, counts: &mut Counts) -> Result<Vec<Line>, Error> {
        match self {
            Page::Conversations => return conversations(client, counts),
            Page::Plugins => return plugins(client, counts),
            Page::Connections | Page::Users => {}
        }
        let request = request::ConnectionList { user: None, limit: MAX_LINES };
        let list: ConnectionList = client.call(&Command::ConnectionList(request))?;
        Ok(match self {
            Page::Users => users(list.connections, counts),
            _ => connections(list.connections, counts),
        })
    }
}

fn connections(list: Vec<ConnectionLine>, counts: &mut Counts) -> Vec<Line> {
    let rates = counts.rates(list.iter().map(|line| (line.connection.clone(), line.events)));
    let line = |line: ConnectionLine| {
        let per_second = rates.get(&line.connection).copied().unwrap_or_default();
        let waiting = line.waiting_bytes as u64;
        Line {
            cells: vec![
                line.connection.clone(),
                clean(&line.user),
                clean(line.device.as_deref().unwrap_or_default()),
                line.transport,
                line.address,
                ago(&line.since),
                rate(per_second),
                count(line.events),
                if line.behind { "behind".into() } else { bytes(waiting) },
            ],
            name: line.user.clone(),
            rate: per_second,
            total: line.events,
            waiting,
            victim: Some(Victim::Connection { id: line.connection, user: line.user }),
        }
    };
    list.into_iter().map(line).collect()
}

fn users(list: Vec<ConnectionLine>, counts: &mut Counts) -> Vec<Line> {
    let mut users: BTreeMap<String, (u64, u64, u64, bool)> = BTreeMap::new();
    for line in list {
        let (devices, events, waiting, behind) = users.entry(line.user).or_default();
        *devices += 1;
        *events += line.events;
        *waiting += line.waiting_bytes as u64;
        *behind |= line.behind;
    }
    let rates = counts.rates(users.iter().map(|(user, (_, events, ..))| (user.clone(), *events)));
    let line = |(user, (devices, events, waiting, behind)): (String, _)| {
        let per_second = rates.get(&user).copied().unwrap_or_default();
        let shown = if behind { "behind".into() } else { bytes(waiting) };
        Line {
            cells: vec![clean(&user), count(devices), rate(per_second), count(events), shown],
            rate: per_second,
            total: events,
            waiting,
            victim: Some(Victim::User(user.clone())),
            name: user,
        }
    };
    users.into_iter().map(line).collect()
}

fn conversations(client: &mut Client, counts: &mut Counts) -> Result<Vec<Line>, Error> {
    let request = request::ConversationLive { limit: MAX_LINES };
    let LiveConversations { conversations, .. } = client.call(&Command::ConversationLive(request))?;
    let rates = counts.rates(conversations.iter().map(|one| (one.conversation.clone(), one.messages)));
    let line = |one: crate::admin::answer::LiveConversation| {
        let per_second = rates.get(&one.conversation).copied().unwrap_or_default();
        Line {
            cells: vec![
                clean(&one.conversation),
                count(one.users_here as u64),
                count(one.followers as u64),
                rate(per_second),
                count(one.messages),
            ],
            name: one.conversation,
            rate: per_second,
            total: one.messages,
            waiting: 0,
            victim: None,
        }
    };
    Ok(conversations.into_iter().map(line).collect())
}

/// Those that run, or would if they did not fail.
fn plugins(client: &mut Client, counts: &mut Counts) -> Result<Vec<Line>, Error> {
    let Plugins { plugins } = client.call(&Command::PluginList(request::Nothing {}))?;
    let loaded: Vec<PluginLine> = plugins.into_iter().filter(|plugin| plugin.state != "off").collect();
    let rates = counts.rates(loaded.iter().map(|plugin| (plugin.name.clone(), plugin.calls)));
    let line = |plugin: PluginLine| {
        let per_second = rates.get(&plugin.name).copied().unwrap_or_default();
        Line {
            cells: vec![
                clean(&plugin.name),
                plugin::state(&plugin),
                rate(per_second),
                count(plugin.calls),
                count(plugin.errors),
                plugin::micros(plugin.p50_us),
                plugin::micros(plugin.p99_us),
            ],
            rate: per_second,
            total: plugin.calls,
            waiting: 0,
            victim: None,
            name: plugin.name,
        }
    };
    Ok(loaded.into_iter().map(line).collect())
}

pub fn sort(lines: &mut [Line], order: Order) {
    match order {
        Order::Rate => lines.sort_by(|a, b| b.rate.total_cmp(&a.rate).then(b.total.cmp(&a.total))),
        Order::Waiting => lines.sort_by_key(|line| Reverse(line.waiting)),
        Order::Name => lines.sort_by(|a, b| a.name.cmp(&b.name)),
    }
}

pub fn table(page: Page, lines: &[Line]) -> Table {
    let (headings, numbers) = page.columns();
    let mut table = Table::new(headings, numbers);
    lines.iter().for_each(|line| table.push(line.cells.clone()));
    table
}

impl Victim {
    /// # Errors
    /// Where the daemon refuses it.
    pub fn kick(&self, client: &mut Client) -> Result<String, Error> {
        match self {
            Victim::Connection { id, .. } => {
                let request = request::ConnectionKick { connection: id.clone(), reason: None };
                let kicked: Kicked = client.call(&Command::ConnectionKick(request))?;
                Ok(format!("{id} of {} disconnected", clean(&kicked.user)))
            }
            Victim::User(user) => {
                let request = request::Kick { user: user.clone(), device: None, reason: None };
                let kicked: Kicked = client.call(&Command::UserKick(request))?;
                Ok(format!("{} disconnected, {}", clean(&kicked.user), counted(kicked.devices, "device")))
            }
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Victim::Connection { id, user } => write!(f, "{id} of {}", clean(user)),
            Victim::User(user) => write!(f, "all devices of {}", clean(user)),
        }
    }
}
