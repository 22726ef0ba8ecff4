//! `doctor`: whether the daemon has what it needs, looked at from where it runs.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{plugin, round_trip, webhook};
use crate::admin::answer::{Diagnosis, Finding, Setting, Verdict};
use crate::admin::protocol::Failure;
use crate::console::{Console, Errand};

/// A message that takes longer than this on its way through store and bus is late.
pub const SLOW: Duration = Duration::from_secs(1);
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Below these parts of the disk, and these bytes, it is time to act.
const LOW_DISK_PERCENT: u64 = 10;
const LOW_DISK_BYTES: u64 = 1 << 30;

/// Below these nothing can be kept any more.
const FULL_DISK_BYTES: u64 = 16 << 20;

/// Descriptors beside those for connections: the database, its log, listeners.
const OWN_FILES: u64 = 64;

pub async fn examine(console: &Console) -> Result<Diagnosis, Failure> {
    let (source, settings) = console.ask(Errand::Config).await?;
    let mut findings = vec![finding("configuration", Verdict::Good, source, None)];
    findings.push(way_of_a_message(console).await);
    findings.extend(round_trip::look(console, &settings).await);
    let health = console.chat.store().health().is_writable();
    let advice = "the log has the reason: chatctl log --level error";
    findings.push(match health {
        true => finding("store", Verdict::Good, "takes writes".into(), None),
        false => finding("store", Verdict::Bad, "takes no writes".into(), Some(advice)),
    });
    let (running, benched) = plugin::standing(console);
    findings.push(match benched.as_slice() {
        [] => finding("plugins", Verdict::Good, format!("{running} run"), None),
        benched => {
            let advice = "chatctl plugin show NAME has the last error";
            finding("plugins", Verdict::Bad, format!("benched: {}", benched.join(", ")), Some(advice))
        }
    });
    findings.extend(webhook::examine(console).await);
    findings.extend(console.chat.store().path().parent().and_then(disk));
    findings.extend(files(console, &settings));
    let behind = console.chat.roster().behind().len();
    findings.push(match behind {
        0 => finding("devices", Verdict::Good, "all keep up with reading".into(), None),
        behind => {
            let advice = "chatctl connection list shows which";
            finding("devices", Verdict::Doubtful, format!("{behind} read too slowly"), Some(advice))
        }
    });
    Ok(Diagnosis { findings })
}

pub fn finding(part: &str, verdict: Verdict, detail: String, advice: Option<&str>) -> Finding {
    Finding { part: part.into(), verdict, detail, advice: advice.map(Into::into) }
}

/// Sends something all the way: through a commit and every lane of the bus.
async fn way_of_a_message(console: &Console) -> Finding {
    let began = Instant::now();
    let arrived = tokio::time::timeout(DEADLINE, console.chat.is_alive()).await.unwrap_or(false);
    let took = began.elapsed();
    let shown = format!("{:.1} ms through store and bus", took.as_secs_f64() * 1_000.0);
    match arrived {
        true if took < SLOW => finding("delivery", Verdict::Good, shown, None),
        true => finding("delivery", Verdict::Doubtful, shown, Some("the disk or the processor is busy: chatctl top")),
        false => finding("delivery", Verdict::Bad, "nothing comes through".into(), Some("chatctl log --level error")),
    }
}

fn disk(directory: &Path) -> Option<Finding> {
    let name = std::ffi::CString::new(directory.as_os_str().as_encoded_bytes()).ok()?;
    // SAFETY: all-zero bytes are a valid `statvfs`, which is plain data.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the name ends with a zero, and the pointer is valid for the call.
    if unsafe { libc::statvfs(name.as_ptr(), &raw mut found) } != 0 {
        return None;
    }
    let (free, all) = (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize);
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let shown = format!("{:.1} GiB free of {:.1} GiB at {}", gib(free), gib(all), directory.display());
    let is_low = free < LOW_DISK_BYTES || free * 100 < all * LOW_DISK_PERCENT;
    Some(match is_low {
        false => finding("disk", Verdict::Good, shown, None),
        true if free < FULL_DISK_BYTES => finding("disk", Verdict::Bad, shown, Some("make room: nothing can be kept")),
        true => finding("disk", Verdict::Doubtful, shown, Some("see `messages.retention`, and `chatctl store vacuum`")),
    })
}

/// Whether there may be as many connections as the configuration lets in.
fn files(console: &Console, settings: &[Setting]) -> Option<Finding> {
    let wanted = settings.iter().find(|setting| setting.key == "limits.connections")?;
    let wanted: u64 = wanted.value.as_ref()?.parse().ok()?;
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let now = console.shared.live.len();
    let shown = format!("{limit} may be open; `limits.connections` is {wanted}, {now} are there");
    Some(match limit >= wanted + OWN_FILES {
        true => finding("files", Verdict::Good, shown, None),
        false => finding("files", Verdict::Doubtful, shown, Some("raise LimitNOFILE= of the unit, or lower the limit")),
    })
}
