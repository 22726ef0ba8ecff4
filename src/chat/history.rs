//! `message:history`: a part of what was said, ascending by `seq`.

use super::{Actor, Chat};
use crate::domain::error::Error;
use crate::domain::id::ConversationId;
use crate::store::Page;

impl Chat {
    /// Messages between `after` and `before` (both exclusive): with `after` alone the first `limit` behind it, else
    /// the last `limit`.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn history(
        &self,
        actor: &Actor,
        id: ConversationId,
        after: Option<u64>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Page, Error> {
        let page = self
            .seated(actor, id.clone(), move |query, seated, _| {
                Ok(match (after, before) {
                    (Some(after), None) => query.own_history_after(&seated.seat, after, limit)?,
                    (after, before) => query.own_history_before(&seated.seat, after.unwrap_or(0), before, limit)?,
                })
            })
            .await?;
        if let Some(last) = page.messages.iter().rfind(|message| message.seq > 0) {
            self.caught_up(&actor.user, id, last.seq);
        }
        Ok(page)
    }
}
