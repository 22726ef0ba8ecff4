//! Webhooks: how each does, and what one has not taken.

use serde::{Deserialize, Serialize};

/// Declares answers, all with the same form on the wire.
macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(rename_all = "camelCase")]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
        )*
    };
}

answers! {
    /// `webhook.list`
    Webhooks {
        webhooks: Vec<WebhookLine>,
        /// Events that were dropped since the start because the outbox was full.
        dropped: u64,
    }

    WebhookLine {
        name: String,
        /// Without its query, which may hold what is secret.
        url: String,
        /// `up`, `down`, `paused` or `gone`.
        state: String,
        /// When it came into this state, or the daemon started.
        since: String,
        events: Vec<String>,
        /// Events that it has yet to take.
        waiting: u64,
        /// Events that were given up.
        dead: u64,
        /// When the first of those that wait came.
        oldest: Option<String>,
        /// Attempts since the start, and how many of them failed.
        attempts: u64,
        failed: u64,
        /// How long an answer takes.
        p50_ms: Option<f64>,
        p99_ms: Option<f64>,
        last_taken: Option<String>,
        last_failure: Option<WebhookFailure>,
    }

    WebhookFailure {
        at: String,
        reason: String,
    }

    /// An event that was not taken.
    WebhookEvent {
        id: String,
        #[serde(rename = "type")]
        kind: String,
        /// The conversation or user that it is about.
        about: String,
        at: String,
        attempts: u32,
        /// When it is tried again.
        next: Option<String>,
        error: Option<String>,
    }

    /// `webhook.show`
    WebhookShown {
        #[serde(flatten)]
        line: WebhookLine,
        /// Those that are tried again, the oldest first.
        retried: Vec<WebhookEvent>,
        /// Those that were given up, the latest first.
        given_up: Vec<WebhookEvent>,
    }

    /// `webhook.pause` and `webhook.resume`
    WebhookSwitched {
        webhook: String,
        state: String,
    }

    /// `webhook.replay`
    WebhookReplayed {
        webhook: String,
        replayed: usize,
    }

    /// `webhook.test`
    WebhookTested {
        webhook: String,
        taken: bool,
        status: Option<u16>,
        took_ms: f64,
        error: Option<String>,
    }
}
