//! `[messages] retention`: old messages go, a few at a time.

use std::time::Duration;

use super::Chat;
use super::config::Retention;
use crate::domain::error::Error;
use crate::domain::time::Time;

/// Messages that one write deletes: the writer serves others between two of them.
const PER_WRITE: u32 = 200;

/// How often to look for messages that are too old.
pub const INTERVAL: Duration = Duration::from_secs(10);

impl Chat {
    /// Deletes what is older than the retention allows; how many messages that were.
    ///
    /// # Errors
    /// `UNAVAILABLE`; what was deleted until then stays deleted.
    pub async fn prune(&self) -> Result<usize, Error> {
        let Retention::For(age) = self.config().messages.retention else { return Ok(0) };
        let before = Time::now().saturating_sub(age);
        let mut pruned = 0;
        loop {
            let now = self.store.write(move |tx| Ok(tx.prune(before, PER_WRITE)?)).await?;
            pruned += now;
            if now < PER_WRITE as usize {
                return Ok(pruned);
            }
        }
    }
}
