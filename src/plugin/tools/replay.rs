//! `plugin replay`: what a candidate would have decided on messages that were said, beside what happened to them. It
//! changes nothing and sends nothing: its effects are counted and forgotten.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rhai::Engine;
use serde_json::{Map, Value, json};

use super::{decision_json, load_alone};
use crate::domain::hooks::{Arg, Origin, Person, Point};
use crate::domain::message::Message;
use crate::plugin::config::Config;
use crate::plugin::run::{self, Decision};
use crate::plugin::script::{Flaw, Script};
use crate::plugin::stage::{Clock, Services};
use crate::plugin::{convert, set};

/// Samples of each verdict.
const MAX_SAMPLES: usize = 5;

/// A replay that goes on.
pub struct Replay<'a> {
    engine: &'a Engine,
    script: Arc<Script>,
    services: Services,
    clock: Arc<AtomicI64>,
    counts: BTreeMap<String, Count>,
    messages: u64,
    edited: u64,
    effects: u64,
    took: Duration,
}

#[derive(Default)]
struct Count {
    messages: u64,
    samples: Vec<Value>,
}

impl<'a> Replay<'a> {
    /// # Errors
    /// Where the script is wrong, or decides on no messages.
    pub fn begin(engine: &'a Engine, path: &Path, table: &Map<String, Value>) -> Result<Self, Flaw> {
        let clock = Arc::new(AtomicI64::new(0));
        let script = load_alone(engine, path, table, Clock::Set(Arc::clone(&clock)))?;
        if !script.has(Point::Message) {
            return Err(Flaw::whole(path, "it has no on_message: there is nothing to replay"));
        }
        let services = super::check::services(Clock::Set(Arc::clone(&clock)));
        set::set_up(engine, &script, &services, set::set_up_limits(&Config::default()))?;
        Ok(Replay {
            engine,
            script,
            services,
            clock,
            counts: BTreeMap::new(),
            messages: 0,
            edited: 0,
            effects: 0,
            took: Duration::ZERO,
        })
    }

    /// Asks the candidate about one message, at the time at which it was said.
    pub fn ask(&mut self, message: Message, conversation: Arg) {
        self.clock.store(message.at.0, Ordering::Relaxed);
        self.messages += 1;
        self.edited += u64::from(message.edited_at.is_some());
        let user = Arg::User(Arc::new(Person::named(message.sender.clone())));
        // As it was when it came: no place yet.
        let said = (message.seq, message.content.clone());
        let message = Arc::new(Message { seq: 0, edited_at: None, reactions: Default::default(), ..message });
        let args = [&Arg::Message(Arc::clone(&message)), &user, &conversation].map(convert::to_script).to_vec();
        let limits = set::limits(&Config::default());
        let began = Instant::now();
        let outcome =
            run::hook(self.engine, &self.script, &self.services, limits, Point::Message, args, &Origin::default());
        self.took += began.elapsed();
        let verdict = match outcome {
            Ok(outcome) => {
                self.effects += outcome.effects.len() as u64;
                match outcome.decision {
                    Decision::Rewrite(changed) if is_unchanged(&message, &changed) => json!({ "verdict": "allow" }),
                    decision => decision_json(&decision),
                }
            }
            Err(fault) => json!({ "verdict": "error", "text": fault.to_string() }),
        };
        let name = verdict["verdict"].as_str().unwrap_or_default().to_owned();
        let count = self.counts.entry(name.clone()).or_default();
        count.messages += 1;
        if name != "allow" && count.samples.len() < MAX_SAMPLES {
            count.samples.push(json!({
                "messageId": message.id,
                "conversationId": message.conversation,
                "seq": said.0,
                "senderId": message.sender,
                "timestamp": message.at,
                "content": said.1,
                "code": verdict["code"],
                "text": verdict.get("text").or(verdict.get("reason")),
                "rewritten": verdict["value"]["content"],
            }));
        }
    }

    /// What came of it all.
    pub fn report(self) -> Value {
        let verdicts: Map<String, Value> = self
            .counts
            .into_iter()
            .map(|(name, count)| (name, json!({ "messages": count.messages, "samples": count.samples })))
            .collect();
        let micros = self.took.as_secs_f64() * 1e6 / self.messages.max(1) as f64;
        json!({
            "messages": self.messages,
            "edited": self.edited,
            "effects": self.effects,
            "microsecondsEach": (micros * 10.0).round() / 10.0,
            "verdicts": verdicts,
        })
    }
}

/// A script may give back the message as it was.
fn is_unchanged(message: &Arc<Message>, changed: &rhai::Dynamic) -> bool {
    let after = convert::changed(Point::Message, &Arg::Message(Arc::clone(message)), changed);
    matches!(after, Ok(Arg::Message(after)) if after.content == message.content
        && after.kind == message.kind && after.metadata == message.metadata && after.mentions == message.mentions)
}
