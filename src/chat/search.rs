//! `message:search`: full text, only where the user may read.

use super::{Actor, Chat, seat};
use crate::domain::error::Error;
use crate::domain::id::ConversationId;
use crate::domain::message::Message;
use crate::domain::time::Time;
use crate::store::Search;

impl Chat {
    /// The newest messages that contain all words of `words`, and where the next page begins.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED` for a conversation that the user may not read; `UNAVAILABLE`.
    pub async fn search(
        &self,
        actor: &Actor,
        words: String,
        conversation: Option<ConversationId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<Message>, Option<i64>), Error> {
        let open = self.is_open();
        let user = actor.user.clone();
        self.store
            .search(move |query| {
                let now = Time::now();
                if let Some(id) = &conversation {
                    seat::take(query, id, &user, open, now)?;
                } else if query.memberships(&user, now)?.is_empty() {
                    return Ok((Vec::new(), None));
                }
                let search = Search { user: &user, words: &words, conversation: conversation.as_ref(), before, limit };
                Ok(query.search(&search, now)?)
            })
            .await
    }
}
