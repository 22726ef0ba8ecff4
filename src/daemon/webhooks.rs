//! The webhooks of the configuration: made ready, or what is wrong with them shown; and taken on reload.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::config::{Loaded, Problem, Problems};
use super::exit;
use super::reload::Running;
use super::serve::every;
use crate::roster::Roster;
use crate::store::{Publish, Store};
use crate::webhook::{self, Endpoint, Intake, Webhooks};

/// Reads secrets from their files, too: they may have new contents under their old names.
///
/// # Errors
/// All that is wrong with any of them.
pub fn prepare(loaded: &Loaded) -> Result<Vec<Arc<Endpoint>>, Problems> {
    let problem = |flaw: webhook::Flaw| -> Problem {
        loaded.sources.problem("webhooks", &format!("entry {}: {}", flaw.index + 1, flaw.message))
    };
    webhook::prepare(&loaded.config.webhooks)
        .map_err(|flaws| Problems::from(flaws.into_iter().map(problem).collect::<Vec<_>>()))
}

/// Opens the store, whose outbox is filled for the webhooks that it comes with.
///
/// # Errors
/// The exit status, once it was said what is wrong.
pub async fn open_store(
    running: &Running,
    roster: &Arc<Roster>,
    publish: Publish,
) -> Result<(Store, Arc<Webhooks>), u8> {
    let endpoints = prepare(&running.loaded).map_err(|problems| {
        eprintln!("{problems}");
        exit::CONFIG
    })?;
    let (intake, recorder) = Intake::new(roster);
    let store = Store::open(&running.loaded.config.store, &running.state_dir, publish, recorder).map_err(|error| {
        tracing::error!("{error}");
        exit::UNAVAILABLE
    })?;
    let webhooks = Webhooks::start(store.clone(), intake, endpoints).await.map_err(|error| {
        tracing::error!(%error, "how far webhooks have come cannot be read");
        exit::UNAVAILABLE
    })?;
    Ok((store, webhooks))
}

/// Keeps the outbox small, until `end`.
pub fn start_clock(webhooks: &Arc<Webhooks>, end: &CancellationToken) {
    let webhooks = Arc::clone(webhooks);
    every(webhook::UPKEEP_INTERVAL, end, move || {
        let webhooks = Arc::clone(&webhooks);
        async move { webhooks.keep_small().await }
    });
}

/// Has `webhooks` go on with these.
pub fn adopt(webhooks: &Webhooks, endpoints: Vec<Arc<Endpoint>>) {
    let adopted = tokio::task::block_in_place(|| Handle::current().block_on(webhooks.adopt(endpoints)));
    if let Err(error) = adopted {
        tracing::warn!(%error, "webhooks are taken in part: the store cannot be asked, reload again");
    }
}
