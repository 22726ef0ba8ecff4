//! Data on standard output, all else on standard error. Whoever closes the pipe early has seen enough.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

use super::args::{Color, Global};
use super::error::Error;
use super::format::clean;
use super::table::Table;

pub struct Output {
    pub json: bool,
    quiet: bool,
    colors: bool,
    error_colors: bool,
    /// Columns of the terminal; None where standard output is none.
    pub width: Option<usize>,
}

#[derive(Clone, Copy)]
pub enum Tint {
    Good,
    Bad,
    Warning,
    Faint,
    Strong,
}

impl Output {
    pub fn new(global: &Global) -> Self {
        let wanted = |is_terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let width = out.then(columns);
        Output { json: global.json, quiet: global.quiet, colors: wanted(out), error_colors: wanted(err), width }
    }

    pub fn tint(&self, tint: Tint, text: &str) -> String {
        paint(self.colors, tint, text)
    }

    /// A line of data.
    pub fn line(&self, line: &str) {
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            let is_quiet = error.kind() == io::ErrorKind::BrokenPipe;
            std::process::exit(if is_quiet { 0 } else { 1 });
        }
    }

    /// An answer as it came: readable on a terminal, on one line in a pipe.
    pub fn document(&self, value: &Value) {
        let text =
            if self.width.is_some() { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        self.line(&text.expect("a value has string keys"));
    }

    /// An item of a stream, on a line of its own.
    pub fn item(&self, value: &Value) {
        self.line(&value.to_string());
    }

    pub fn table(&self, table: &Table) {
        let is_headed = table.fits(self.width);
        for (at, line) in table.shown(self.width).iter().enumerate() {
            self.line(&if at == 0 && is_headed { self.tint(Tint::Faint, line) } else { line.clone() });
        }
    }

    /// `✓ …`, about what was done.
    pub fn done(&self, text: &str) {
        if !self.quiet {
            self.line(&format!("{} {text}", self.tint(Tint::Good, "✓")));
        }
    }

    /// `! …`, about what somebody should know.
    pub fn warning(&self, text: &str) {
        self.line(&format!("{} {text}", self.tint(Tint::Warning, "!")));
    }

    /// `→ …`, what to do next.
    pub fn next(&self, command: &str) {
        if !self.quiet {
            self.line(&format!("  {} {command}", self.tint(Tint::Faint, "→")));
        }
    }

    /// Beside the data, for people.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            // Standard error may be closed; there is nobody else to tell.
            let _ = writeln!(io::stderr(), "{} {text}", paint(self.error_colors, Tint::Warning, "note:"));
        }
    }

    pub fn is_talkative(&self) -> bool {
        !self.quiet && !self.json
    }

    /// A question that is answered with yes or no; anything else than yes is no.
    pub fn ask(&self, question: &str) -> bool {
        let _ = write!(io::stderr(), "{} {question} [y/N] ", paint(self.error_colors, Tint::Warning, "?"));
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }

    pub fn error(&self, error: &Error) {
        if let Error::Said(_) = error {
            return;
        }
        let text = if self.json { as_json(error) } else { self.as_text(error) };
        let _ = writeln!(io::stderr(), "{text}");
    }

    fn as_text(&self, error: &Error) -> String {
        let message = error.to_string();
        // Some of what the daemon says begins with it.
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        // It may quote what somebody chose as a name.
        let message = message.lines().map(clean).collect::<Vec<_>>().join("\n");
        let mut text = format!("{} {message}", paint(self.error_colors, Tint::Bad, "error:"));
        if let Error::Refused(failure) = error
            && let Some(first) = failure.data.suggestions.first()
        {
            let others = failure.data.suggestions[1..].iter().map(|other| format!(", \"{}\"", clean(other)));
            let _ = write!(text, "\n  did you mean \"{}\"{}?", clean(first), others.collect::<String>());
        }
        for hint in error.hints() {
            let _ = write!(text, "\n  {} {hint}", paint(self.error_colors, Tint::Faint, "→"));
        }
        text
    }
}

fn as_json(error: &Error) -> String {
    let suggestions = match error {
        Error::Refused(failure) => failure.data.suggestions.clone(),
        _ => Vec::new(),
    };
    let body = json!({
        "kind": error.kind(),
        "message": error.to_string(),
        "hints": error.hints(),
        "suggestions": suggestions,
        "exitStatus": error.exit_status(),
    });
    json!({ "error": body }).to_string()
}

fn paint(colors: bool, tint: Tint, text: &str) -> String {
    if !colors {
        return text.to_owned();
    }
    let code = match tint {
        Tint::Good => "32",
        Tint::Bad => "1;31",
        Tint::Warning => "33",
        Tint::Faint => "2",
        Tint::Strong => "1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The terminal's width, else 80.
fn columns() -> usize {
    // SAFETY: all-zero bytes are a valid `winsize`, which is plain data.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: the request writes a `winsize` to the pointer, which is valid for it.
    let outcome = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    if outcome == 0 && size.ws_col > 0 { size.ws_col.into() } else { 80 }
}
