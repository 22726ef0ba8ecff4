//! How often each route was asked, and what came of it.

use std::time::Duration;

use http::StatusCode;

use super::routes::Route;
use crate::meter::{Counter, Distribution, Histogram};

/// What may come of a request.
pub const OUTCOMES: [&str; 3] = ["ok", "refused", "failed"];

pub struct Figures {
    /// For each route, in the table's order; and for what leads to none.
    counts: Vec<[Counter; OUTCOMES.len()]>,
    latency: Histogram,
}

impl Figures {
    pub fn new(routes: usize) -> Self {
        Figures { counts: (0..=routes).map(|_| Default::default()).collect(), latency: Histogram::default() }
    }

    pub fn note(&self, routes: &[Route], route: Option<&str>, status: StatusCode, took: Duration) {
        let at = routes.iter().position(|known| Some(known.id) == route).unwrap_or(routes.len());
        let outcome = match status {
            status if status.is_server_error() => 2,
            status if status.is_client_error() => 1,
            _ => 0,
        };
        self.counts[at][outcome].add(1);
        self.latency.record_time(took);
    }

    /// The count of each route and outcome.
    pub fn counts(&self, routes: &[Route]) -> Vec<(&'static str, &'static str, u64)> {
        let names = routes.iter().map(|route| route.id).chain(["none"]);
        let rows = names.zip(&self.counts);
        rows.flat_map(|(route, row)| {
            OUTCOMES.iter().zip(row).map(move |(outcome, count)| (route, *outcome, count.get()))
        })
        .collect()
    }

    pub fn latency(&self) -> Distribution {
        self.latency.now()
    }
}
