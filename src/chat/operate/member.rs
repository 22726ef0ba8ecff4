//! Who is in a conversation, as the application's back end has it: many at a time, and by nobody's leave.

use serde_json::{Value, json};

use super::SPEAKER;
use super::conversation::unseated;
use crate::chat::member::{self, MemberChange, crown, current};
use crate::chat::{Chat, notify, rule};
use crate::domain::access::{Member, Role};
use crate::domain::conversation::Kind;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Time;

impl Chat {
    /// Brings users in, all of them or none; who is in already stays as they are.
    ///
    /// # Errors
    /// `NOT_FOUND`, `CONFLICT` where there is no room, `UNAVAILABLE`; what a plugin refuses.
    pub async fn enlist(&self, id: ConversationId, users: Vec<(UserId, Role)>) -> Result<Vec<Member>, Error> {
        let changes = users.iter().map(|(user, role)| (user, json!({ "action": "add", "newRole": role.as_str() })));
        self.rule_members(&id, changes.collect()).await?;
        let (max_members, through) = (u64::from(self.config().conversations.max_members), self.through());
        self.store
            .write(move |tx| {
                let now = Time::now();
                let conversation = unseated(tx, &id)?.conversation;
                if conversation.kind == Kind::Direct {
                    return Err(Error::conflict("a direct conversation has its two members").into());
                }
                let (mut members, mut new) = (Vec::with_capacity(users.len()), Vec::new());
                for (user, role) in users {
                    members.push(match tx.member(&id, &user)? {
                        Some(member) => member,
                        None => {
                            new.push(user.clone());
                            tx.add_member(&id, &user, role, now)?
                        }
                    });
                }
                let conversation = current(tx, &id)?;
                if !new.is_empty() && conversation.member_count > max_members {
                    return Err(Error::conflict("the conversation is full").into());
                }
                let by = UserId::stored(SPEAKER);
                for user in &new {
                    tx.publish(Event::joined(&conversation, user));
                    notify::added(tx, &conversation, user, &by, now, &through)?;
                }
                if !new.is_empty() {
                    tx.publish(Event::ConversationUpdated { conversation });
                }
                Ok(members)
            })
            .await
    }

    /// Takes users out, all of them or none; how many were in. Where the owner goes, the next in line takes over.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`; what a plugin refuses.
    pub async fn discharge(&self, id: ConversationId, users: Vec<UserId>) -> Result<usize, Error> {
        let changes = users.iter().map(|user| (user, json!({ "action": "remove", "newRole": null })));
        self.rule_members(&id, changes.collect()).await?;
        self.store
            .write(move |tx| {
                let now = Time::now();
                let mut seat = unseated(tx, &id)?;
                let mut count = 0;
                for user in users {
                    let Some(removed) = tx.member(&id, &user)? else { continue };
                    tx.remove_member(&seat, &user)?;
                    if removed.role == Role::Owner {
                        member::pass_on(tx, &mut seat, now)?;
                    }
                    tx.publish(Event::MemberRemoved { conversation: id.clone(), user, by_ban: false });
                    count += 1;
                }
                if count > 0 {
                    tx.publish(Event::ConversationUpdated { conversation: current(tx, &id)? });
                }
                Ok(count)
            })
            .await
    }

    /// Changes role, mute or ban of a member. A new owner takes the place of the old one, who is a moderator then.
    ///
    /// # Errors
    /// `NOT_FOUND`, `CONFLICT` where the owner would be banned or nobody would be the owner, `UNAVAILABLE`; what a plugin
    /// refuses.
    pub async fn appoint(&self, id: ConversationId, target: UserId, change: MemberChange) -> Result<Member, Error> {
        let shown = json!({
            "action": "update",
            "newRole": change.role.map(Role::as_str),
            "mutedUntil": change.muted_until.flatten(),
            "bannedUntil": change.banned_until.flatten(),
        });
        self.rule_members(&id, vec![(&target, shown)]).await?;
        self.store
            .write(move |tx| {
                let now = Time::now();
                let mut seat = tx.seat(&id, &target)?.ok_or_else(|| Error::not_found("conversation"))?;
                let before = seat.member.clone().ok_or_else(|| Error::not_found("member"))?;
                let role = change.role.unwrap_or(before.role);
                if seat.conversation.kind == Kind::Direct && role != before.role {
                    return Err(Error::conflict("in a direct conversation there are no roles").into());
                }
                if before.role == Role::Owner && role != Role::Owner {
                    return Err(Error::conflict("make somebody else the owner first").into());
                }
                let after = Member {
                    role,
                    muted_until: change.muted_until.unwrap_or(before.muted_until),
                    banned_until: change.banned_until.unwrap_or(before.banned_until),
                    ..before.clone()
                };
                member::check_owner(&after, now)?;
                tx.update_member(&seat, &after)?;
                if after.role == Role::Owner && before.role != Role::Owner {
                    if let Some(owner) = seat.conversation.owner.clone()
                        && let Some(former) = tx.member(&id, &owner)?
                    {
                        let former = Member { role: Role::Moderator, ..former };
                        tx.update_member(&seat, &former)?;
                        member::publish_change(tx, &id, &former);
                    }
                    crown(tx, &mut seat, Some(target), now)?;
                }
                member::tell(tx, &id, &before, &after, now)?;
                Ok(after)
            })
            .await
    }

    /// Asks the plugins about each change.
    async fn rule_members(&self, id: &ConversationId, changes: Vec<(&UserId, Value)>) -> Result<(), Error> {
        if !self.wants(Point::Member) {
            return Ok(());
        }
        for (target, mut change) in changes {
            let (of, whom) = (id.clone(), target.clone());
            let looked = self.store.read(move |query| {
                let conversation = unseated(query, &of)?.conversation;
                Ok((query.member(&of, &whom)?.map(|member| member.role), rule::conversation(&conversation, None)))
            });
            let (before, conversation) = looked.await?;
            change["target"] = target.as_str().into();
            change["by"] = SPEAKER.into();
            change["oldRole"] = before.map(Role::as_str).into();
            self.rule(Point::Member, || vec![Arg::Value(change), conversation]).await?;
        }
        Ok(())
    }
}
