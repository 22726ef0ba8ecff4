//! `conversation:create`, `conversation:update` and `conversation:delete`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::config::Create;
use super::notify::Through;
use super::{Actor, Chat, notify, rule, seat};
use crate::domain::access::{self, Role};
use crate::domain::conversation::{self, Conversation, Kind, Overview, SettingsChange};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Time;
use crate::store::Tx;
use crate::store::error::Abort;

/// A conversation that somebody wants to create.
#[derive(Clone, Debug)]
pub struct NewConversation {
    /// Absent: the server makes one.
    pub id: Option<ConversationId>,
    pub kind: Kind,
    pub title: Option<String>,
    /// Beside the creator.
    pub members: Vec<UserId>,
    pub metadata: Option<String>,
}

/// What to change of a conversation. `Some(None)` takes the value away.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub title: Option<Option<String>>,
    pub metadata: Option<Option<String>>,
    pub settings: SettingsChange,
}

impl Chat {
    /// Creates a conversation; the direct one of a pair that has one already is that one.
    ///
    /// # Errors
    /// `INVALID`, `FORBIDDEN` where users may not create, `CONFLICT` where the id is taken, `UNAVAILABLE`.
    pub async fn create(&self, actor: &Actor, new: NewConversation) -> Result<Overview, Error> {
        if self.config().conversations.create == Create::Api {
            return Err(Error::forbidden("conversations are created by the application's back end"));
        }
        self.create_as(actor, new).await
    }

    /// The same for the application's back end, which may always.
    ///
    /// # Errors
    /// `INVALID`, `CONFLICT` where the id is taken, `UNAVAILABLE`; what a plugin refuses.
    pub async fn create_as(&self, actor: &Actor, new: NewConversation) -> Result<Overview, Error> {
        let config = self.config();
        if let Some(title) = &new.title {
            conversation::check_title(title)?;
        }
        let mut others = new.members.clone();
        others.retain(|user| *user != actor.user);
        others.sort();
        others.dedup();
        if new.kind == Kind::Direct && others.len() != 1 {
            return Err(Error::invalid("members", "exactly one other user for a direct conversation"));
        }
        if others.len() + 1 > config.conversations.max_members as usize {
            return Err(Error::invalid("members", format_args!("at most {}", config.conversations.max_members)));
        }
        let ruled = self.rule(Point::Create, || vec![Arg::Value(shown(&new, &others)), rule::user(actor)]).await?;
        let (mut new, mut others) = (new, others);
        if let Some(changed) = ruled.value() {
            rewrite(&mut new, &mut others, changed)?;
        }
        let (creator, through) = (actor.user.clone(), self.through());
        let created = self.store.write(move |tx| create(tx, &creator, new, &others, &through)).await;
        drop(ruled);
        created
    }

    /// Changes title, metadata or settings.
    ///
    /// # Errors
    /// `INVALID`, `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn update(&self, actor: &Actor, id: ConversationId, changes: Changes) -> Result<Overview, Error> {
        if let Some(Some(title)) = &changes.title {
            conversation::check_title(title)?;
        }
        self.seated_write(actor, id.clone(), move |tx, mut seated, now| {
            let conversation = &mut seated.seat.conversation;
            if conversation.kind == Kind::Direct {
                if changes.title.is_some() || changes.settings != SettingsChange::default() {
                    return Err(Error::forbidden("a direct conversation has no title and no settings").into());
                }
            } else {
                access::moderator(&seated.member)?;
            }
            change(tx, conversation, changes, now)?;
            Ok(tx.overview(&seated.seat, &seated.member)?)
        })
        .await
    }

    /// Deletes a conversation with all that was said in it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn delete_conversation(&self, actor: &Actor, id: ConversationId) -> Result<(), Error> {
        self.seated_write(actor, id.clone(), move |tx, seated, _| {
            access::owner(&seated.member)?;
            tx.delete_conversation(&id)?;
            tx.publish(Event::ConversationDeleted { conversation: id });
            Ok(())
        })
        .await
    }
}

pub(super) fn change(
    tx: &mut Tx<'_>,
    conversation: &mut Conversation,
    changes: Changes,
    now: Time,
) -> Result<(), Abort> {
    if let Some(title) = changes.title {
        conversation.title = title;
    }
    if let Some(metadata) = changes.metadata {
        conversation.metadata = metadata;
    }
    conversation.settings = conversation.settings.with(changes.settings);
    conversation.updated_at = now;
    tx.update_conversation(conversation)?;
    tx.publish(Event::ConversationUpdated { conversation: Arc::new(conversation.clone()) });
    Ok(())
}

/// A conversation that is to be, as plugins see it.
fn shown(new: &NewConversation, others: &[UserId]) -> Value {
    let metadata: Value = new.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(json!({}));
    json!({ "id": new.id, "type": new.kind.as_str(), "title": new.title, "members": others, "metadata": metadata })
}

/// Takes what a plugin may change: title, metadata, and of a group or channel the members.
fn rewrite(new: &mut NewConversation, others: &mut Vec<UserId>, changed: &Value) -> Result<(), Error> {
    match &changed["title"] {
        Value::String(title) => {
            conversation::check_title(title)?;
            new.title = Some(title.clone());
        }
        _ => new.title = None,
    }
    let metadata = changed["metadata"].as_object().filter(|fields| !fields.is_empty());
    let metadata = metadata.map(|fields| Value::from(fields.clone()).to_string());
    new.metadata = metadata.filter(|text| text.len() <= conversation::MAX_METADATA_BYTES);
    if new.kind != Kind::Direct
        && let Some(members) = changed["members"].as_array()
    {
        // No more than were there already: a plugin may leave somebody out.
        others.retain(|user| members.iter().any(|member| member.as_str() == Some(user.as_str())));
    }
    Ok(())
}

pub(super) fn create(
    tx: &mut Tx<'_>,
    creator: &UserId,
    new: NewConversation,
    others: &[UserId],
    through: &Through,
) -> Result<Overview, Abort> {
    let now = Time::now();
    if new.kind == Kind::Direct
        && let Some(id) = tx.direct(creator, &others[0])?
    {
        // Whoever left the conversation of two is brought back into it.
        let mut back = Vec::new();
        for user in [creator, &others[0]] {
            if tx.member(&id, user)?.is_none() {
                tx.add_member(&id, user, Role::Member, now)?;
                back.push(user.clone());
            }
        }
        return announce(tx, &id, creator, &back, now, through);
    }
    let id = new.id.unwrap_or_else(ConversationId::generate);
    if tx.conversation(&id)?.is_some() {
        return Err(Error::conflict("a conversation with this id exists").into());
    }
    let is_direct = new.kind == Kind::Direct;
    let empty = Conversation::new(id.clone(), new.kind, creator.clone(), now);
    let conversation = Conversation { title: new.title, metadata: new.metadata, ..empty };
    tx.create_conversation(&conversation, is_direct.then(|| (creator, &others[0])))?;
    tx.add_member(&id, creator, if is_direct { Role::Member } else { Role::Owner }, now)?;
    for user in others {
        tx.add_member(&id, user, Role::Member, now)?;
    }
    if let Some(conversation) = tx.conversation(&id)? {
        tx.publish(Event::ConversationCreated { conversation: Arc::new(conversation) });
    }
    let everybody: Vec<UserId> = std::iter::once(creator.clone()).chain(others.iter().cloned()).collect();
    announce(tx, &id, creator, &everybody, now, through)
}

/// Tells `users` that they are in, and those that `by` brought also in their inbox.
fn announce(
    tx: &mut Tx<'_>,
    id: &ConversationId,
    by: &UserId,
    users: &[UserId],
    now: Time,
    through: &Through,
) -> Result<Overview, Abort> {
    let seated = seat::take(tx, id, by, false, now)?;
    let conversation = Arc::new(seated.seat.conversation.clone());
    for user in users {
        tx.publish(Event::joined(&conversation, user));
        if user != by {
            notify::added(tx, &conversation, user, by, now, through)?;
        }
    }
    Ok(tx.overview(&seated.seat, &seated.member)?)
}
