//! `GET /metrics`: figures for Prometheus, gathered when they are asked for from what the rooms count anyway.
//!
//! The labels are of closed sets: kinds, outcomes, reasons, the names of plugins and webhooks. No user or conversation stands in one.

pub mod config;
mod names;
mod process;
mod text;
mod webhooks;

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use self::process::Usage;
use self::text::{Format, Text, Value};
use crate::api::Api;
use crate::chat::Chat;
use crate::domain::error::Code;
use crate::domain::units::ByteSize;
use crate::plugin::{Done, Host, Standing};
use crate::webhook::Webhooks;
use crate::wire::annex::Annex;
use crate::wire::dispatch::Shared;
use crate::wire::event::{ClientEvent, UNKNOWN};
use crate::wire::http::{Answer, refuse};
use crate::wire::server::Counts;

const PATH: &str = "/metrics";

/// One figure of a hook.
type Figure = fn(&Done) -> Value;

/// Whoever counts something that is served.
pub struct Metrics {
    shared: Arc<Shared>,
    plugins: Arc<Host>,
    api: Arc<Api>,
    webhooks: Arc<Webhooks>,
    /// Set once the server is there, which is built after this.
    counts: OnceLock<Counts>,
    started: f64,
}

impl Metrics {
    pub fn new(shared: Arc<Shared>, plugins: Arc<Host>, api: Arc<Api>, webhooks: Arc<Webhooks>) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Metrics { shared, plugins, api, webhooks, counts: OnceLock::new(), started }
    }

    /// Watches a server as well.
    pub fn watch(&self, counts: Counts) {
        // There is one server in the life of the process.
        let _ = self.counts.set(counts);
    }

    fn respond<B>(&self, request: &Request<B>) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = refuse(StatusCode::METHOD_NOT_ALLOWED, Code::Invalid, "this path answers GET");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        let format = Format::accepted(accept.unwrap_or_default());
        let mut answer = Answer::new(Full::from(self.gather(format)));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        answer
    }

    fn gather(&self, format: Format) -> String {
        let mut text = Text::new(format);
        text.family(&names::BUILD).labelled(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64);
        self.connections(&mut text);
        events(&mut text, &self.shared.chat);
        self.queues(&mut text);
        self.server(&mut text);
        store(&mut text, &self.shared.chat);
        self.plugins(&mut text);
        self.api(&mut text);
        webhooks::gather(&self.webhooks, &mut text);
        self.process(&mut text);
        text.finish()
    }

    fn connections(&self, text: &mut Text) {
        let (live, roster) = (&self.shared.live, self.shared.chat.roster());
        let websocket = live.iter().filter(|entry| entry.transport().link().is_some()).count();
        let polling = live.len().saturating_sub(websocket);
        let mut connections = text.family(&names::CONNECTIONS);
        connections.labelled(&[("transport", "websocket")], websocket);
        connections.labelled(&[("transport", "polling")], polling);
        text.family(&names::USERS).value(roster.user_count());
        text.family(&names::ROOMS).value(roster.room_count());
        text.family(&names::BEHIND).value(roster.behind().len());
    }

    fn queues(&self, text: &mut Text) {
        let chat = &self.shared.chat;
        let waiting = self.shared.live.iter().map(|entry| entry.transport().waiting());
        let (packets, bytes) = waiting.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        let mut queues = text.family(&names::QUEUED);
        queues.labelled(&[("queue", "events")], self.shared.waiting());
        queues.labelled(&[("queue", "store")], chat.store().figures().waiting());
        queues.labelled(&[("queue", "bus")], chat.undelivered());
        queues.labelled(&[("queue", "send_buffers")], packets);
        text.family(&names::UNSENT).value(bytes);
    }

    /// What is counted below the sessions. A server that is not there yet has done nothing.
    fn server(&self, text: &mut Text) {
        let counts = self.counts.get();
        let traffic = counts.map(|counts| counts.streams.traffic()).unwrap_or_default();
        text.family(&names::STREAMS).value(counts.map_or(0, |counts| counts.streams.open()));
        text.family(&names::RECEIVED).value(traffic.bytes_in);
        text.family(&names::SENT).value(traffic.bytes_out);
        let [full, rate] = counts.map(|counts| counts.guard.turned_away()).unwrap_or_default();
        let mut refused = text.family(&names::TURNED_AWAY);
        refused.labelled(&[("reason", "full")], full);
        refused.labelled(&[("reason", "rate")], rate);
        let tally = self.shared.chat.tally();
        let kinds = (0..=UNKNOWN).flat_map(|kind| tally.events(kind));
        let limited = kinds.filter(|(refusal, _)| *refusal == Some(Code::RateLimited)).map(|(_, count)| count);
        let mut limits = text.family(&names::LIMITED);
        limits.labelled(&[("limit", "events")], limited.sum::<u64>());
        limits.labelled(&[("limit", "connects")], rate);
        let mut evictions = text.family(&names::EVICTIONS);
        for (why, count) in tally.evictions() {
            evictions.labelled(&[("reason", why.as_str())], count);
        }
        evictions.labelled(&[("reason", "stalled")], counts.map_or(0, |counts| counts.streams.stalled()));
    }

    fn plugins(&self, text: &mut Text) {
        let reports = self.plugins.reports();
        let figures: [(_, Figure); 3] = [
            (&names::PLUGIN_CALLS, |done| done.calls.into()),
            (&names::PLUGIN_ERRORS, |done| done.errors.into()),
            (&names::PLUGIN_TIME, |done| done.total.as_secs_f64().into()),
        ];
        for (family, figure) in figures {
            let mut samples = text.family(family);
            for plugin in &reports {
                for done in &plugin.done {
                    samples.labelled(&[("plugin", &plugin.name), ("hook", done.point.hook())], figure(done));
                }
            }
        }
        let mut benched = text.family(&names::PLUGIN_BENCHED);
        for plugin in &reports {
            benched.labelled(&[("plugin", &plugin.name)], matches!(plugin.standing, Standing::Benched(_)));
        }
    }

    fn api(&self, text: &mut Text) {
        let mut requests = text.family(&names::API_REQUESTS);
        for (route, outcome, count) in self.api.requests().into_iter().filter(|(_, _, count)| *count > 0) {
            requests.labelled(&[("route", route), ("outcome", outcome)], count);
        }
        text.family(&names::API_LATENCY).distribution(&self.api.latency());
    }

    fn process(&self, text: &mut Text) {
        let usage = Usage::now();
        text.family(&names::CPU).value(usage.cpu_seconds);
        text.family(&names::RESIDENT).value(usage.resident_bytes);
        text.family(&names::VIRTUAL).value(usage.virtual_bytes);
        text.family(&names::OPEN_FILES).value(usage.open_files);
        text.family(&names::MAX_FILES).value(usage.max_files);
        text.family(&names::STARTED).value(self.started);
    }
}

fn events(text: &mut Text, chat: &Chat) {
    let tally = chat.tally();
    let now = tally.now();
    let mut handshakes = text.family(&names::HANDSHAKES);
    for (refusal, count) in tally.handshakes().filter(is_worth_a_line) {
        handshakes.labelled(&[("outcome", outcome(refusal))], count);
    }
    let kinds = ClientEvent::ALL.iter().map(|(name, event)| (*name, *event as usize)).chain([("unknown", UNKNOWN)]);
    let mut events = text.family(&names::EVENTS);
    for (name, kind) in kinds {
        for (refusal, count) in tally.events(kind).filter(is_worth_a_line) {
            events.labelled(&[("event", name), ("outcome", outcome(refusal))], count);
        }
    }
    text.family(&names::LATENCY).distribution(&now.latencies);
    text.family(&names::MESSAGES).value(now.messages);
    text.family(&names::ACKNOWLEDGED).distribution(&tally.acknowledgements());
    text.family(&names::HANDED_OVER).distribution(&tally.hand_overs());
    text.family(&names::FAN_OUT).distribution(&tally.fan_out());
    text.family(&names::DELIVERIES).value(now.deliveries);
    text.family(&names::RESYNCS).value(tally.resyncs());
}

fn store(text: &mut Text, chat: &Chat) {
    let store = chat.store();
    let figures = store.figures();
    text.family(&names::COMMITS).distribution(&figures.commits());
    text.family(&names::BATCHES).distribution(&figures.batches());
    text.family(&names::FAILURES).value(figures.failures());
    text.family(&names::STORE_SIZE).value(store.bytes());
    text.family(&names::WRITABLE).value(store.health().is_writable());
}

/// What was done is always there, so that a rate begins at zero; refusals that never came would be noise.
fn is_worth_a_line((refusal, count): &(Option<Code>, u64)) -> bool {
    refusal.is_none() || *count > 0
}

fn outcome(refusal: Option<Code>) -> &'static str {
    refusal.map_or("ok", Code::as_str)
}

impl Annex for Metrics {
    fn takes(&self, path: &str) -> Option<ByteSize> {
        (path == PATH).then_some(ByteSize(0))
    }

    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer> {
        Box::pin(std::future::ready(self.respond(&request)))
    }
}
