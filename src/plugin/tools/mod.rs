//! What authors of plugins work with, as functions: `chatd plugin` calls them, with no daemon.

pub mod check;
pub mod definitions;
pub mod replay;
pub mod template;
pub mod testing;
pub mod trial;

use std::path::Path;
use std::sync::Arc;

use rhai::{Dynamic, Engine};
use serde_json::{Map, Value, json};

use super::config::Config;
use super::run::Decision;
use super::script::{Estate, Flaw, Script};
use super::set;
use super::stage::{Clock, Said};
use super::value;
use crate::domain::hooks::{Deed, Effect};

/// The name that a file gives a plugin.
pub fn name_of(path: &Path) -> String {
    path.file_stem().map_or_else(|| "plugin".into(), |stem| stem.to_string_lossy().into_owned())
}

/// A script by itself, with keys and values of its own that nothing keeps.
fn load_alone(engine: &Engine, path: &Path, table: &Map<String, Value>, clock: Clock) -> Result<Arc<Script>, Flaw> {
    let limits = set::set_up_limits(&Config::default());
    let (estate, services) = (Arc::new(Estate::default()), check::services(clock));
    Script::load(engine, &name_of(path), path, table, estate, &services, limits).map(Arc::new)
}

/// A decision as JSON: `verdict`, and what belongs to it.
pub fn decision_json(decision: &Decision) -> Value {
    let shown = |value: &Dynamic| value::to_json(value).unwrap_or_else(|_| value.to_string().into());
    match decision {
        Decision::Allow => json!({ "verdict": "allow" }),
        Decision::Rewrite(changed) => json!({ "verdict": "rewrite", "value": shown(changed) }),
        Decision::Said(Said::Deny { code, text }) => {
            json!({ "verdict": "deny", "code": code.as_deref().unwrap_or("DENIED"), "text": text })
        }
        Decision::Said(Said::Silent) => json!({ "verdict": "silent" }),
        Decision::Said(Said::Hold { reason }) => json!({ "verdict": "hold", "reason": reason }),
        Decision::Said(Said::Answer { text }) => json!({ "verdict": "answer", "text": text }),
        Decision::Value(value) => json!({ "verdict": "value", "value": shown(value) }),
    }
}

/// What a script wants done, as JSON: `effect`, and what belongs to it.
pub fn effect_json(effect: &Effect) -> Value {
    let parsed = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    match &effect.deed {
        Deed::Send { conversation, content, sender, kind, reply_to, metadata } => json!({
            "effect": "send", "conversation": conversation, "text": content, "sender": sender, "type": kind,
            "replyTo": reply_to, "metadata": parsed(metadata),
        }),
        Deed::Notify { user, kind, title, message, data } => json!({
            "effect": "notify", "user": user,
            "notification": { "type": kind, "title": title, "message": message, "data": parsed(data) },
        }),
        Deed::Emit { user, event, data } => json!({ "effect": "emit", "user": user, "event": event, "data": data }),
        Deed::Kick { user, reason } => json!({ "effect": "kick", "user": user, "reason": reason }),
        Deed::Mute { user, conversation, span } => json!({
            "effect": "mute", "user": user, "conversation": conversation, "milliseconds": span.as_millis() as u64,
        }),
        Deed::React { message, emoji, .. } => json!({ "effect": "react", "message": message, "emoji": emoji }),
    }
}
