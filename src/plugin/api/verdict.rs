//! `deny`, `silent`, `hold` and `answer`: what a hook may return.

use rhai::{Engine, ImmutableString};

use super::Failed;
use crate::domain::hooks::is_code;
use crate::plugin::stage::{self, Said};

/// The longest text of a verdict, in bytes.
const MAX_TEXT_BYTES: usize = 4_096;

pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Said>("Verdict")
        .register_fn("deny", |text: ImmutableString| say(Said::Deny { code: None, text: bounded(&text)? }))
        .register_fn("deny", |code: ImmutableString, text: ImmutableString| {
            if !is_code(&code) {
                return Err(format!("\"{code}\" is no code: upper-case letters, digits and _, at most 32").into());
            }
            say(Said::Deny { code: Some(code.to_string()), text: bounded(&text)? })
        })
        .register_fn("silent", || say(Said::Silent))
        .register_fn("hold", || say(Said::Hold { reason: String::new() }))
        .register_fn("hold", |reason: ImmutableString| say(Said::Hold { reason: bounded(&reason)? }))
        .register_fn("answer", |text: ImmutableString| say(Said::Answer { text: bounded(&text)? }))
        .register_get("verdict", |said: &mut Said| ImmutableString::from(said.function()))
        .register_get("code", |said: &mut Said| match said {
            Said::Deny { code, .. } => code.as_deref().unwrap_or("DENIED").into(),
            _ => ImmutableString::new(),
        })
        .register_get("text", |said: &mut Said| match said {
            Said::Deny { text, .. } | Said::Answer { text } => text.as_str().into(),
            Said::Hold { reason } => reason.as_str().into(),
            Said::Silent => ImmutableString::new(),
        })
        .register_fn("to_string", |said: &mut Said| format!("{}()", said.function()))
        .register_fn("==", |a: Said, b: Said| a == b)
        .register_fn("!=", |a: Said, b: Said| a != b);
}

fn say(said: Said) -> Result<Said, Failed> {
    stage::with(|stage| {
        stage.said = Some(said.clone());
        Ok(said)
    })
}

fn bounded(text: &str) -> Result<String, Failed> {
    match text.len() {
        ..=MAX_TEXT_BYTES => Ok(text.to_owned()),
        _ => Err(format!("a verdict's text has at most {MAX_TEXT_BYTES} bytes").into()),
    }
}
