//! `/conversations` and their members.

use serde_json::{Value, json};

use super::super::Api;
use super::super::call::{self, Call, MAX_LIMIT};
use super::super::reply::Reply;
use super::Outcome;
use crate::chat::MemberChange;
use crate::domain::access::Role;
use crate::domain::conversation::Kind;
use crate::domain::error::Error;
use crate::domain::id::UserId;
use crate::store::ConversationFilter;
use crate::wire::payload::encode::{ConversationBody, MemberBody};
use crate::wire::payload::fields::Fields;
use crate::wire::payload::request;

/// Members of one request.
const MAX_MEMBERS: usize = 1_000;

pub async fn list(api: &Api, call: &mut Call) -> Outcome {
    let (limit, after) = (call.limit(MAX_LIMIT)?, call.name_cursor()?);
    let kind = call.query("type").map(|text| Kind::parse(&text).ok_or_else(|| Error::invalid("type", Kind::NAMES)));
    let (kind, prefix, member) = (kind.transpose()?, call.query("prefix"), call.query_user("member")?);
    call.finish()?;
    let filter = ConversationFilter { prefix, kind, member, after, limit: limit + 1 };
    let mut found = api.chat().all_conversations(filter).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = if more { found.last().map(|one| call::after(one.id.as_str())) } else { None };
    let conversations: Vec<_> = found.iter().map(ConversationBody::from).collect();
    Ok(Reply::ok(&json!({ "conversations": conversations, "cursor": cursor })))
}

/// As `conversation:create` of its owner; the direct conversation of a pair that has one already is that one.
pub async fn create(api: &Api, call: &mut Call) -> Outcome {
    let fields = call.body()?;
    let owner = fields.optional_user("ownerId")?;
    let owner = owner.ok_or_else(|| Error::invalid("ownerId", "the id of the user whose conversation it is"))?;
    let new = request::new_conversation(fields)?;
    call.finish()?;
    let actor = call::acting(api.chat(), owner)?;
    let overview = api.chat().create_as(&actor, new).await?;
    Ok(Reply::created(&json!({ "conversation": ConversationBody::from(&overview.conversation) })))
}

pub async fn show(api: &Api, call: &mut Call) -> Outcome {
    let id = call.conversation()?;
    call.finish()?;
    let conversation = api.chat().look_at(id).await?;
    Ok(Reply::ok(&json!({ "conversation": ConversationBody::from(&conversation) })))
}

pub async fn update(api: &Api, call: &mut Call) -> Outcome {
    let id = call.conversation()?;
    let changes = request::changes(call.body()?)?;
    call.finish()?;
    let conversation = api.chat().alter(id, changes).await?;
    Ok(Reply::ok(&json!({ "conversation": ConversationBody::from(&conversation) })))
}

pub async fn delete(api: &Api, call: &mut Call) -> Outcome {
    let id = call.conversation()?;
    call.finish()?;
    api.chat().close_conversation(id).await?;
    Ok(Reply::ok(&json!({})))
}

pub async fn members(api: &Api, call: &mut Call) -> Outcome {
    let (id, limit, after) = (call.conversation()?, call.limit(MAX_LIMIT)?, call.name_cursor()?);
    call.finish()?;
    let mut found = api.chat().all_members(id, after, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = if more { found.last().map(|one| call::after(one.user.as_str())) } else { None };
    let members: Vec<_> = found.iter().map(MemberBody::from).collect();
    Ok(Reply::ok(&json!({ "members": members, "cursor": cursor })))
}

/// Many at once: all of them come in, or none does.
pub async fn add_members(api: &Api, call: &mut Call) -> Outcome {
    let id = call.conversation()?;
    let listed = call.body()?.take("members");
    call.finish()?;
    let expected = || Error::invalid("members", format_args!("an array of 1 to {MAX_MEMBERS} objects"));
    let Some(Value::Array(list)) = listed.filter(|list| list.as_array().is_some_and(|list| !list.is_empty())) else {
        return Err(expected());
    };
    if list.len() > MAX_MEMBERS {
        return Err(expected());
    }
    let mut users: Vec<(UserId, Role)> = Vec::with_capacity(list.len());
    for entry in list {
        let mut fields = Fields::of(entry).map_err(|_| expected())?;
        let (user, role) = (fields.user()?, request::role(&mut fields)?.unwrap_or(Role::Member));
        fields.finish("members.")?;
        if role == Role::Owner {
            return Err(Error::invalid(
                "members.role",
                "a role but \"owner\": there is one, whom a change of role makes",
            ));
        }
        if users.iter().all(|(known, _)| *known != user) {
            users.push((user, role));
        }
    }
    let members = api.chat().enlist(id, users).await?;
    let members: Vec<_> = members.iter().map(MemberBody::from).collect();
    Ok(Reply::ok(&json!({ "members": members })))
}

pub async fn remove_members(api: &Api, call: &mut Call) -> Outcome {
    let id = call.conversation()?;
    let users = call.body()?.users("userIds", MAX_MEMBERS)?;
    call.finish()?;
    let users = users.filter(|users| !users.is_empty());
    let users =
        users.ok_or_else(|| Error::invalid("userIds", format_args!("an array of 1 to {MAX_MEMBERS} user ids")))?;
    let removed = api.chat().discharge(id, users).await?;
    Ok(Reply::ok(&json!({ "removed": removed })))
}

pub async fn update_member(api: &Api, call: &mut Call) -> Outcome {
    let (id, target) = (call.conversation()?, call.user()?);
    let fields = call.body()?;
    let change = MemberChange {
        role: request::role(fields)?,
        muted_until: fields.nullable_time("mutedUntil")?,
        banned_until: fields.nullable_time("bannedUntil")?,
    };
    call.finish()?;
    let member = api.chat().appoint(id, target, change).await?;
    Ok(Reply::ok(&json!({ "member": MemberBody::from(&member) })))
}

pub async fn remove_member(api: &Api, call: &mut Call) -> Outcome {
    let (id, target) = (call.conversation()?, call.user()?);
    call.finish()?;
    match api.chat().discharge(id, vec![target]).await? {
        0 => Err(Error::not_found("member")),
        _ => Ok(Reply::ok(&json!({}))),
    }
}
