//! Bans that end by themselves: the user's devices follow the conversation again, and are told of it.

use std::sync::Arc;

use super::Chat;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::time::Time;

impl Chat {
    /// Brings back whose ban has ended since the last call. Called about once a second.
    ///
    /// # Errors
    /// `UNAVAILABLE`; the next call looks at the same time again.
    pub async fn lift_bans(&self) -> Result<(), Error> {
        let (after, now) = (*self.bans_lifted.lock(), Time::now());
        let ended = self
            .store
            .read(move |query| {
                let mut ended = Vec::new();
                for (id, user) in query.bans_ended(after, now)? {
                    ended.extend(query.conversation(&id)?.map(|conversation| (conversation, user)));
                }
                Ok(ended)
            })
            .await?;
        *self.bans_lifted.lock() = now;
        for (conversation, user) in ended {
            let conversation = Arc::new(conversation);
            self.bus.publish(Event::MemberAdded { conversation, user, after_ban: true }).await;
        }
        Ok(())
    }
}
