//! Conversations as operators see them.

use crate::chat::Chat;
use crate::chat::conversation::{Changes, NewConversation, change, create};
use crate::domain::access::Member;
use crate::domain::conversation::{self, Conversation, Kind, Overview, SettingsChange};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Time;
use crate::store::error::Abort;
use crate::store::{ConversationFilter, Page, Query, Seat};

impl Chat {
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn all_conversations(&self, filter: ConversationFilter) -> Result<Vec<Conversation>, Error> {
        self.store.read(move |query| Ok(query.conversations(&filter)?)).await
    }

    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn look_at(&self, id: ConversationId) -> Result<Conversation, Error> {
        self.store.read(move |query| Ok(unseated(query, &id)?.conversation)).await
    }

    /// Creates a conversation on behalf of `owner`, whoever may create them otherwise.
    ///
    /// # Errors
    /// `INVALID`, `CONFLICT` where the id is taken, `UNAVAILABLE`.
    pub async fn create_for(&self, owner: UserId, new: NewConversation) -> Result<Overview, Error> {
        if let Some(title) = &new.title {
            conversation::check_title(title)?;
        }
        let mut others = new.members.clone();
        others.retain(|user| *user != owner);
        others.sort();
        others.dedup();
        if new.kind == Kind::Direct && others.len() != 1 {
            return Err(Error::invalid("members", "exactly one other user for a direct conversation"));
        }
        let through = self.through();
        self.store.write(move |tx| create(tx, &owner, new, &others, &through)).await
    }

    /// Changes title, metadata or settings.
    ///
    /// # Errors
    /// `INVALID`, `NOT_FOUND`, `CONFLICT` of a direct conversation, `UNAVAILABLE`.
    pub async fn alter(&self, id: ConversationId, changes: Changes) -> Result<Conversation, Error> {
        if let Some(Some(title)) = &changes.title {
            conversation::check_title(title)?;
        }
        self.store
            .write(move |tx| {
                let mut conversation = unseated(tx, &id)?.conversation;
                let is_shaped = changes.title.is_some() || changes.settings != SettingsChange::default();
                if conversation.kind == Kind::Direct && is_shaped {
                    return Err(Error::conflict("a direct conversation has no title and no settings").into());
                }
                change(tx, &mut conversation, changes, Time::now())?;
                Ok(conversation)
            })
            .await
    }

    /// Deletes a conversation with all that was said in it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn close_conversation(&self, id: ConversationId) -> Result<Conversation, Error> {
        self.store
            .write(move |tx| {
                let conversation = unseated(tx, &id)?.conversation;
                tx.delete_conversation(&id)?;
                tx.publish(Event::ConversationDeleted { conversation: id });
                Ok(conversation)
            })
            .await
    }

    /// A page of members by user id, bans included.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn all_members(&self, id: ConversationId, after: String, limit: u32) -> Result<Vec<Member>, Error> {
        self.store.read(move |query| Ok(query.members(&unseated(query, &id)?, Some(&after), limit)?)).await
    }

    /// Messages between `after` and `before` (both exclusive): with `after` alone the first `limit` behind it, else the
    /// last `limit`.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn read_over(
        &self,
        id: ConversationId,
        after: Option<u64>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Page, Error> {
        self.store
            .read(move |query| {
                let seat = unseated(query, &id)?;
                Ok(match (after, before) {
                    (Some(after), None) => query.history_after(&seat, after, limit, crate::store::MAX_PAGE_BYTES)?,
                    (after, before) => query.history_before(&seat, after.unwrap_or(0), before, limit)?,
                })
            })
            .await
    }
}

pub(super) fn unseated(query: &Query<'_>, id: &ConversationId) -> Result<Seat, Abort> {
    Ok(query.unseated(id)?.ok_or_else(|| Error::not_found("conversation"))?)
}
