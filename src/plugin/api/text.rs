//! The log, JSON, hashes, random numbers.

use std::fmt::Write;

use aws_lc_rs::{digest, hmac};
use rhai::{Dynamic, Engine, ImmutableString, Module};
use serde_json::Value;

use super::{Failed, bounded};
use crate::plugin::stage;
use crate::plugin::value;

/// The longest line that a script logs, in bytes.
const MAX_LINE_BYTES: usize = 1_024;
/// Lines that a plugin logs within a second; more are left out.
const MAX_LINES_A_SECOND: i64 = 100;

#[derive(Clone, Copy)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

pub fn register(engine: &mut Engine) {
    engine.on_print(|text| line(Level::Info, text));
    engine.on_debug(|text, _, position| line(Level::Debug, &format!("{position:?} {text}")));
    let mut log = Module::new();
    for (name, level) in
        [("debug", Level::Debug), ("info", Level::Info), ("warn", Level::Warn), ("error", Level::Error)]
    {
        log.set_native_fn(name, move |value: Dynamic| {
            line(level, &shown(&value));
            Ok(())
        });
    }
    engine.register_static_module("log", log.into());

    let mut json = Module::new();
    json.set_native_fn("parse", |text: ImmutableString| {
        let parsed: Value = serde_json::from_str(&text).map_err(|error| Failed::from(error.to_string()))?;
        bounded(value::from_json(&parsed))
    });
    json.set_native_fn("encode", |given: Dynamic| match value::to_json(&given) {
        Ok(json) => Ok(ImmutableString::from(json.to_string())),
        Err(error) => Err(error.to_string().into()),
    });
    engine.register_static_module("json", json.into());

    let mut hash = Module::new();
    hash.set_native_fn("sha256", |text: ImmutableString| {
        Ok(hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref()))
    });
    hash.set_native_fn("hmac_sha256", |key: ImmutableString, text: ImmutableString| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        Ok(hex(hmac::sign(&key, text.as_bytes()).as_ref()))
    });
    engine.register_static_module("hash", hash.into());

    engine.register_fn("random", |low: i64, high: i64| -> Result<i64, Failed> {
        let count = i128::from(high) - i128::from(low) + 1;
        if count < 1 {
            return Err("random: the first number must not be above the second one".into());
        }
        let bits = i128::from(uuid::Uuid::new_v4().as_u64_pair().1 << 2);
        // The product's upper half is a number below `count`.
        let offset = (bits * count) >> 64;
        Ok(i64::try_from(i128::from(low) + offset).unwrap_or(high))
    });
}

fn shown(value: &Dynamic) -> String {
    match value.as_immutable_string_ref() {
        Ok(text) => text.to_string(),
        Err(_) => value::to_json(value).map_or_else(|_| value.to_string(), |json| json.to_string()),
    }
}

fn line(level: Level, text: &str) {
    let text = &text[..text.floor_char_boundary(MAX_LINE_BYTES)];
    // Without a stage there is nobody whose line it is: a script is being compiled.
    let _ = stage::with(|stage| {
        let now = stage.now();
        if stage.services.quiet || stage.script.estate.limiter.hit("\0log", MAX_LINES_A_SECOND, 1_000, now) {
            return Ok(());
        }
        let plugin = &*stage.script.name;
        match level {
            Level::Debug => tracing::debug!(target: "chatd::plugin", plugin, "{text}"),
            Level::Info => tracing::info!(target: "chatd::plugin", plugin, "{text}"),
            Level::Warn => tracing::warn!(target: "chatd::plugin", plugin, "{text}"),
            Level::Error => tracing::error!(target: "chatd::plugin", plugin, "{text}"),
        }
        Ok(())
    });
}

fn hex(bytes: &[u8]) -> ImmutableString {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes what is written");
    }
    text.into()
}
