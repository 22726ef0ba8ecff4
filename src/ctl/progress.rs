//! A bar on a terminal for what takes a while; nothing elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::format::bytes;
use super::output::Output;

const WIDTH: u64 = 30;
const BETWEEN: Duration = Duration::from_millis(100);

pub struct Progress {
    name: &'static str,
    whole: u64,
    done: u64,
    shown: Option<Instant>,
    is_seen: bool,
}

impl Progress {
    /// Of `whole` bytes; zero where nobody knows how many there will be.
    pub fn new(output: &Output, name: &'static str, whole: u64) -> Self {
        let is_seen = io::stderr().is_terminal() && output.is_talkative();
        Progress { name, whole, done: 0, shown: None, is_seen }
    }

    pub fn advance(&mut self, more: u64) {
        self.done += more;
        if self.is_seen && self.shown.is_none_or(|shown| shown.elapsed() >= BETWEEN) {
            self.shown = Some(Instant::now());
            if self.whole == 0 {
                let _ = write!(io::stderr(), "\r{} {} ", self.name, bytes(self.done));
                return;
            }
            let filled = (self.done * WIDTH / self.whole.max(1)).min(WIDTH);
            let bar = ["█".repeat(filled as usize), "░".repeat((WIDTH - filled) as usize)].concat();
            // It is for eyes only; whoever has closed the terminal sees nothing.
            let _ = write!(io::stderr(), "\r{} {bar} {} of {} ", self.name, bytes(self.done), bytes(self.whole));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
