//! `webhook.*`

use super::doctor::finding;
use super::near;
use crate::admin::answer::{
    Finding, Verdict, WebhookEvent, WebhookFailure, WebhookLine, WebhookReplayed, WebhookShown, WebhookSwitched,
    WebhookTested, Webhooks,
};
use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::console::{Console, refused};
use crate::domain::error::{Code, Error};
use crate::domain::id::EventId;
use crate::domain::time::Time;
use crate::store::Owed;
use crate::webhook::{Outcome, Report, State};

/// Events of one answer at most.
const MAX_SHOWN: u32 = 1_000;

pub async fn list(console: &Console) -> Result<Webhooks, Failure> {
    let reports = console.webhooks.reports().await.map_err(refused)?;
    Ok(Webhooks { webhooks: reports.into_iter().map(line).collect(), dropped: console.webhooks.dropped() })
}

pub async fn show(console: &Console, request: request::WebhookShow) -> Result<WebhookShown, Failure> {
    let name = request.webhook;
    let limit = request.limit.clamp(1, MAX_SHOWN);
    let (dead, retried) = console.webhooks.owed(&name, limit).await.map_err(|error| missing(console, &name, error))?;
    let reports = console.webhooks.reports().await.map_err(refused)?;
    let found = reports.into_iter().find(|report| report.name == name);
    let report = found.ok_or_else(|| missing(console, &name, Error::not_found("webhook")))?;
    let events = |owed: Vec<Owed>| owed.into_iter().map(event).collect();
    Ok(WebhookShown { line: line(report), retried: events(retried), given_up: events(dead) })
}

pub async fn pause(console: &Console, request: request::Webhook) -> Result<WebhookSwitched, Failure> {
    let webhook = request.webhook;
    console.webhooks.pause(&webhook).await.map_err(|error| missing(console, &webhook, error))?;
    Ok(WebhookSwitched { webhook, state: State::Paused.as_str().into() })
}

pub async fn resume(console: &Console, request: request::Webhook) -> Result<WebhookSwitched, Failure> {
    let webhook = request.webhook;
    console.webhooks.resume(&webhook).await.map_err(|error| missing(console, &webhook, error))?;
    Ok(WebhookSwitched { webhook, state: State::Up.as_str().into() })
}

pub async fn replay(console: &Console, request: request::WebhookReplay) -> Result<WebhookReplayed, Failure> {
    let request::WebhookReplay { webhook, event } = request;
    let one = event.as_deref().map(|text| EventId::parse(text).ok_or(text)).transpose();
    let one = one.map_err(|text| Failure::bad_params(format!("event: expected an id, found {text:?}")))?;
    let replayed = console.webhooks.replay(&webhook, one).await.map_err(|error| missing(console, &webhook, error))?;
    match (replayed, event) {
        (0, Some(event)) => Err(Failure::not_found(format!("no event {event} was given up for {webhook}"))),
        (0, None) => Err(Failure::nothing(format!("nothing was given up for {webhook}"))),
        (replayed, _) => Ok(WebhookReplayed { webhook, replayed }),
    }
}

pub async fn test(console: &Console, request: request::Webhook) -> Result<WebhookTested, Failure> {
    let webhook = request.webhook;
    let attempt = console.webhooks.test(&webhook).await.map_err(|error| missing(console, &webhook, error))?;
    let (status, error) = match attempt.outcome {
        Outcome::Taken(status) => (Some(status), None),
        Outcome::Gone => (Some(http::StatusCode::GONE), Some("410 Gone".to_owned())),
        Outcome::Failed(failure) => (failure.status, Some(failure.text())),
    };
    let (status, took_ms) = (status.map(|status| status.as_u16()), attempt.took.as_secs_f64() * 1e3);
    Ok(WebhookTested { webhook, taken: error.is_none(), status, took_ms, error })
}

/// What `doctor` finds; nothing where there are none.
pub async fn examine(console: &Console) -> Vec<Finding> {
    let Ok(reports) = console.webhooks.reports().await else { return Vec::new() };
    let good = |report: &Report| report.standing.state == State::Up && report.depth.dead == 0;
    if !reports.is_empty() && reports.iter().all(good) {
        return vec![finding("webhooks", Verdict::Good, format!("{} take events", reports.len()), None)];
    }
    reports.iter().filter(|report| !good(report)).flat_map(troubles).collect()
}

fn troubles(report: &Report) -> Vec<Finding> {
    let Report { name, standing, depth, .. } = report;
    let waiting = format!("{} events wait", depth.waiting);
    let state = match standing.state {
        State::Up => None,
        State::Down => {
            let why = standing.last_failure.as_ref().map_or("", |(_, why)| why);
            let detail = format!("{name} is down since {}, {waiting}: {why}", standing.since);
            Some((Verdict::Bad, detail, format!("chatctl webhook test {name}")))
        }
        State::Gone => {
            let detail = format!("{name} has answered 410 Gone, {waiting}");
            Some((Verdict::Bad, detail, format!("remove it, or chatctl webhook resume {name}")))
        }
        State::Paused => {
            let detail = format!("{name} is paused, {waiting}");
            Some((Verdict::Doubtful, detail, format!("chatctl webhook resume {name}")))
        }
    };
    let dead = (depth.dead > 0).then(|| {
        let detail = format!("{} events were given up for {name}", depth.dead);
        (Verdict::Doubtful, detail, format!("chatctl webhook show {name}, then chatctl webhook replay {name}"))
    });
    let troubles = state.into_iter().chain(dead);
    troubles.map(|(verdict, detail, advice)| finding("webhooks", verdict, detail, Some(&advice))).collect()
}

fn line(report: Report) -> WebhookLine {
    let Report { name, url, kinds, standing, depth, taken, failed, took } = report;
    let time = |time: Time| time.to_string();
    let percentile = |share| took.percentile(share).map(|micros| micros as f64 / 1e3);
    WebhookLine {
        name,
        url,
        state: standing.state.as_str().into(),
        since: time(standing.since),
        events: kinds.into_iter().map(str::to_owned).collect(),
        waiting: depth.waiting,
        dead: depth.dead,
        oldest: depth.oldest.map(time),
        attempts: taken + failed,
        failed,
        p50_ms: percentile(0.5),
        p99_ms: percentile(0.99),
        last_taken: standing.last_taken.map(time),
        last_failure: standing.last_failure.map(|(at, reason)| WebhookFailure { at: time(at), reason }),
    }
}

fn event(owed: Owed) -> WebhookEvent {
    WebhookEvent {
        id: owed.id.to_string(),
        kind: owed.kind,
        about: owed.lane,
        at: owed.at.to_string(),
        attempts: owed.attempts,
        next: owed.due.map(|due| due.to_string()),
        error: owed.error,
    }
}

fn missing(console: &Console, name: &str, error: Error) -> Failure {
    if error.code != Code::NotFound {
        return refused(error);
    }
    let known = console.webhooks.names();
    Failure::not_found(format!("no webhook \"{name}\"")).suggest(near::nearest(name, known))
}
