//! Bans and mutes, of the whole service or of one conversation, for a time or until somebody ends them.

use super::Whom;
use crate::chat::Chat;
use crate::chat::member::{self, MemberChange};
use crate::domain::access::Member;
use crate::domain::error::Error;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::sanction::{self, Sanction, Term};
use crate::domain::time::Time;

impl Chat {
    /// Keeps `user` out until `term` ends, and disconnects their devices; how many those were.
    ///
    /// # Errors
    /// `INVALID`, `UNAVAILABLE`.
    pub async fn ban(&self, user: &UserId, term: Term) -> Result<usize, Error> {
        sanction::check_reason(term.reason.as_deref())?;
        let sanction = self.decide(user, |sanction| sanction.ban = Some(term)).await?;
        let devices = self.roster.connections_of(user).len();
        if let Err(error) = sanction.may_enter(Time::now()) {
            // A device that enters at this moment is found by the clock that ends what may not stay.
            self.dismiss(user, Whom::All, error).await;
        }
        Ok(devices)
    }

    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn unban(&self, user: &UserId) -> Result<bool, Error> {
        let was = self.sanctions.of(user).may_enter(Time::now()).is_err();
        self.decide(user, |sanction| sanction.ban = None).await?;
        Ok(was)
    }

    /// Keeps `user` from writing in any conversation.
    ///
    /// # Errors
    /// `INVALID`, `UNAVAILABLE`.
    pub async fn mute(&self, user: &UserId, term: Term) -> Result<(), Error> {
        sanction::check_reason(term.reason.as_deref())?;
        self.decide(user, |sanction| sanction.mute = Some(term)).await.map(drop)
    }

    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn unmute(&self, user: &UserId) -> Result<bool, Error> {
        let was = self.sanctions.of(user).may_write(Time::now()).is_err();
        self.decide(user, |sanction| sanction.mute = None).await?;
        Ok(was)
    }

    /// Mutes or bans in one conversation, as a moderator there would.
    ///
    /// # Errors
    /// `NOT_FOUND`, `CONFLICT` where the owner is to be banned, `UNAVAILABLE`.
    pub async fn sanction_member(
        &self,
        id: ConversationId,
        target: UserId,
        change: MemberChange,
    ) -> Result<Member, Error> {
        self.store
            .write(move |tx| {
                let now = Time::now();
                let seat = tx.seat(&id, &target)?.ok_or_else(|| Error::not_found("conversation"))?;
                let before = seat.member.clone().ok_or_else(|| Error::not_found("member"))?;
                let after = Member {
                    muted_until: change.muted_until.unwrap_or(before.muted_until),
                    banned_until: change.banned_until.unwrap_or(before.banned_until),
                    ..before.clone()
                };
                member::check_owner(&after, now)?;
                tx.update_member(&seat, &after)?;
                member::tell(tx, &id, &before, &after, now)?;
                Ok(after)
            })
            .await
    }

    /// Changes what was decided about `user`: first in the store, then in memory.
    pub(super) async fn decide(&self, user: &UserId, change: impl FnOnce(&mut Sanction)) -> Result<Sanction, Error> {
        let _order = self.sanctions.order.lock().await;
        let mut sanction = self.sanctions.of(user);
        change(&mut sanction);
        let is_void = sanction.is_void(Time::now());
        let (kept, target) = (sanction.clone(), user.clone());
        self.store
            .write(move |tx| {
                if is_void {
                    tx.lift_sanction(&target)?;
                } else {
                    tx.set_sanction(&target, &kept)?;
                }
                Ok(())
            })
            .await?;
        if is_void {
            self.sanctions.lift(user);
        } else {
            self.sanctions.set(user, sanction.clone());
        }
        Ok(sanction)
    }
}
