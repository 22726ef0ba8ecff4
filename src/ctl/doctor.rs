//! `chatctl doctor`.

use serde_json::json;

use super::Desk;
use super::error::Error;
use super::output::Tint;
use crate::admin::answer::{Diagnosis, Finding, Verdict};
use crate::admin::protocol::Command;
use crate::admin::request::Nothing;

/// Whether the daemon has what it needs, and what to do where it does not.
pub fn doctor(desk: &Desk) -> Result<(), Error> {
    let Diagnosis { mut findings } = desk.connect()?.call(&Command::Doctor(Nothing {}))?;
    findings.push(clock());
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    if desk.output.json {
        desk.output.document(&json!({ "findings": findings }));
    } else {
        findings.iter().for_each(|finding| show(desk, finding));
    }
    match bad {
        0 => Ok(()),
        1 => Err(Error::failed("one check failed")),
        bad => Err(Error::failed(format!("{bad} checks failed"))),
    }
}

fn show(desk: &Desk, finding: &Finding) {
    let out = &desk.output;
    let mark = match finding.verdict {
        Verdict::Good => out.tint(Tint::Good, "✓"),
        Verdict::Doubtful => out.tint(Tint::Warning, "!"),
        Verdict::Bad => out.tint(Tint::Bad, "✗"),
    };
    out.line(&format!("{mark} {:<14} {}", finding.part, finding.detail));
    if let Some(advice) = &finding.advice {
        out.next(advice);
    }
}

/// Whether something keeps the clock true: tokens are held against it. Asked from here, as the daemon's unit may not.
fn clock() -> Finding {
    let finding = |verdict, detail: &str, advice: Option<&str>| Finding {
        part: "clock".into(),
        verdict,
        detail: detail.into(),
        advice: advice.map(Into::into),
    };
    // SAFETY: all-zero bytes are a valid `timex`, which asks for nothing to be changed.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the call.
    match unsafe { libc::adjtimex(&raw mut state) } {
        -1 => finding(Verdict::Doubtful, "its state cannot be read", Some("timedatectl")),
        libc::TIME_ERROR => {
            let detail = "nothing keeps it true, as far as the kernel knows; tokens are held against it";
            finding(Verdict::Doubtful, detail, Some("timedatectl"))
        }
        _ => finding(Verdict::Good, "kept true", None),
    }
}
