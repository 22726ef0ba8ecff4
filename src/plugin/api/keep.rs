//! `kv`: what a plugin keeps. `limit`: how often something happened lately.

use rhai::{Array, Dynamic, Engine, ImmutableString, Module};

use super::{Failed, span};
use crate::plugin::engine::MAX_ARRAY_LENGTH;
use crate::plugin::kv::{MAX_KEY_BYTES, Refused};
use crate::plugin::stage::{self, Stage};

pub fn register(engine: &mut Engine) {
    let mut kv = Module::new();
    kv.set_native_fn("get", |key: ImmutableString| get(&key, Dynamic::UNIT));
    kv.set_native_fn("get", |key: ImmutableString, default: Dynamic| get(&key, default));
    kv.set_native_fn("set", |key: ImmutableString, value: Dynamic| set(&key, value, None));
    kv.set_native_fn("set", |key: ImmutableString, value: Dynamic, ttl: Dynamic| set(&key, value, Some(&ttl)));
    kv.set_native_fn("incr", |key: ImmutableString| incr(&key, 1, None));
    kv.set_native_fn("incr", |key: ImmutableString, by: i64| incr(&key, by, None));
    kv.set_native_fn("incr", |key: ImmutableString, by: i64, ttl: Dynamic| incr(&key, by, Some(&ttl)));
    kv.set_native_fn("delete", |key: ImmutableString| {
        stage::with(|stage| Ok(stage.script.estate.kv.delete(&key, stage.now())))
    });
    kv.set_native_fn("keys", |prefix: ImmutableString| {
        stage::with(|stage| {
            let keys = stage.script.estate.kv.keys(&prefix, MAX_ARRAY_LENGTH, stage.now());
            Ok(keys.into_iter().map(Dynamic::from).collect::<Array>())
        })
    });
    engine.register_static_module("kv", kv.into());

    let mut limit = Module::new();
    limit.set_native_fn("hit", |key: ImmutableString, most: i64, within: Dynamic| {
        let within = i64::try_from(span(&within)?.as_millis()).unwrap_or(i64::MAX);
        // The log counts its lines under a key that begins with NUL.
        let key = key.trim_start_matches('\0');
        if key.len() > MAX_KEY_BYTES {
            return Err(format!("limit::hit: a key has at most {MAX_KEY_BYTES} bytes").into());
        }
        stage::with(|stage| Ok(stage.script.estate.limiter.hit(key, most, within, stage.now())))
    });
    engine.register_static_module("limit", limit.into());
}

fn get(key: &str, default: Dynamic) -> Result<Dynamic, Failed> {
    stage::with(|stage| Ok(stage.script.estate.kv.get(key, stage.now()).unwrap_or(default)))
}

fn set(key: &str, value: Dynamic, ttl: Option<&Dynamic>) -> Result<(), Failed> {
    stage::with(|stage| {
        // Nothing is what is not there.
        if value.is_unit() {
            stage.script.estate.kv.delete(key, stage.now());
            return Ok(());
        }
        let expires = expiry(stage, ttl)?;
        stage.script.estate.kv.set(key, value, expires, stage.now()).map_err(|refused| failed(&refused))
    })
}

fn incr(key: &str, by: i64, ttl: Option<&Dynamic>) -> Result<i64, Failed> {
    stage::with(|stage| {
        let expires = expiry(stage, ttl)?;
        stage.script.estate.kv.incr(key, by, expires, stage.now()).map_err(|refused| failed(&refused))
    })
}

fn expiry(stage: &Stage, ttl: Option<&Dynamic>) -> Result<Option<i64>, Failed> {
    let Some(ttl) = ttl else { return Ok(None) };
    let millis = i64::try_from(span(ttl)?.as_millis()).unwrap_or(i64::MAX);
    Ok(Some(stage.now().saturating_add(millis)))
}

fn failed(refused: &Refused) -> Failed {
    format!("kv: {refused}").into()
}
