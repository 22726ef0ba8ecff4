//! What sort of value a key takes: how it is checked, read from plain text, and compared.

use std::fmt::Display;

use toml::Value;

use super::diagnose::did_you_mean;
use super::rules::{Complaint, Rule};
use super::schema::Key;
use crate::domain::units::{ByteSize, Span};

/// The sort of value that a key takes, with its bounds.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number from the first to the second.
    Count(u32, u32),
    /// A number of bytes from the first to the second.
    Size(ByteSize, ByteSize),
    /// A span of time from the first to the second.
    Time(Span, Span),
    /// A span of time of at least this much, or this word.
    TimeOr(Span, &'static str),
    /// One of these words.
    Choice(&'static [&'static str]),
    Text(Rule),
    /// A text that is never shown.
    Secret(Rule),
    Path(Rule),
    /// Texts without duplicates, at least so many of them.
    List(usize, Rule),
    /// Whole numbers from the first to the second, without duplicates.
    Counts(u32, u32),
    /// Some of these words without duplicates, at least one.
    Choices(&'static [&'static str]),
    /// A table of some of the names to one of the words each.
    Words(fn() -> Vec<&'static str>, &'static [&'static str]),
    /// A table of anybody's tables.
    Tables,
    /// Texts that are never shown: one, or a list of them.
    Secrets(Rule),
    /// An array of tables with these keys.
    Entries(&'static [Key]),
}

impl Kind {
    /// What is wrong with the value as a whole, or with its items, each with the item's index.
    pub fn check(&self, value: &Value) -> Vec<(Option<usize>, Complaint)> {
        match (self, value) {
            (Kind::List(least, _), Value::Array(items)) => self.check_items(items, *least),
            (Kind::Choices(_), Value::Array(items)) => self.check_items(items, 1),
            (Kind::Counts(..) | Kind::Secrets(_), Value::Array(items)) => self.check_items(items, 0),
            (Kind::Entries(keys), Value::Array(items)) => {
                let complaints = items.iter().enumerate();
                complaints.flat_map(|(at, item)| self.check_entry(keys, item).map(move |it| (Some(at), it))).collect()
            }
            _ => self.check_whole(value).err().map(|complaint| (None, complaint)).into_iter().collect(),
        }
    }

    fn check_items(&self, items: &[Value], least: usize) -> Vec<(Option<usize>, Complaint)> {
        let mut complaints = Vec::new();
        if items.len() < least {
            complaints.push((None, Complaint::new("must not be empty")));
        }
        for (index, item) in items.iter().enumerate() {
            let verdict = match (self, item) {
                (_, item) if items[..index].contains(item) => Err(Complaint::new("must not list the same value twice")),
                (Kind::List(_, rule) | Kind::Secrets(rule), Value::String(text)) => rule(text),
                (Kind::Choices(words), Value::String(text)) => one_of(words, text),
                (Kind::Counts(least, most), item @ Value::Integer(_)) => Kind::Count(*least, *most).check_whole(item),
                (_, other) => Err(self.expected(other)),
            };
            complaints.extend(verdict.err().map(|complaint| (Some(index), complaint)));
        }
        complaints
    }

    /// What is wrong with one table of an array of them.
    fn check_entry<'a>(&'a self, keys: &'static [Key], entry: &'a Value) -> impl Iterator<Item = Complaint> + 'a {
        let fields = entry.as_table();
        let stranger = fields.is_none().then(|| self.expected(entry));
        let wrong =
            fields.into_iter().flatten().flat_map(|(name, value)| match keys.iter().find(|key| key.name() == name) {
                Some(key) => {
                    let inner = key.kind.check(value).into_iter();
                    inner
                        .map(|(_, it)| Complaint { message: format!("entry: `{name}` {}", it.message), ..it })
                        .collect()
                }
                None => {
                    let unknown = Complaint::new(format!("has an unknown key `{name}`"));
                    vec![unknown.hint(did_you_mean(name, keys.iter().map(Key::name)))]
                }
            });
        stranger.into_iter().chain(wrong)
    }

    fn check_whole(&self, value: &Value) -> Result<(), Complaint> {
        match (self, value) {
            (Kind::Switch, Value::Boolean(_)) => Ok(()),
            (Kind::Count(least, most), Value::Integer(number)) => {
                let bounded = *most < u32::MAX || *number > i64::from(*most);
                within(*number, i64::from(*least), bounded.then_some(i64::from(*most)))
            }
            (Kind::Size(least, most), Value::Integer(_) | Value::String(_)) => {
                within(size(value).ok_or_else(|| self.expected(value))?, *least, Some(*most))
            }
            (Kind::Time(least, most), Value::Integer(_) | Value::String(_)) => {
                within(time(value).ok_or_else(|| self.expected(value))?, *least, Some(*most))
            }
            (Kind::TimeOr(_, word), Value::String(text)) if text == word => Ok(()),
            (Kind::TimeOr(least, _), Value::String(_)) => {
                let time = time(value).ok_or_else(|| self.expected(value))?;
                within(time, *least, None)
            }
            (Kind::Choice(words), Value::String(text)) => one_of(words, text),
            (Kind::Words(names, words), Value::Table(table)) => table.iter().try_for_each(|(name, word)| {
                one_of(&names(), name)?;
                one_of(words, word.as_str().ok_or_else(|| self.expected(word))?)
            }),
            (Kind::Tables, Value::Table(table)) => match table.iter().find(|(_, inner)| !inner.is_table()) {
                None => Ok(()),
                Some((name, _)) => Err(Complaint::new(format!("must hold tables: `{name}` is none"))),
            },
            (Kind::Text(rule) | Kind::Secret(rule) | Kind::Secrets(rule) | Kind::Path(rule), Value::String(text)) => {
                rule(text)
            }
            _ => Err(self.expected(value)),
        }
    }

    fn expected(&self, found: &Value) -> Complaint {
        let expected = match self {
            Kind::Switch => "must be `true` or `false`",
            Kind::Count(..) => "must be a whole number",
            Kind::Size(..) => "must be a size such as \"64KiB\" or \"1MiB\"",
            Kind::Time(..) => "must be a span of time such as \"250ms\", \"25s\", \"15m\" or \"1h\"",
            Kind::TimeOr(_, word) => {
                return Complaint::new(format!("must be \"{word}\" or a span of time such as \"90d\""));
            }
            Kind::Choice(words) => return Complaint::new(format!("must be one of {}", quoted(words))),
            Kind::Text(_) | Kind::Secret(_) | Kind::Path(_) => "must be a string",
            Kind::List(..) => "must be an array of strings",
            Kind::Counts(..) => "must be an array of whole numbers",
            Kind::Choices(words) => return Complaint::new(format!("must be an array of {}", quoted(words))),
            Kind::Words(_, words) => return Complaint::new(format!("must be a table of names to {}", quoted(words))),
            Kind::Tables => "must be a table of tables",
            Kind::Secrets(_) => "must be a string, or an array of strings",
            Kind::Entries(_) => "must be an array of tables",
        };
        let textual = matches!(self, Kind::Size(..) | Kind::Time(..)) && found.is_str();
        Complaint::new(expected).hint((!textual).then(|| format!("found {}", describe(found))))
    }

    /// The value that a person meant by this text in an environment variable or on the command line.
    pub fn read(&self, text: &str) -> Result<Value, Complaint> {
        // Only what stands for itself keeps the white space around it: it may be part of a secret.
        let text = match self {
            Kind::Text(_) | Kind::Secret(_) | Kind::Path(_) => text,
            _ => text.trim(),
        };
        match self {
            Kind::Switch => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(Value::Boolean(true)),
                "false" | "no" | "off" | "0" => Ok(Value::Boolean(false)),
                _ => Err(self.expected(&Value::String(text.into())).hint(None)),
            },
            Kind::Count(..) => match text.replace('_', "").parse() {
                Ok(number) => Ok(Value::Integer(number)),
                Err(_) => Err(self.expected(&Value::String(text.into())).hint(None)),
            },
            Kind::List(..) | Kind::Choices(_) | Kind::Entries(_) => read_list(text),
            Kind::Counts(..) => Ok(numbers(read_list(text)?)),
            Kind::Words(..) | Kind::Tables => read_table(text),
            _ => Ok(Value::String(text.into())),
        }
    }

    /// The value in its one form, so that `60s` and `1m` compare as the same.
    pub fn canonical(&self, value: &Value) -> String {
        let canonical = match self {
            Kind::Size(..) => size(value).map(|size| size.to_string()),
            Kind::Time(..) | Kind::TimeOr(..) => time(value).map(|time| time.to_string()),
            _ => None,
        };
        canonical.map_or_else(|| value.to_string(), |text| Value::String(text).to_string())
    }
}

/// In words, for a list of all keys.
impl Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Switch => f.write_str("true or false"),
            Kind::Count(least, u32::MAX) => write!(f, "a whole number from {least}"),
            Kind::Count(least, most) => write!(f, "a whole number from {least} to {most}"),
            Kind::Size(least, most) => write!(f, "a size from {least} to {most}"),
            Kind::Time(least, most) => write!(f, "a span of time from {least} to {most}"),
            Kind::TimeOr(least, word) => write!(f, "\"{word}\" or a span of time from {least}"),
            Kind::Choice(words) => write!(f, "one of {}", quoted(words)),
            Kind::Text(_) => f.write_str("a string"),
            Kind::Secret(_) => f.write_str("a string, never shown"),
            Kind::Path(_) => f.write_str("a path"),
            Kind::List(..) => f.write_str("an array of strings"),
            Kind::Counts(..) => f.write_str("an array of whole numbers"),
            Kind::Choices(words) => write!(f, "an array of {}", quoted(words)),
            Kind::Words(_, words) => write!(f, "a table of names to one of {}", quoted(words)),
            Kind::Tables => f.write_str("a table for each name"),
            Kind::Secrets(_) => f.write_str("a string or an array of strings, never shown"),
            Kind::Entries(_) => f.write_str("an array of tables"),
        }
    }
}

fn one_of(words: &[&'static str], text: &str) -> Result<(), Complaint> {
    if words.contains(&text) {
        return Ok(());
    }
    let complaint = Complaint::new(format!("must be one of {}", quoted(words)));
    Err(complaint.hint(did_you_mean(text, words.iter().copied())))
}

fn within<T: PartialOrd + Display>(value: T, least: T, most: Option<T>) -> Result<(), Complaint> {
    match most {
        _ if value < least => {}
        Some(ref most) if value > *most => {}
        _ => return Ok(()),
    }
    Err(Complaint::new(match most {
        Some(most) => format!("must be from {least} to {most}"),
        None => format!("must be at least {least}"),
    }))
}

fn size(value: &Value) -> Option<ByteSize> {
    match value {
        Value::Integer(bytes) => u64::try_from(*bytes).ok().map(ByteSize),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn time(value: &Value) -> Option<Span> {
    match value {
        Value::Integer(seconds) => u64::try_from(*seconds).ok().map(Span::secs),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A TOML array, or items between commas with or without brackets around them. `[::1]:3000` is an item, not an array.
fn read_list(text: &str) -> Result<Value, Complaint> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if bracketed.is_some()
        && let Ok(document) = format!("list = {text}").parse::<toml::Table>()
        && let Some(list) = document.get("list")
    {
        return Ok(list.clone());
    }
    let plain = bracketed.unwrap_or(text);
    if plain.contains(['"', '\'']) {
        return Err(Complaint::new("must be values between commas, or a TOML array of strings"));
    }
    let items = plain.split(',').map(str::trim).filter(|item| !item.is_empty());
    Ok(Value::Array(items.map(|item| Value::String(item.into())).collect()))
}

/// An inline table as TOML has it.
fn read_table(text: &str) -> Result<Value, Complaint> {
    let document = format!("table = {text}").parse::<toml::Table>().ok();
    let table = document.and_then(|mut document| document.remove("table")).filter(Value::is_table);
    table.ok_or_else(|| Complaint::new("must be an inline table such as { name = \"value\" }"))
}

/// Items that are numbers in text as such; what else is there is refused with the rest.
fn numbers(list: Value) -> Value {
    let number = |item: Value| item.as_str().and_then(|text| text.parse().ok()).map_or(item.clone(), Value::Integer);
    match list {
        Value::Array(items) => Value::Array(items.into_iter().map(number).collect()),
        other => other,
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}
