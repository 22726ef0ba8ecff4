//! `chatctl top`: the daemon at work, on the whole screen.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::Args as Arguments;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::{cursor, execute, queue, style, terminal};

use super::Desk;
use super::client::Client;
use super::error::Error;
use super::format::{ago, bytes, clean, count, millis, rate};
use super::table::Table;
use crate::admin::answer::{ConnectionLine, ConnectionList, Kicked, Stats};
use crate::admin::protocol::Command;
use crate::admin::request::{self, Nothing};

/// Connections that are looked at; of more, those that came first.
const MAX_CONNECTIONS: u32 = 10_000;

/// A live view: rates, latencies, and the busiest connections
///
/// Keys: e sorts by events a second, w by what waits to be read, u by user; up and down choose, k kicks, q quits.
#[derive(Debug, Arguments)]
pub struct Top {
    /// Between two looks
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = super::format::parse_span)]
    interval: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Events,
    Waiting,
    User,
}

/// What is on the screen.
struct View {
    stats: Stats,
    /// Each with its events a second.
    lines: Vec<(f64, ConnectionLine)>,
    total: usize,
    /// Events of each connection at the last look.
    before: HashMap<String, u64>,
    looked: Instant,
    order: Order,
    chosen: usize,
    /// The connection that is kicked once `y` is pressed.
    doomed: Option<String>,
    said: String,
}

/// The terminal in its special state, given back when dropped.
struct Screen;

impl Screen {
    fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Screen;
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = execute!(io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

pub fn top(desk: &Desk, args: &Top) -> Result<(), Error> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let message = "top needs a terminal".into();
        return Err(Error::Failed { message, hint: Some("chatctl stats --watch --json is for programs".into()) });
    }
    let mut client = desk.connect()?;
    let mut view = View::new(&mut client)?;
    let broken = |error: io::Error| Error::failed(format!("the terminal: {error}"));
    let _screen = Screen::open().map_err(broken)?;
    loop {
        view.draw().map_err(broken)?;
        let next = view.looked + args.interval;
        let left = next.saturating_duration_since(Instant::now());
        if !event::poll(left).map_err(broken)? {
            view.look(&mut client)?;
            continue;
        }
        if let Event::Key(key) = event::read().map_err(broken)?
            && key.kind == KeyEventKind::Press
            && view.press(key, &mut client)
        {
            return Ok(());
        }
    }
}

impl View {
    fn new(client: &mut Client) -> Result<Self, Error> {
        let stats = client.call(&Command::Stats(Nothing {}))?;
        let mut view = View {
            stats,
            lines: Vec::new(),
            total: 0,
            before: HashMap::new(),
            looked: Instant::now(),
            order: Order::Events,
            chosen: 0,
            doomed: None,
            said: String::new(),
        };
        view.look(client)?;
        Ok(view)
    }

    fn look(&mut self, client: &mut Client) -> Result<(), Error> {
        self.stats = client.call(&Command::Stats(Nothing {}))?;
        let request = request::ConnectionList { user: None, limit: MAX_CONNECTIONS };
        let list: ConnectionList = client.call(&Command::ConnectionList(request))?;
        let span = self.looked.elapsed().as_secs_f64().max(0.001);
        self.looked = Instant::now();
        self.total = list.total;
        let before = std::mem::take(&mut self.before);
        self.before = list.connections.iter().map(|line| (line.connection.clone(), line.events)).collect();
        let with_rate = |line: ConnectionLine| {
            let known = before.get(&line.connection).copied().unwrap_or(line.events);
            (line.events.saturating_sub(known) as f64 / span, line)
        };
        self.lines = list.connections.into_iter().map(with_rate).collect();
        self.sort();
        Ok(())
    }

    fn sort(&mut self) {
        match self.order {
            Order::Events => self.lines.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.events.cmp(&a.1.events))),
            Order::Waiting => self.lines.sort_by_key(|(_, line)| std::cmp::Reverse(line.waiting_bytes)),
            Order::User => self.lines.sort_by(|a, b| a.1.user.cmp(&b.1.user)),
        }
        self.chosen = self.chosen.min(self.lines.len().saturating_sub(1));
    }

    /// Does what a key asks for; true where that is the end.
    fn press(&mut self, key: KeyEvent, client: &mut Client) -> bool {
        let doomed = self.doomed.take();
        self.said.clear();
        match key.code {
            KeyCode::Char('y') if doomed.is_some() => self.kick(doomed.unwrap_or_default(), client),
            _ if doomed.is_some() => self.said = "nobody was kicked".into(),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('e') => self.order = Order::Events,
            KeyCode::Char('w') => self.order = Order::Waiting,
            KeyCode::Char('u') => self.order = Order::User,
            KeyCode::Up => self.chosen = self.chosen.saturating_sub(1),
            KeyCode::Down => self.chosen += 1,
            KeyCode::Char('k') => {
                if let Some((_, line)) = self.lines.get(self.chosen) {
                    self.said = format!("kick {} of {}? y or n", line.connection, clean(&line.user));
                    self.doomed = Some(line.connection.clone());
                }
            }
            _ => {}
        }
        self.sort();
        false
    }

    fn kick(&mut self, connection: String, client: &mut Client) {
        let request = request::ConnectionKick { connection: connection.clone(), reason: None };
        self.said = match client.call::<Kicked>(&Command::ConnectionKick(request)) {
            Ok(kicked) => format!("{connection} of {} disconnected", clean(&kicked.user)),
            Err(error) => clean(&error.to_string()),
        };
    }

    fn draw(&self) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        queue!(out, cursor::MoveTo(0, 0))?;
        let table = self.table().lines(Some(width.into()));
        let head = self.head();
        let room = usize::from(height).saturating_sub(head.len() + 2);
        // The chosen line is always on the screen.
        let from = (self.chosen + 2).saturating_sub(room.max(2));
        let rows = table.iter().skip(1).enumerate().skip(from).take(room.saturating_sub(1));
        let whole = |line: &str| line.chars().take(width.into()).collect::<String>();
        for line in &head {
            queue!(
                out,
                style::Print(whole(line)),
                terminal::Clear(terminal::ClearType::UntilNewLine),
                cursor::MoveToNextLine(1)
            )?;
        }
        queue!(out, style::SetAttribute(style::Attribute::Dim), style::Print(whole(&table[0])))?;
        queue!(out, style::SetAttribute(style::Attribute::Reset))?;
        queue!(out, terminal::Clear(terminal::ClearType::UntilNewLine), cursor::MoveToNextLine(1))?;
        for (at, line) in rows {
            if at == self.chosen {
                queue!(out, style::SetAttribute(style::Attribute::Reverse))?;
            }
            queue!(out, style::Print(whole(line)), style::SetAttribute(style::Attribute::Reset))?;
            queue!(out, terminal::Clear(terminal::ClearType::UntilNewLine), cursor::MoveToNextLine(1))?;
        }
        queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown), cursor::MoveTo(0, height.saturating_sub(1)))?;
        let keys = "e events  w waiting  u user  ↑↓ choose  k kick  q quit";
        let foot = if self.said.is_empty() { keys } else { &self.said };
        queue!(out, style::Print(whole(foot)))?;
        out.flush()
    }

    fn head(&self) -> Vec<String> {
        let Stats { connections, users, rooms, rates, latency, memory_bytes, store, .. } = &self.stats;
        let latency = latency.map_or_else(
            || "no events".to_owned(),
            |l| format!("p50 {} · p90 {} · p99 {}", millis(l.p50_ms), millis(l.p90_ms), millis(l.p99_ms)),
        );
        let by = format!("ws {} · polling {}", count(connections.websocket as u64), count(connections.polling as u64));
        vec![
            format!(
                "connections {} ({by})   users {}   rooms {}",
                count(connections.total as u64),
                count(*users as u64),
                count(*rooms as u64)
            ),
            format!(
                "events {}/s   messages {}/s   deliveries {}/s   refused {}/s",
                rate(rates.events),
                rate(rates.messages),
                rate(rates.deliveries),
                rate(rates.refused)
            ),
            format!("latency {latency}   memory {}   store {}", bytes(*memory_bytes), bytes(store.bytes)),
            String::new(),
        ]
    }

    fn table(&self) -> Table {
        let headings =
            ["CONNECTION", "USER", "DEVICE", "TRANSPORT", "ADDRESS", "SINCE", "EVENTS/S", "EVENTS", "WAITING"];
        let mut table = Table::new(&headings, &[6, 7, 8]);
        for (events_per_second, line) in &self.lines {
            let waiting = if line.behind { "behind".into() } else { bytes(line.waiting_bytes as u64) };
            table.row([
                line.connection.clone(),
                clean(&line.user),
                clean(line.device.as_deref().unwrap_or_default()),
                line.transport.clone(),
                line.address.clone(),
                ago(&line.since),
                rate(*events_per_second),
                count(line.events),
                waiting,
            ]);
        }
        table
    }
}
