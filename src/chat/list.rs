//! `conversation:list`, `conversation:members`, and how one conversation looks to a member.

use super::{Actor, Chat};
use crate::domain::access::Member;
use crate::domain::conversation::Overview;
use crate::domain::error::Error;
use crate::domain::id::ConversationId;
use crate::domain::time::Time;
use crate::store::ListCursor;

/// The answer to a device that joined.
#[derive(Clone, Debug)]
pub struct Joined {
    pub overview: Overview,
    pub last_seq: u64,
    pub unread: u64,
}

impl Chat {
    /// The user's own conversations, latest activity first.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn conversations(
        &self,
        actor: &Actor,
        after: Option<ListCursor>,
        limit: u32,
    ) -> Result<(Vec<Overview>, Option<ListCursor>), Error> {
        let user = actor.user.clone();
        self.store.read(move |query| Ok(query.conversation_list(&user, after, limit, Time::now())?)).await
    }

    /// A page of members by user id; the bans of others are for moderators to see.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn members(
        &self,
        actor: &Actor,
        id: ConversationId,
        after: Option<String>,
        limit: u32,
    ) -> Result<(Vec<Member>, Option<String>), Error> {
        self.seated(actor, id, move |query, seated, _| {
            let mut members = query.members(&seated.seat, after.as_deref(), limit + 1)?;
            let more = members.len() > limit as usize;
            members.truncate(limit as usize);
            let next = if more { members.last().map(|member| member.user.to_string()) } else { None };
            if crate::domain::access::moderator(&seated.member).is_err() {
                members.iter_mut().for_each(|member| member.banned_until = None);
            }
            Ok((members, next))
        })
        .await
    }

    pub(super) async fn joined(&self, actor: &Actor, id: ConversationId) -> Result<Joined, Error> {
        self.seated(actor, id, move |query, seated, _| {
            let overview = query.overview(&seated.seat, &seated.member)?;
            Ok(Joined { last_seq: overview.conversation.last_seq, unread: overview.unread, overview })
        })
        .await
    }
}
