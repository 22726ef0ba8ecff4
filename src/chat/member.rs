//! `member:add`, `member:remove` and `member:update`: who is in, and as what.

use std::sync::Arc;

use serde_json::{Value, json};

use super::rule::Ruled;
use super::{Actor, Chat, notify, rule};
use crate::domain::access::{self, Member, Role};
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Time;
use crate::store::error::Abort;
use crate::store::{Seat, Tx};

/// What to change of a member. `Some(None)` ends a mute or ban.
#[derive(Clone, Debug, Default)]
pub struct MemberChange {
    pub role: Option<Role>,
    pub muted_until: Option<Option<Time>>,
    pub banned_until: Option<Option<Time>>,
}

impl Chat {
    /// Brings `target` in.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `CONFLICT` where they are in already or there is no room, `UNAVAILABLE`.
    pub async fn member_add(
        &self,
        actor: &Actor,
        id: ConversationId,
        target: UserId,
        role: Role,
    ) -> Result<Member, Error> {
        let config = self.config();
        let (user, through) = (actor.user.clone(), self.through());
        let change = json!({ "action": "add", "newRole": role.as_str() });
        let _ruled = self.rule_member(actor, &id, &target, change).await?;
        self.seated_write(actor, id.clone(), move |tx, seated, now| {
            access::may_add(seated.conversation(), &seated.member, role)?;
            if role == Role::Owner {
                return Err(Error::conflict("make them a member first, then the owner").into());
            }
            if tx.member(&id, &target)?.is_some() {
                return Err(Error::conflict("this user is a member").into());
            }
            if seated.conversation().member_count >= u64::from(config.conversations.max_members) {
                return Err(Error::conflict("the conversation is full").into());
            }
            let member = tx.add_member(&id, &target, role, now)?;
            let conversation = current(tx, &id)?;
            tx.publish(Event::joined(&conversation, &target));
            tx.publish(Event::ConversationUpdated { conversation: Arc::clone(&conversation) });
            notify::added(tx, &conversation, &target, &user, now, &through)?;
            Ok(member)
        })
        .await
    }

    /// Takes `target` out; everybody may take out themself.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn member_remove(&self, actor: &Actor, id: ConversationId, target: UserId) -> Result<Member, Error> {
        let user = actor.user.clone();
        let _ruled = self.rule_member(actor, &id, &target, json!({ "action": "remove" })).await?;
        self.seated_write(actor, id.clone(), move |tx, mut seated, now| {
            let removed = target_of(tx, &id, &target)?;
            if target != user {
                access::may_moderate(seated.conversation(), &seated.member, &removed)?;
            }
            tx.remove_member(&seated.seat, &target)?;
            if removed.role == Role::Owner {
                pass_on(tx, &mut seated.seat, now)?;
            }
            tx.publish(Event::MemberRemoved { conversation: id.clone(), user: target, by_ban: false });
            tx.publish(Event::ConversationUpdated { conversation: current(tx, &id)? });
            Ok(removed)
        })
        .await
    }

    /// Changes role, mute or ban of `target`.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn member_update(
        &self,
        actor: &Actor,
        id: ConversationId,
        target: UserId,
        change: MemberChange,
    ) -> Result<Member, Error> {
        let shown = json!({
            "action": "update",
            "newRole": change.role.map(Role::as_str),
            "mutedUntil": change.muted_until.flatten(),
            "bannedUntil": change.banned_until.flatten(),
        });
        let _ruled = self.rule_member(actor, &id, &target, shown).await?;
        self.seated_write(actor, id.clone(), move |tx, mut seated, now| {
            let before = target_of(tx, &id, &target)?;
            access::may_moderate(seated.conversation(), &seated.member, &before)?;
            let mut member = before.clone();
            if let Some(role) = change.role {
                access::may_grant(&seated.member, role)?;
                member.role = role;
            }
            member.muted_until = change.muted_until.unwrap_or(member.muted_until);
            member.banned_until = change.banned_until.unwrap_or(member.banned_until);
            check_owner(&member, now)?;
            tx.update_member(&seated.seat, &member)?;
            if member.role == Role::Owner {
                let former = Member { role: Role::Moderator, ..seated.member.clone() };
                tx.update_member(&seated.seat, &former)?;
                publish_change(tx, &id, &former);
                crown(tx, &mut seated.seat, Some(target), now)?;
            }
            tell(tx, &id, &before, &member, now)?;
            Ok(member)
        })
        .await
    }
}

impl Chat {
    /// Asks the plugins about a change of `target`'s membership.
    ///
    /// # Errors
    /// As [`super::seat::take`] has it, and what a plugin refuses.
    async fn rule_member(
        &self,
        actor: &Actor,
        id: &ConversationId,
        target: &UserId,
        mut change: Value,
    ) -> Result<Ruled, Error> {
        if !self.wants(Point::Member) {
            return self.rule(Point::Member, Vec::new).await;
        }
        let (of, whom) = (id.clone(), target.clone());
        let looked = self.seated(actor, id.clone(), move |query, seated, _| {
            let before = query.member(&of, &whom)?.map(|member| member.role);
            Ok((before, rule::conversation(seated.conversation(), Some(seated.member.role))))
        });
        let (before, conversation) = looked.await?;
        change["target"] = target.as_str().into();
        change["by"] = actor.user.as_str().into();
        change["oldRole"] = before.map(Role::as_str).into();
        if change["action"] != "update" && change.get("newRole").is_none() {
            change["newRole"] = Value::Null;
        }
        self.rule(Point::Member, || vec![Arg::Value(change), conversation]).await
    }
}

/// # Errors
/// `CONFLICT` where the owner would be banned.
pub(super) fn check_owner(member: &Member, now: Time) -> Result<(), Error> {
    if member.role == Role::Owner && member.is_banned(now) {
        return Err(Error::conflict("who is banned cannot be the owner"));
    }
    Ok(())
}

/// What a change of role, mute or ban means for those concerned.
pub(super) fn tell(
    tx: &mut Tx<'_>,
    id: &ConversationId,
    before: &Member,
    after: &Member,
    now: Time,
) -> Result<(), Abort> {
    let conversation = current(tx, id)?;
    let user = after.user.clone();
    if before != after {
        publish_change(tx, id, after);
    }
    match (before.is_banned(now), after.is_banned(now)) {
        (false, true) => tx.publish(Event::MemberRemoved { conversation: id.clone(), user, by_ban: true }),
        (true, false) => {
            tx.publish(Event::MemberAdded { conversation: Arc::clone(&conversation), user, after_ban: true });
        }
        _ => {}
    }
    if before.role != after.role {
        tx.publish(Event::ConversationUpdated { conversation });
    }
    Ok(())
}

pub(super) fn publish_change(tx: &mut Tx<'_>, id: &ConversationId, member: &Member) {
    tx.publish(Event::MemberUpdated { conversation: id.clone(), member: Arc::new(member.clone()) });
}

fn target_of(tx: &Tx<'_>, id: &ConversationId, target: &UserId) -> Result<Member, Abort> {
    Ok(tx.member(id, target)?.ok_or_else(|| Error::not_found("member"))?)
}

pub(super) fn current(tx: &Tx<'_>, id: &ConversationId) -> Result<Arc<Conversation>, Abort> {
    Ok(Arc::new(tx.conversation(id)?.ok_or_else(|| Error::not_found("conversation"))?))
}

/// The owner has left: the next in line takes over, if there is anybody.
pub(super) fn pass_on(tx: &mut Tx<'_>, seat: &mut Seat, now: Time) -> Result<(), Abort> {
    if seat.conversation.kind == Kind::Direct {
        return Ok(());
    }
    let heir = tx.heir(seat)?;
    if let Some(heir) = &heir
        && let Some(member) = tx.member(&seat.conversation.id, heir)?
    {
        let owner = Member { role: Role::Owner, ..member };
        tx.update_member(seat, &owner)?;
        publish_change(tx, &seat.conversation.id, &owner);
    }
    crown(tx, seat, heir, now)
}

pub(super) fn crown(tx: &mut Tx<'_>, seat: &mut Seat, owner: Option<UserId>, now: Time) -> Result<(), Abort> {
    seat.conversation.owner = owner;
    seat.conversation.updated_at = now;
    Ok(tx.update_conversation(&seat.conversation)?)
}
