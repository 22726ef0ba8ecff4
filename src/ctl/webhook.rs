//! `chatctl webhook`.

use clap::{Args as Arguments, Subcommand};

use super::Desk;
use super::client::decode;
use super::complete;
use super::error::Error;
use super::fields::Fields;
use super::format::{ago, clean, count, counted, millis};
use super::output::Tint;
use super::table::Table;
use super::user::report;
use crate::admin::answer::{
    WebhookEvent, WebhookLine, WebhookReplayed, WebhookShown, WebhookSwitched, WebhookTested, Webhooks,
};
use crate::admin::protocol;
use crate::admin::request::{self, Nothing};

/// Applications that are told over HTTP of what happens
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  chatctl webhook test app
  chatctl webhook show app
  chatctl webhook replay app")]
pub enum Command {
    /// Every webhook: state, what waits, what was given up, times
    #[command(visible_alias = "ls")]
    List,
    /// One webhook, with the events that it has not taken
    Show {
        #[command(flatten)]
        name: Name,
        /// At most so many events of each sort, up to 1000
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
    },
    /// Send nothing for now; what happens waits in the outbox
    Pause(Name),
    /// Send again, and try at once what was not taken
    Resume(Name),
    /// Try again what was given up: all, or the events that are named
    Replay {
        #[command(flatten)]
        name: Name,
        /// Which, by their ids; none are all that were given up
        events: Vec<String>,
    },
    /// Send an event that tells nothing, and show what is answered
    Test(Name),
}

#[derive(Debug, Arguments)]
pub struct Name {
    /// Which, by its name
    #[arg(add = clap_complete::ArgValueCompleter::new(complete::webhooks))]
    webhook: String,
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::List => list(desk),
        Command::Show { name, limit } => show(desk, name.webhook, limit),
        Command::Pause(name) => {
            let answer = desk.connect()?.ask(&protocol::Command::WebhookPause(named(name)))?;
            report(desk, answer, |WebhookSwitched { webhook, .. }| format!("{webhook} is paused"))
        }
        Command::Resume(name) => {
            let answer = desk.connect()?.ask(&protocol::Command::WebhookResume(named(name)))?;
            report(desk, answer, |WebhookSwitched { webhook, .. }| format!("{webhook} is told again"))
        }
        Command::Replay { name, events } => replay(desk, &name.webhook, events),
        Command::Test(name) => test(desk, name),
    }
}

fn named(name: Name) -> request::Webhook {
    request::Webhook { webhook: name.webhook }
}

fn list(desk: &Desk) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::WebhookList(Nothing {}))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let Webhooks { webhooks, dropped } = decode(answer)?;
    if webhooks.is_empty() {
        return Err(Error::Nothing("there are no webhooks".into()));
    }
    let headings = ["WEBHOOK", "STATE", "WAITING", "OLDEST", "GIVEN UP", "ATTEMPTS", "FAILED", "P50", "P99", "URL"];
    let mut table = Table::new(&headings, &[2, 4, 5, 6, 7, 8]);
    for webhook in webhooks {
        let oldest = webhook.oldest.as_deref().map_or_else(|| "-".into(), ago);
        let [p50, p99] = [webhook.p50_ms, webhook.p99_ms].map(|time| time.map_or_else(|| "-".into(), millis));
        table.row([
            clean(&webhook.name),
            clean(&webhook.state),
            count(webhook.waiting),
            oldest,
            count(webhook.dead),
            count(webhook.attempts),
            count(webhook.failed),
            p50,
            p99,
            clean(&webhook.url),
        ]);
    }
    desk.output.table(&table);
    if dropped > 0 {
        desk.output.warning(&format!("{} dropped: the outbox was full", counted(dropped, "event")));
    }
    Ok(())
}

fn show(desk: &Desk, webhook: String, limit: u32) -> Result<(), Error> {
    let request = request::WebhookShow { webhook, limit };
    let answer = desk.connect()?.ask(&protocol::Command::WebhookShow(request))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let WebhookShown { line, retried, given_up } = decode(answer)?;
    desk.output.line(&desk.output.tint(Tint::Strong, &clean(&line.name)));
    fields(desk, &line);
    for (title, events) in [("tried again", retried), ("given up", given_up)] {
        if !events.is_empty() {
            desk.output.line(&format!("\n{title}"));
            desk.output.table(&table(events));
        }
    }
    Ok(())
}

fn fields(desk: &Desk, line: &WebhookLine) {
    let mut fields = Fields::new(&desk.output);
    fields.row("state", format!("{} ({})", clean(&line.state), ago(&line.since)));
    fields.row("url", clean(&line.url));
    fields.row("events", clean(&line.events.join(", ")));
    fields.row("waiting", count(line.waiting));
    fields.row("given up", count(line.dead));
    fields.row("attempts", format!("{}, {} failed", count(line.attempts), count(line.failed)));
    if let Some(at) = &line.last_taken {
        fields.row("last taken", ago(at));
    }
    if let Some(failure) = &line.last_failure {
        fields.row("last failure", format!("{} ({})", clean(&failure.reason), ago(&failure.at)));
    }
}

fn table(events: Vec<WebhookEvent>) -> Table {
    let mut table = Table::new(&["EVENT", "TYPE", "ABOUT", "SINCE", "ATTEMPTS", "REASON"], &[4]);
    for event in events {
        let error = event.error.map_or_else(|| "-".into(), |error| clean(&error));
        table.row([event.id, clean(&event.kind), clean(&event.about), ago(&event.at), count(event.attempts), error]);
    }
    table
}

fn replay(desk: &Desk, webhook: &str, events: Vec<String>) -> Result<(), Error> {
    let mut client = desk.connect()?;
    let wanted = if events.is_empty() { vec![None] } else { events.into_iter().map(Some).collect() };
    for event in wanted {
        let request = request::WebhookReplay { webhook: webhook.to_owned(), event };
        let answer = client.ask(&protocol::Command::WebhookReplay(request))?;
        report(desk, answer, |WebhookReplayed { webhook, replayed }| match replayed {
            1 => format!("{webhook} is told one event again"),
            replayed => format!("{webhook} is told {} again", counted(replayed, "event")),
        })?;
    }
    Ok(())
}

fn test(desk: &Desk, name: Name) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::WebhookTest(named(name)))?;
    let WebhookTested { webhook, taken, status, took_ms, error } = decode(answer.clone())?;
    if desk.output.json {
        desk.output.document(&answer);
    } else if taken {
        let status = status.map_or_else(String::new, |status| format!(" ({status})"));
        desk.output.done(&clean(&format!("{webhook} took it{status} within {}", millis(took_ms))));
    }
    match error {
        None => Ok(()),
        Some(error) => Err(Error::failed(format!("{} did not take it: {}", clean(&webhook), clean(&error)))),
    }
}
