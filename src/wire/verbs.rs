//! From requests to verbs, and from their replies to acknowledgements.

use serde::Serialize;
use serde_json::json;

use super::dispatch::Shared;
use super::payload::encode::{
    self, ConversationBody, MemberBody, MessageBody, NotificationBody, PresenceBody, ReactionsBody,
};
use super::payload::request::{MEMBER_CURSOR, Request};
use crate::chat::Arrival;
use crate::domain::error::Error;
use crate::domain::time::Time;
use crate::roster::packet::Packet;
use crate::session::Session;

/// Runs one verb; a send ends its turn once nothing can get before it. The answer is made only where the client asked
/// for one.
///
/// # Errors
/// What the verb refused.
pub async fn run(
    shared: &Shared,
    session: &Session,
    request: Request,
    arrival: Arrival,
    ack: Option<i64>,
) -> Result<Option<Packet>, Error> {
    let chat = &shared.chat;
    let actor = &session.actor;
    let device = &session.connection;
    Ok(match request {
        Request::Authenticate { token } => {
            let identity = shared.verifier.load_full().verify(&token).await?;
            let (token, issued_at) = (identity.token_id.as_deref(), identity.issued_at);
            chat.sanctions().may_enter(&identity.user, token, issued_at, Time::now())?;
            session.renew(&identity)?;
            ok(ack, &json!({ "userId": actor.user, "expiresAt": session.expires_at() }))
        }
        Request::Send(draft) => {
            let sent = chat.send(actor, draft, arrival).await?;
            ok(ack, &SentBody { message: MessageBody::from(&*sent.message), duplicate: sent.duplicate })
        }
        Request::Edit { message, content } => {
            let message = chat.edit(actor, message, content).await?;
            ok(ack, &OneMessage { message: MessageBody::from(&*message) })
        }
        Request::Delete { message } => {
            let message = chat.delete(actor, message).await?;
            ok(ack, &OneMessage { message: MessageBody::from(&*message) })
        }
        Request::React { message, emoji, remove } => {
            let reactions = chat.react(actor, message, emoji, remove).await?;
            ok(ack, &json!({ "reactions": ReactionsBody(&reactions) }))
        }
        Request::Delivered { message } => ok(ack, &json!({ "seq": chat.delivered(actor, message).await? })),
        Request::Read { message } => {
            let (seq, unread) = chat.read(actor, message).await?;
            ok(ack, &json!({ "seq": seq, "unread": unread }))
        }
        Request::History { conversation, after, before, limit } => {
            let page = chat.history(actor, conversation, after, before, limit).await?;
            ok(ack, &HistoryBody { messages: encode::messages(&page.messages), has_more: page.has_more })
        }
        Request::Search { words, conversation, before, limit } => {
            let (messages, next) = chat.search(actor, words, conversation, before, limit).await?;
            let cursor = next.map(|key| key.to_string());
            ok(ack, &FoundBody { messages: encode::messages(&messages), cursor })
        }
        Request::TypingStart { conversation } => {
            chat.typing_start(actor, conversation).await?;
            ok(ack, &json!({}))
        }
        Request::TypingStop { conversation } => {
            chat.typing_stop(actor, conversation).await?;
            ok(ack, &json!({}))
        }
        Request::Join { conversation } => {
            let joined = chat.join(device, actor, conversation).await?;
            let conversation = ConversationBody::from(&joined.overview);
            ok(ack, &JoinedBody { conversation, last_seq: joined.last_seq, unread: joined.unread })
        }
        Request::Leave { conversation } => {
            chat.leave(device, actor, conversation).await?;
            ok(ack, &json!({}))
        }
        Request::Create(new) => {
            let overview = chat.create(actor, new).await?;
            ok(ack, &OneConversation { conversation: ConversationBody::from(&overview) })
        }
        Request::Update { conversation, changes } => {
            let overview = chat.update(actor, conversation, changes).await?;
            ok(ack, &OneConversation { conversation: ConversationBody::from(&overview) })
        }
        Request::DeleteConversation { conversation } => {
            chat.delete_conversation(actor, conversation).await?;
            ok(ack, &json!({}))
        }
        Request::Conversations { after, limit } => {
            let (overviews, next) = chat.conversations(actor, after, limit).await?;
            let conversations: Vec<_> = overviews.iter().map(ConversationBody::from).collect();
            let cursor = next.map(|at| format!("{}.{}", at.active_at.0, at.key));
            ok(ack, &ConversationsBody { conversations, cursor })
        }
        Request::Members { conversation, after, limit } => {
            let (members, next) = chat.members(actor, conversation, after, limit).await?;
            let cursor = next.map(|user| format!("{MEMBER_CURSOR}{user}"));
            let members: Vec<_> = members.iter().map(MemberBody::from).collect();
            ok(ack, &MembersBody { members, cursor })
        }
        Request::MemberAdd { conversation, user, role } => {
            let member = chat.member_add(actor, conversation, user, role).await?;
            ok(ack, &OneMember { member: MemberBody::from(&member) })
        }
        Request::MemberRemove { conversation, user } => {
            let member = chat.member_remove(actor, conversation, user).await?;
            ok(ack, &OneMember { member: MemberBody::from(&member) })
        }
        Request::MemberUpdate { conversation, user, change } => {
            let member = chat.member_update(actor, conversation, user, change).await?;
            ok(ack, &OneMember { member: MemberBody::from(&member) })
        }
        Request::Status { status, text } => {
            let status = chat.set_status(actor, status, text).await?;
            ok(ack, &json!({ "status": status.as_str() }))
        }
        Request::Presence { users } => {
            let list = chat.presence(actor, users).await?;
            let presence: Vec<_> = list.iter().map(PresenceBody::from).collect();
            ok(ack, &json!({ "presence": presence }))
        }
        Request::Notifications { before, limit } => {
            let inbox = chat.notifications(actor, before, limit).await?;
            let notifications: Vec<_> = inbox.entries.iter().map(NotificationBody::from).collect();
            let cursor = inbox.next.map(|key| key.to_string());
            ok(ack, &InboxBody { notifications, cursor, unread: inbox.unread })
        }
        Request::ReadNotifications { one } => ok(ack, &json!({ "unread": chat.read_notifications(actor, one).await? })),
    })
}

fn ok<T: Serialize>(ack: Option<i64>, body: &T) -> Option<Packet> {
    ack.map(|ack| encode::ok(ack, body))
}

#[derive(Serialize)]
struct SentBody<'a> {
    message: MessageBody<'a>,
    duplicate: bool,
}

#[derive(Serialize)]
struct OneMessage<'a> {
    message: MessageBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HistoryBody<'a> {
    messages: Vec<MessageBody<'a>>,
    has_more: bool,
}

#[derive(Serialize)]
struct FoundBody<'a> {
    messages: Vec<MessageBody<'a>>,
    cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JoinedBody<'a> {
    conversation: ConversationBody<'a>,
    last_seq: u64,
    unread: u64,
}

#[derive(Serialize)]
struct OneConversation<'a> {
    conversation: ConversationBody<'a>,
}

#[derive(Serialize)]
struct ConversationsBody<'a> {
    conversations: Vec<ConversationBody<'a>>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct OneMember<'a> {
    member: MemberBody<'a>,
}

#[derive(Serialize)]
struct MembersBody<'a> {
    members: Vec<MemberBody<'a>>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct InboxBody<'a> {
    notifications: Vec<NotificationBody<'a>>,
    cursor: Option<String>,
    unread: u64,
}
