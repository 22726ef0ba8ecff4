//! From events to the devices that they concern: encoded once, handed over by reference.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::event::server;
use super::payload::encode::{ConversationBody, MarkBody, MessageBody, NotificationBody, ReactionBody, ReactionsBody};
use crate::chat::Chat;
use crate::domain::event::Event;
use crate::domain::id::{ConnectionId, ConversationId, UserId};
use crate::roster::connection::Connection;
use crate::roster::packet::Packet;

/// Delivers what comes out of one lane of the bus, in order, until the bus is closed.
pub async fn run(chat: Arc<Chat>, mut lane: mpsc::Receiver<Event>) {
    while let Some(event) = lane.recv().await {
        deliver(&chat, event);
    }
}

/// Hands one event over. Nothing here waits: a device that does not take it counts as behind.
fn deliver(chat: &Chat, event: Event) {
    match event {
        Event::MessageNew { message, origin } => {
            let Some(room) = chat.roster().room(&message.conversation) else { return };
            let packet = Packet::event(server::MESSAGE_NEW, &MessageBody::from(&*message));
            room.deliver_message(&message.conversation, &packet, message.seq, origin);
            chat.handed_over(&message);
        }
        Event::MessageUpdated { message, origin } => {
            let packet = Packet::event(server::MESSAGE_UPDATED, &MessageBody::from(&*message));
            to_followers(chat, &message.conversation, &packet, origin);
        }
        Event::MessageDeleted { message, origin } => {
            let packet = Packet::event(server::MESSAGE_DELETED, &MessageBody::from(&*message));
            to_followers(chat, &message.conversation, &packet, origin);
        }
        Event::Reaction { message, conversation, user, emoji, removed, reactions, origin } => {
            let body = ReactionBody {
                message_id: message,
                conversation_id: &conversation,
                user_id: &user,
                emoji: &emoji,
                removed,
                reactions: ReactionsBody(&reactions),
            };
            to_followers(chat, &conversation, &Packet::event(server::MESSAGE_REACTION, &body), origin);
        }
        Event::Delivered { to, mark } => {
            let packet = Packet::event(server::MESSAGE_DELIVERED, &MarkBody::Delivered(&mark));
            to_user(chat, &to, &packet, Some(&mark.conversation), None);
        }
        Event::Read { to, mark } => {
            let packet = Packet::event(server::MESSAGE_READ, &MarkBody::Read(&mark));
            to_user(chat, &to, &packet, Some(&mark.conversation), None);
        }
        Event::ReadElsewhere { mark, origin } => {
            let packet = Packet::event(server::MESSAGE_READ, &MarkBody::Read(&mark));
            to_user(chat, &mark.user, &packet, Some(&mark.conversation), origin);
        }
        Event::TypingStart { conversation, user } => typing(chat, server::TYPING_START, &conversation, &user),
        Event::TypingStop { conversation, user } => typing(chat, server::TYPING_STOP, &conversation, &user),
        Event::Online { user, status } => {
            let body = serde_json::json!({ "userId": user, "status": status.as_str() });
            let packet = Packet::event(server::USER_ONLINE, &body);
            chat.roster().peers(&user).iter().for_each(|peer| to_user(chat, peer, &packet, None, None));
        }
        Event::Offline { user, last_seen, to } => {
            let body = serde_json::json!({ "userId": user, "lastSeen": last_seen });
            let packet = Packet::event(server::USER_OFFLINE, &body);
            to.iter().for_each(|peer| to_user(chat, peer, &packet, None, None));
        }
        Event::ConversationUpdated { conversation } => {
            let packet = Packet::event(server::CONVERSATION_UPDATED, &ConversationBody::from(&*conversation));
            to_followers(chat, &conversation.id, &packet, None);
        }
        Event::ConversationDeleted { conversation } => {
            let packet = gone(&conversation);
            chat.roster()
                .members_here(&conversation)
                .iter()
                .for_each(|user| to_user(chat, user, &packet, Some(&conversation), None));
            chat.roster().conversation_deleted(&conversation);
        }
        Event::MemberAdded { conversation, user } => {
            let follow = chat.config().conversations.auto_join;
            chat.roster().member_added(&conversation.id, &user, follow);
            let packet = Packet::event(server::CONVERSATION_UPDATED, &ConversationBody::from(&*conversation));
            to_user(chat, &user, &packet, Some(&conversation.id), None);
        }
        Event::MemberRemoved { conversation, user } => {
            to_user(chat, &user, &gone(&conversation), Some(&conversation), None);
            chat.roster().member_removed(&conversation, &user);
        }
        Event::Notification { to, notification } => {
            let packet = Packet::event(server::NOTIFICATION_NEW, &NotificationBody::from(&*notification));
            to_user(chat, &to, &packet, None, None);
        }
    }
}

/// To all devices that follow the conversation but `origin`, which has the answer.
fn to_followers(chat: &Chat, conversation: &ConversationId, packet: &Packet, origin: Option<ConnectionId>) {
    if let Some(room) = chat.roster().room(conversation) {
        room.deliver(conversation, packet, |device| Some(device.id) != origin);
    }
}

/// To all devices of a user but `origin`. A device that misses it is told which conversation it was about, if any.
fn to_user(chat: &Chat, user: &UserId, packet: &Packet, about: Option<&ConversationId>, origin: Option<ConnectionId>) {
    for device in chat.roster().connections_of(user).iter().filter(|device| Some(device.id) != origin) {
        device.deliver(packet, about.map(|conversation| (conversation, None)));
    }
}

/// To the devices of the others.
fn typing(chat: &Chat, name: &'static str, conversation: &ConversationId, user: &UserId) {
    let Some(room) = chat.roster().room(conversation) else { return };
    let packet = Packet::event(name, &serde_json::json!({ "userId": user, "conversationId": conversation }));
    room.deliver(conversation, &packet, |device: &Connection| device.user != *user);
}

fn gone(conversation: &ConversationId) -> Packet {
    Packet::event(server::CONVERSATION_DELETED, &serde_json::json!({ "conversationId": conversation }))
}

/// Tells every device that was behind and has read enough what it missed. Called again and again.
pub fn catch_up(chat: &Chat) {
    for device in chat.roster().behind() {
        device
            .catch_up(|missed| Packet::event(server::SYNC_REQUIRED, &serde_json::json!({ "conversationIds": missed })));
    }
}
