//! Keeps the outbox small: what everybody has goes, and beyond a bound what somebody has not.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::Webhooks;
use super::board::Board;
use super::endpoint::Endpoint;
use crate::domain::error::Error;
use crate::domain::time::Time;
use crate::store::Depth;

/// How often to look.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// The bounds of the outbox: entries, and their age.
const MAX_ENTRIES: u64 = 1_000_000;
const MAX_AGE: Duration = Duration::from_secs(7 * 86_400);

/// Entries that one write deletes: the writer serves others between two of them.
const PER_WRITE: u32 = 500;

/// How many looks are between two that count, which costs more.
const LOOKS_PER_COUNT: u64 = 10;

#[derive(Default)]
pub struct Upkeep {
    looks: AtomicU64,
    /// What is not behind it was looked at.
    swept: AtomicI64,
    dropped: AtomicU64,
}

impl Upkeep {
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// What was kept for a webhook that is gone is looked at again.
    pub fn start_over(&self) {
        self.swept.store(-1, Ordering::Relaxed);
    }
}

impl Webhooks {
    /// Called every [`INTERVAL`].
    pub async fn keep_small(&self) {
        let look = self.upkeep.looks.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.keep_small_now(look.is_multiple_of(LOOKS_PER_COUNT)).await {
            tracing::debug!(%error, "the outbox is looked at again");
        }
    }

    async fn keep_small_now(&self, counts: bool) -> Result<(), Error> {
        let told = self.store.read(|query| Ok(query.outbox_told()?)).await?;
        if told > self.upkeep.swept.load(Ordering::Relaxed) {
            let after = self.upkeep.swept.load(Ordering::Relaxed);
            while self.store.write(move |tx| Ok(tx.sweep_outbox(after, PER_WRITE)?)).await? == PER_WRITE as usize {}
            self.upkeep.swept.store(told, Ordering::Relaxed);
        }
        if !counts {
            return Ok(());
        }
        let (count, oldest) = self.store.read(|query| Ok(query.outbox_extent()?)).await?;
        let before = Time::now().saturating_sub(MAX_AGE);
        if count > MAX_ENTRIES || oldest.is_some_and(|oldest| oldest < before) {
            self.drop_oldest(before).await?;
        }
        for (endpoint, board) in self.list() {
            self.count(&endpoint, &board).await?;
        }
        Ok(())
    }

    /// Counts what waits for a webhook.
    pub(super) async fn count(&self, endpoint: &Arc<Endpoint>, board: &Board) -> Result<Depth, Error> {
        let kinds = serde_json::Value::from_iter(endpoint.kinds.names()).to_string();
        let endpoint = Arc::clone(endpoint);
        let depth = self.store.read(move |query| Ok(query.webhook_depth(&endpoint.name, &kinds)?)).await?;
        board.standing.lock().depth = depth;
        Ok(depth)
    }

    async fn drop_oldest(&self, before: Time) -> Result<(), Error> {
        let mut dropped = 0;
        loop {
            let some = self.store.write(move |tx| Ok(tx.drop_from_outbox(before, MAX_ENTRIES, PER_WRITE)?)).await?;
            dropped += some as u64;
            if some == 0 {
                break;
            }
        }
        self.upkeep.dropped.fetch_add(dropped, Ordering::Relaxed);
        tracing::warn!(
            outbox.dropped = dropped,
            "events that a webhook has not taken are gone: the outbox keeps {MAX_ENTRIES} of them, for 7 days"
        );
        Ok(())
    }
}
