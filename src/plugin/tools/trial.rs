//! `plugin run`: one hook on JSON that somebody wrote.

use std::path::Path;

use rhai::Dynamic;
use serde_json::{Map, Value, json};

use super::{decision_json, effect_json, load_alone};
use crate::domain::hooks::{Origin, Point, Shape};
use crate::plugin::config::Config;
use crate::plugin::run::{self, Outcome};
use crate::plugin::script::Flaw;
use crate::plugin::stage::Clock;
use crate::plugin::{set, value, worker};

/// What to run.
pub struct Trial<'a> {
    pub path: &'a Path,
    pub point: Point,
    /// The arguments: an object of them by name, an array of them in order, or the first one by itself.
    pub input: Value,
    pub table: Map<String, Value>,
}

/// Sets the script up, calls the hook, and tells what came of it: the verdict, and what the script wants done.
///
/// # Errors
/// Where the script is wrong, has no such hook, or failed.
pub fn run(trial: Trial<'_>) -> Result<Value, Flaw> {
    let Trial { path, point, input, table } = trial;
    worker::alone(|engine| {
        let script = load_alone(engine, path, &table, Clock::System)?;
        let services = super::check::services(Clock::System);
        let (mut effects, _) = set::set_up(engine, &script, &services, set::set_up_limits(&Config::default()))?;
        if !script.has(point) {
            return Err(Flaw::whole(path, format!("it has no {}", point.hook())));
        }
        let (args, limits) = (arguments(point.shape(), input), set::limits(&Config::default()));
        let outcome = run::hook(engine, &script, &services, limits, point, args, &Origin::default());
        let Outcome { decision, effects: wanted, .. } = outcome.map_err(|fault| Flaw::fault(path, &fault))?;
        effects.extend(wanted);
        let mut shown = decision_json(&decision);
        shown["effects"] = json!(effects.iter().map(effect_json).collect::<Vec<_>>());
        Ok(shown)
    })
}

/// The arguments that `input` gives, with something in the place of those that are missing.
fn arguments(shape: &Shape, input: Value) -> Vec<Dynamic> {
    let given = match input {
        Value::Array(items) => items,
        Value::Object(mut fields) if shape.arguments.iter().any(|name| fields.get(*name).is_some_and(is_argument)) => {
            shape.arguments.iter().map(|name| fields.remove(*name).unwrap_or(Value::Null)).collect()
        }
        first => vec![first],
    };
    let mut given = given.into_iter();
    shape.arguments.iter().map(|name| filled(name, given.next().unwrap_or(Value::Null))).collect()
}

/// A message has a field `message` of its own in no case; but `name` or `status` may be a field of the first argument.
fn is_argument(value: &Value) -> bool {
    value.is_object() || value.is_array() || value.is_string()
}

/// An argument with the fields that every real one has.
fn filled(name: &str, value: Value) -> Dynamic {
    let defaults = match name {
        "message" => json!({
            "id": "00000000-0000-7000-8000-000000000001", "conversationId": "room", "seq": null, "senderId": "ann",
            "content": "", "type": "text", "timestamp": crate::domain::time::Time::now(), "mentions": [], "metadata": {},
        }),
        "user" => json!({ "id": "ann", "name": null, "roles": [], "claims": {} }),
        "conversation" => json!({
            "id": "room", "type": "group", "title": null, "ownerId": "ann", "members": 2, "lastSeq": 0, "metadata": {},
            "settings": { "post": "members", "invite": "moderators" }, "role": "member",
        }),
        "connection" => json!({ "address": "127.0.0.1", "device": null, "transport": "websocket", "headers": {} }),
        _ => Value::Null,
    };
    let filled = match (defaults, value) {
        (Value::Object(mut defaults), Value::Object(given)) => {
            defaults.extend(given);
            Value::Object(defaults)
        }
        (defaults @ Value::Object(_), Value::Null) => defaults,
        // A message by its text alone.
        (Value::Object(mut defaults), Value::String(text)) if name == "message" => {
            defaults.insert("content".into(), text.into());
            Value::Object(defaults)
        }
        (Value::Object(mut defaults), Value::String(id)) => {
            defaults.insert("id".into(), id.into());
            Value::Object(defaults)
        }
        (_, given) => given,
    };
    value::from_json(&filled)
}
