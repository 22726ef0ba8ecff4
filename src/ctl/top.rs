//! `chatctl top`: the daemon at work, on the whole screen.

mod lines;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::Args as Arguments;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::{cursor, execute, queue, style, terminal};

use self::lines::{Counts, Line, Order, Page, Victim};
use super::Desk;
use super::client::Client;
use super::error::Error;
use super::format::{bytes, clean, count, millis, rate};
use crate::admin::answer::Stats;
use crate::admin::protocol::Command;
use crate::admin::request::Nothing;

/// A live view: rates, latencies, and the busiest connections, users and conversations
///
/// Keys: 1 shows connections, 2 users, 3 conversations; e sorts by what they do in a second, w by what waits to be read, u
/// by name; up and down choose, k kicks, q quits.
#[derive(Debug, Arguments)]
pub struct Top {
    /// Between two looks
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = super::format::parse_span)]
    interval: Duration,
}

/// What is on the screen.
struct View {
    stats: Stats,
    page: Page,
    lines: Vec<Line>,
    counts: Counts,
    order: Order,
    chosen: usize,
    /// Who is kicked once `y` is pressed.
    doomed: Option<Victim>,
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
    let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
    if is_dumb || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let message = "top needs a terminal whose screen it can draw".into();
        return Err(Error::Failed { message, hint: Some("chatctl stats --watch --json is for programs".into()) });
    }
    let mut client = desk.connect()?;
    let mut view = View::new(&mut client)?;
    let broken = |error: io::Error| Error::failed(format!("the terminal: {error}"));
    let _screen = Screen::open().map_err(broken)?;
    loop {
        view.draw().map_err(broken)?;
        let next = view.counts.looked() + args.interval;
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
            page: Page::Connections,
            lines: Vec::new(),
            counts: Counts::new(),
            order: Order::Rate,
            chosen: 0,
            doomed: None,
            said: String::new(),
        };
        view.look(client)?;
        Ok(view)
    }

    fn look(&mut self, client: &mut Client) -> Result<(), Error> {
        self.stats = client.call(&Command::Stats(Nothing {}))?;
        self.lines = self.page.lines(client, &mut self.counts)?;
        self.sort();
        Ok(())
    }

    fn turn(&mut self, page: Page, client: &mut Client) {
        // Its rates begin anew with the second look.
        (self.page, self.counts, self.chosen) = (page, Counts::new(), 0);
        if let Err(error) = self.look(client) {
            self.said = clean(&error.to_string());
        }
    }

    fn sort(&mut self) {
        lines::sort(&mut self.lines, self.order);
        self.chosen = self.chosen.min(self.lines.len().saturating_sub(1));
    }

    /// Does what a key asks for; true where that is the end.
    fn press(&mut self, key: KeyEvent, client: &mut Client) -> bool {
        let doomed = self.doomed.take();
        self.said.clear();
        match (key.code, doomed) {
            (KeyCode::Char('y'), Some(victim)) => {
                self.said = victim.kick(client).unwrap_or_else(|error| clean(&error.to_string()));
            }
            (_, Some(_)) => self.said = "nobody was kicked".into(),
            (KeyCode::Char('c'), _) if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            (KeyCode::Char('q') | KeyCode::Esc, _) => return true,
            (KeyCode::Char('1'), _) => self.turn(Page::Connections, client),
            (KeyCode::Char('2'), _) => self.turn(Page::Users, client),
            (KeyCode::Char('3'), _) => self.turn(Page::Conversations, client),
            (KeyCode::Char('4'), _) => self.turn(Page::Plugins, client),
            (KeyCode::Tab, _) => self.turn(self.page.next(), client),
            (KeyCode::Char('e'), _) => self.order = Order::Rate,
            (KeyCode::Char('w'), _) => self.order = Order::Waiting,
            (KeyCode::Char('u'), _) => self.order = Order::Name,
            (KeyCode::Up, _) => self.chosen = self.chosen.saturating_sub(1),
            (KeyCode::Down, _) => self.chosen += 1,
            (KeyCode::Char('k'), _) => match self.lines.get(self.chosen).map(|line| &line.victim) {
                Some(Some(victim)) => {
                    self.said = format!("kick {victim}? y or n");
                    self.doomed = Some(victim.clone());
                }
                Some(None) => self.said = "users and connections can be kicked: 1 and 2 show them".into(),
                None => {}
            },
            _ => {}
        }
        self.sort();
        false
    }

    fn draw(&self) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        queue!(out, cursor::MoveTo(0, 0))?;
        let table = lines::table(self.page, &self.lines).lines(Some(width.into()));
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
        let keys = "1 connections  2 users  3 conversations  4 plugins   e busiest  w waiting  u name   ↑↓ choose  k kick  q quit";
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
}
