//! What the host lends to scripts: one file for each family of functions, and one table of them all, from which the
//! definition files for editors are made and against which the manual is held.

mod chat;
mod keep;
mod pattern;
mod table;
mod text;
mod time;
mod verdict;
mod words;

use std::time::Duration;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString};

pub use self::table::FUNCTIONS;
pub use self::time::Timers;
use super::engine::{MAX_ARRAY_LENGTH, MAX_MAP_SIZE, MAX_STRING_BYTES};
use crate::domain::units::Span;

/// A function of the host that failed: the script stops there, unless it catches it.
pub type Failed = Box<EvalAltResult>;

pub fn register(engine: &mut Engine) {
    verdict::register(engine);
    text::register(engine);
    time::register(engine);
    keep::register(engine);
    chat::register(engine);
    pattern::register(engine);
    words::register(engine);
}

/// No span of a script's is longer: sums with it stay within what a clock can hold.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A span of time: `"10m"`, or milliseconds.
fn span(value: &Dynamic) -> Result<Duration, Failed> {
    if let Ok(millis) = value.as_int() {
        let millis = u64::try_from(millis).map_err(|_| "a span of time is not negative")?;
        return Ok(Duration::from_millis(millis).min(LONGEST));
    }
    match value.as_immutable_string_ref() {
        Ok(text) => text.parse::<Span>().map(|span| span.0.min(LONGEST)).map_err(|error| error.to_string().into()),
        Err(_) => Err("expected a span of time such as \"10s\" or \"5m\", or milliseconds".into()),
    }
}

/// A text by itself, or the field `id` of a map: `chat::kick(user)` does as well as `chat::kick(user.id)`.
fn id_of(value: &Dynamic, what: &str) -> Result<ImmutableString, Failed> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.clone());
    }
    let field = value.as_map_ref().ok().and_then(|map| map.get("id").cloned());
    let text = field.and_then(|field| field.into_immutable_string().ok());
    text.ok_or_else(|| format!("{what}: expected an id, or a map with an id").into())
}

/// What a function of the host makes is held to the same bounds as what a script makes.
fn bounded(value: Dynamic) -> Result<Dynamic, Failed> {
    let (mut texts, mut items, mut fields) = (0, 0, 0);
    measure(&value, &mut texts, &mut items, &mut fields);
    match () {
        () if texts > MAX_STRING_BYTES => Err(format!("more than {MAX_STRING_BYTES} bytes of text").into()),
        () if items > MAX_ARRAY_LENGTH => Err(format!("more than {MAX_ARRAY_LENGTH} items").into()),
        () if fields > MAX_MAP_SIZE => Err(format!("more than {MAX_MAP_SIZE} fields").into()),
        () => Ok(value),
    }
}

fn measure(value: &Dynamic, texts: &mut usize, items: &mut usize, fields: &mut usize) {
    if let Ok(text) = value.as_immutable_string_ref() {
        *texts += text.len();
    } else if let Ok(array) = value.as_array_ref() {
        *items += array.len();
        array.iter().for_each(|item| measure(item, texts, items, fields));
    } else if let Ok(map) = value.as_map_ref() {
        *fields += map.len();
        map.values().for_each(|field| measure(field, texts, items, fields));
    }
}
