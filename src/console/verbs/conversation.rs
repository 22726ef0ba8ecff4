//! `conversation.*`

use serde_json::{Value, json};

use super::near;
use crate::admin::answer::{LiveConversation, LiveConversations};
use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::chat::NewConversation;
use crate::console::{Console, conversation_id, refused, user_id};
use crate::domain::conversation::Kind;
use crate::domain::id::ConversationId;
use crate::roster::room::Room;
use crate::store::ConversationFilter;
use crate::wire::payload::encode::{ConversationBody, MemberBody, MessageBody, messages};

/// Conversations, members or messages of one page at most.
const MAX_PAGE: u32 = 1_000;
const MAX_MESSAGES: u32 = 200;
/// Live conversations of one list at most.
const MAX_LIVE: u32 = 10_000;

pub async fn list(console: &Console, request: request::ConversationList) -> Result<Value, Failure> {
    let limit = request.limit.clamp(1, MAX_PAGE);
    let filter = ConversationFilter {
        prefix: request.prefix,
        kind: request.kind.as_deref().map(kind).transpose()?,
        member: request.user.as_deref().map(user_id).transpose()?,
        after: request.after,
        limit: limit + 1,
    };
    let mut found = console.chat.all_conversations(filter).await.map_err(refused)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    let conversations: Vec<_> = found.iter().map(ConversationBody::from).collect();
    Ok(json!({ "conversations": conversations, "next": next }))
}

fn kind(text: &str) -> Result<Kind, Failure> {
    Kind::parse(text).ok_or_else(|| Failure::bad_params(format!("type: expected {}, not \"{text}\"", Kind::NAMES)))
}

pub fn live(console: &Console, request: &request::ConversationLive) -> LiveConversations {
    let line = |id: &ConversationId, room: &Room| LiveConversation {
        conversation: id.to_string(),
        followers: room.followers(),
        users_here: room.users_here(),
        messages: room.messages(),
    };
    let mut conversations = console.chat.roster().each_room(line);
    let total = conversations.len();
    conversations.sort_by_key(|one| std::cmp::Reverse(one.messages));
    conversations.truncate(request.limit.clamp(1, MAX_LIVE) as usize);
    LiveConversations { conversations, total }
}

pub async fn show(console: &Console, request: request::Conversation) -> Result<Value, Failure> {
    let id = conversation_id(&request.conversation)?;
    let conversation = match console.chat.look_at(id.clone()).await {
        Ok(conversation) => conversation,
        Err(error) => return Err(near::conversation(console, id.as_str(), error).await),
    };
    let followers = console.chat.roster().room(&id).map_or(0, |room| room.followers());
    let users_here = console.chat.roster().members_here(&id).len();
    let body = ConversationBody::from(&conversation);
    Ok(json!({ "conversation": body, "followers": followers, "usersHere": users_here }))
}

pub async fn create(console: &Console, request: request::ConversationCreate) -> Result<Value, Failure> {
    let new = NewConversation {
        id: request.id.as_deref().map(conversation_id).transpose()?,
        kind: kind(&request.kind)?,
        title: request.title,
        members: request.members.iter().map(|member| user_id(member)).collect::<Result<_, _>>()?,
        metadata: None,
    };
    let owner = user_id(&request.owner)?;
    let created = console.chat.create_for(owner, new).await.map_err(refused)?;
    Ok(json!(ConversationBody::from(&created.conversation)))
}

pub async fn delete(console: &Console, request: request::Conversation) -> Result<Value, Failure> {
    let id = conversation_id(&request.conversation)?;
    match console.chat.close_conversation(id.clone()).await {
        Ok(deleted) => Ok(json!({ "id": id, "messages": deleted.last_seq + 1 - deleted.first_seq })),
        Err(error) => Err(near::conversation(console, id.as_str(), error).await),
    }
}

pub async fn members(console: &Console, request: request::ConversationMembers) -> Result<Value, Failure> {
    let id = conversation_id(&request.conversation)?;
    let limit = request.limit.clamp(1, MAX_PAGE);
    let mut found = match console.chat.all_members(id.clone(), request.after, limit + 1).await {
        Ok(found) => found,
        Err(error) => return Err(near::conversation(console, id.as_str(), error).await),
    };
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.user.to_string());
    let members: Vec<_> = found.iter().map(MemberBody::from).collect();
    Ok(json!({ "members": members, "next": next }))
}

pub async fn history(console: &Console, request: request::ConversationHistory) -> Result<Value, Failure> {
    let id = conversation_id(&request.conversation)?;
    let limit = request.limit.clamp(1, MAX_MESSAGES);
    match console.chat.read_over(id.clone(), request.after, request.before, limit).await {
        Ok(page) => Ok(json!({ "messages": messages(&page.messages), "hasMore": page.has_more })),
        Err(error) => Err(near::conversation(console, id.as_str(), error).await),
    }
}

pub async fn send(console: &Console, request: request::ConversationSend) -> Result<Value, Failure> {
    let id: ConversationId = conversation_id(&request.conversation)?;
    let sender = user_id(&request.sender)?;
    match console.chat.announce(sender, id.clone(), request.content).await {
        Ok(message) => Ok(json!(MessageBody::from(&*message))),
        Err(error) => Err(near::conversation(console, id.as_str(), error).await),
    }
}
