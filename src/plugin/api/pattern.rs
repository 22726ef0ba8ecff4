//! `regex`: patterns that take time in proportion to the text, whatever the text is.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, ImmutableString};

use super::Failed;
use crate::plugin::engine::{MAX_ARRAY_LENGTH, MAX_STRING_BYTES};
use crate::plugin::guard;

/// The longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 16 * 1024;
/// What a compiled pattern may take.
const MAX_COMPILED_BYTES: usize = 1 << 20;
/// Groups within groups.
const MAX_NESTED: u32 = 64;
/// Patterns that a thread keeps compiled. When there are more, it begins anew.
const MAX_CACHED: usize = 256;

/// A compiled pattern.
#[derive(Clone)]
struct Pattern(Arc<regex::Regex>);

thread_local! {
    static COMPILED: RefCell<HashMap<ImmutableString, Pattern, ahash::RandomState>> = RefCell::default();
}

pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Pattern>("Regex")
        .register_fn("regex", |pattern: ImmutableString| compiled(&pattern))
        .register_fn("is_match", |pattern: &mut Pattern, text: ImmutableString| pattern.0.is_match(&text))
        .register_fn("find", |pattern: &mut Pattern, text: ImmutableString| {
            pattern.0.find(&text).map_or(Dynamic::UNIT, |found| found.as_str().into())
        })
        .register_fn("find_all", |pattern: &mut Pattern, text: ImmutableString| {
            let found = pattern.0.find_iter(&text).take(MAX_ARRAY_LENGTH);
            found.map(|found| in_time().map(|()| found.as_str().into())).collect::<Result<Array, Failed>>()
        })
        .register_fn("captures", |pattern: &mut Pattern, text: ImmutableString| {
            pattern.0.captures(&text).map_or(Dynamic::UNIT, |groups| {
                let group = |group: Option<regex::Match<'_>>| group.map_or(Dynamic::UNIT, |text| text.as_str().into());
                groups.iter().map(group).collect::<Array>().into()
            })
        })
        .register_fn("replace", |pattern: &mut Pattern, text: ImmutableString, with: ImmutableString| {
            replace(&pattern.0, &text, &with)
        })
        .register_fn("split", |pattern: &mut Pattern, text: ImmutableString| {
            let parts = pattern.0.splitn(&text, MAX_ARRAY_LENGTH);
            parts.map(|part| in_time().map(|()| part.to_owned().into())).collect::<Result<Array, Failed>>()
        });
}

/// Many matches in a long text may take longer than a hook may.
fn in_time() -> Result<(), Failed> {
    match guard::is_late() {
        true => Err("took longer than `plugins.timeout`".into()),
        false => Ok(()),
    }
}

/// Replaces every match; a text that would become too long stops it before it is.
fn replace(pattern: &regex::Regex, text: &str, with: &str) -> Result<ImmutableString, Failed> {
    let (mut replaced, mut end) = (String::with_capacity(text.len()), 0);
    for groups in pattern.captures_iter(text) {
        in_time()?;
        let found = groups.get_match();
        replaced.push_str(&text[end..found.start()]);
        groups.expand(with, &mut replaced);
        end = found.end();
        if replaced.len() > MAX_STRING_BYTES {
            return Err(format!("more than {MAX_STRING_BYTES} bytes of text").into());
        }
    }
    replaced.push_str(&text[end..]);
    Ok(replaced.into())
}

fn compiled(pattern: &ImmutableString) -> Result<Pattern, Failed> {
    if let Some(known) = COMPILED.with_borrow(|cache| cache.get(pattern).cloned()) {
        return Ok(known);
    }
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("a pattern has at most {MAX_PATTERN_BYTES} bytes").into());
    }
    let built = regex::RegexBuilder::new(pattern).size_limit(MAX_COMPILED_BYTES).nest_limit(MAX_NESTED).build();
    let built = built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Failed::from("the pattern is too large once it is compiled"),
        other => Failed::from(format!("the pattern is wrong: {}", last_line(&other.to_string()))),
    })?;
    let built = Pattern(Arc::new(built));
    COMPILED.with_borrow_mut(|cache| {
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(pattern.clone(), built.clone());
    });
    Ok(built)
}

/// The picture of the pattern does not fit into one line of a log.
fn last_line(text: &str) -> &str {
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line)
}
