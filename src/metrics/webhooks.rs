//! Figures of webhooks.

use super::names;
use super::text::{Text, Value, seconds};
use crate::domain::time::Time;
use crate::webhook::{Board, State, Webhooks};

/// One figure of a webhook.
type Figure = fn(&Board) -> Value;

pub fn gather(webhooks: &Webhooks, text: &mut Text) {
    let boards = webhooks.list();
    let mut attempts = text.family(&names::WEBHOOK_ATTEMPTS);
    for (endpoint, board) in &boards {
        attempts.labelled(&[("webhook", &endpoint.name), ("outcome", "taken")], board.taken.get());
        attempts.labelled(&[("webhook", &endpoint.name), ("outcome", "failed")], board.failed.get());
    }
    let figures: [(_, Figure); 5] = [
        (&names::WEBHOOK_GIVEN_UP, |board| board.given_up.get().into()),
        (&names::WEBHOOK_TIME, |board| seconds(board.took.now().sum).into()),
        (&names::WEBHOOK_UP, |board| (board.standing.lock().state == State::Up).into()),
        (&names::WEBHOOK_WAITING, |board| board.standing.lock().depth.waiting.into()),
        (&names::WEBHOOK_OLDEST, |board| age(board).into()),
    ];
    for (family, figure) in figures {
        let mut samples = text.family(family);
        for (endpoint, board) in &boards {
            samples.labelled(&[("webhook", &endpoint.name)], figure(board));
        }
    }
    text.family(&names::WEBHOOK_DROPPED).value(webhooks.dropped());
}

/// Of what waits longest, in seconds.
fn age(board: &Board) -> f64 {
    let oldest = board.standing.lock().depth.oldest;
    oldest.map_or(0.0, |at| (Time::now().0 - at.0) as f64 / 1e3)
}
