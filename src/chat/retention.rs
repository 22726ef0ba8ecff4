//! `[messages] retention`: old messages go, a few at a time; those of deleted conversations go likewise.

use std::time::Duration;

use super::Chat;
use super::config::Retention;
use crate::domain::error::Error;
use crate::domain::time::Time;
use crate::store::{self, Tx};

/// Messages that one write deletes: the writer serves others between two of them.
const PER_WRITE: u32 = 200;

/// How often to look for messages that are too old.
pub const INTERVAL: Duration = Duration::from_secs(10);

impl Chat {
    /// Deletes what is older than the retention allows, and what was in deleted conversations; how many messages.
    ///
    /// # Errors
    /// `UNAVAILABLE`; what was deleted until then stays deleted.
    pub async fn prune(&self) -> Result<usize, Error> {
        let purged = self.purge().await?;
        let Retention::For(age) = self.config().messages.retention else { return Ok(purged) };
        let before = Time::now().saturating_sub(age);
        let asides = self.until_done(move |tx| tx.prune_asides(before, PER_WRITE)).await?;
        Ok(purged + asides + self.until_done(move |tx| tx.prune(before, PER_WRITE)).await?)
    }

    /// Deletes what was in deleted conversations.
    pub(in crate::chat) async fn purge(&self) -> Result<usize, Error> {
        self.until_done(|tx| tx.purge(PER_WRITE)).await
    }

    /// Writes `some` again and again until it finds nothing more; how much it found in all.
    async fn until_done<F>(&self, some: F) -> Result<usize, Error>
    where
        F: Fn(&mut Tx<'_>) -> Result<usize, store::error::Error> + Clone + Send + 'static,
    {
        let mut done = 0;
        loop {
            let some = some.clone();
            let now = self.store.write(move |tx| Ok(some(tx)?)).await?;
            done += now;
            if now == 0 {
                return Ok(done);
            }
        }
    }
}
