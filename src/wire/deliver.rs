//! From events to the devices that they concern: encoded once, handed over by reference.

use std::sync::Arc;

use super::event::server;
use super::link::Link;
use super::output::corked;
use super::payload::encode::{
    ConversationBody, ErrorBody, MarkBody, MessageBody, NotificationBody, ReactionBody, ReactionsBody,
};
use crate::bus::{Batch, Lane};
use crate::chat::Chat;
use crate::chat::tally::Eviction;
use crate::domain::event::Event;
use crate::domain::id::{ConnectionId, ConversationId, UserId};
use crate::domain::message::Message;
use crate::roster::connection::Connection;
use crate::roster::packet::Packet;

/// Packets handed over before they are written.
const PACKETS_PER_TURN: usize = 16 * 1024;

/// Devices written to before other tasks have their turn.
const DEVICES_PER_TURN: usize = 64;

/// Delivers what comes out of one lane of the bus, in order, until the bus is closed.
pub async fn run(chat: Arc<Chat>, mut lane: Lane) {
    while let Some(batch) = lane.next().await {
        for links in hand_over(&chat, &mut lane, batch).await.chunks(DEVICES_PER_TURN) {
            links.iter().for_each(|link| link.flush());
            tokio::task::yield_now().await;
        }
    }
}

/// Hands over `batch` and what comes meanwhile, so that a device that gets several packets gets them in one write, and
/// gives back the connections that are to be written.
async fn hand_over(chat: &Chat, lane: &mut Lane, batch: Batch) -> Vec<Arc<Link>> {
    let (mut handed, mut links, mut waited) = (0, Vec::new(), false);
    let mut next = Some(batch);
    loop {
        if let Some(batch) = next {
            links.append(&mut corked(|| {
                let told = batch.events.into_iter().map(|event| deliver(chat, event)).sum::<usize>();
                chat.tally().delivered(told);
                handed += told;
            }));
        }
        if handed >= PACKETS_PER_TURN {
            return links;
        }
        next = lane.try_next();
        if next.is_none() {
            if waited {
                return links;
            }
            // Those who are about to publish do it now.
            waited = true;
            tokio::task::yield_now().await;
        }
    }
}

/// Hands one event over, and tells to how many devices. Nothing here waits: a device that does not take it counts as
/// behind.
fn deliver(chat: &Chat, event: Event) -> usize {
    chat.watch().show(&event);
    match event {
        Event::MessageNew { message, origin, received } => {
            let Some(room) = chat.roster().room(&message.conversation) else { return 0 };
            let packet = Packet::event(server::MESSAGE_NEW, &MessageBody::from(&*message));
            let told = room.deliver_message(&message.conversation, &packet, message.seq, origin);
            chat.handed_over(&message);
            chat.tally().handed_over(received.elapsed(), told);
            told
        }
        Event::MessageUpdated { message, origin } => {
            let packet = Packet::event(server::MESSAGE_UPDATED, &MessageBody::from(&*message));
            to_readers(chat, &message, &packet, origin)
        }
        Event::MessageDeleted { message, origin } => {
            let packet = Packet::event(server::MESSAGE_DELETED, &MessageBody::from(&*message));
            to_readers(chat, &message, &packet, origin)
        }
        Event::MessageAside { message, origin, .. } => {
            let packet = Packet::event(server::MESSAGE_NEW, &MessageBody::from(&*message));
            to_readers(chat, &message, &packet, origin)
        }
        Event::Answer { to, message } => {
            let packet = Packet::event(server::MESSAGE_NEW, &MessageBody::from(&*message));
            to_user(chat, &to, &packet, None, None)
        }
        Event::Custom { to, event, data } => to_user(chat, &to, &Packet::custom(event, &*data), None, None),
        Event::Shout { conversation, event, data } => {
            to_followers(chat, &conversation, &Packet::custom(event, &*data), None)
        }
        Event::Proposed(proposal) => {
            chat.propose(*proposal);
            0
        }
        Event::Heard(call) => {
            chat.hear(*call);
            0
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
            to_followers(chat, &conversation, &Packet::event(server::MESSAGE_REACTION, &body), origin)
        }
        Event::Delivered { to, mark } => {
            let packet = Packet::event(server::MESSAGE_DELIVERED, &MarkBody::Delivered(&mark));
            to_user(chat, &to, &packet, Some(&mark.conversation), None)
        }
        Event::Read { to, mark } => {
            let packet = Packet::event(server::MESSAGE_READ, &MarkBody::Read(&mark));
            to_user(chat, &to, &packet, Some(&mark.conversation), None)
        }
        Event::ReadElsewhere { mark, origin } => {
            let packet = Packet::event(server::MESSAGE_READ, &MarkBody::Read(&mark));
            to_user(chat, &mark.user, &packet, Some(&mark.conversation), origin)
        }
        Event::TypingStart { conversation, user } => typing(chat, server::TYPING_START, &conversation, &user),
        Event::TypingStop { conversation, user } => typing(chat, server::TYPING_STOP, &conversation, &user),
        Event::Online { user, status } => {
            let body = serde_json::json!({ "userId": user, "status": status.as_str() });
            let packet = Packet::event(server::USER_ONLINE, &body);
            chat.roster().peers(&user).iter().map(|peer| to_user(chat, peer, &packet, None, None)).sum()
        }
        Event::Offline { user, last_seen, to } => {
            let body = serde_json::json!({ "userId": user, "lastSeen": last_seen });
            let packet = Packet::event(server::USER_OFFLINE, &body);
            to.iter().map(|peer| to_user(chat, peer, &packet, None, None)).sum()
        }
        // Whom it concerns is told by other events.
        Event::ConversationCreated { .. } | Event::MemberUpdated { .. } => 0,
        Event::ConversationUpdated { conversation } => {
            let packet = Packet::event(server::CONVERSATION_UPDATED, &ConversationBody::from(&*conversation));
            to_followers(chat, &conversation.id, &packet, None)
        }
        Event::ConversationDeleted { conversation } => {
            let packet = gone(&conversation);
            let members = chat.roster().members_here(&conversation);
            let told = members.iter().map(|user| to_user(chat, user, &packet, Some(&conversation), None)).sum();
            chat.roster().conversation_deleted(&conversation);
            told
        }
        Event::MemberAdded { conversation, user, .. } => {
            let follow = chat.config().conversations.auto_join;
            chat.roster().member_added(&conversation.id, &user, follow);
            let packet = Packet::event(server::CONVERSATION_UPDATED, &ConversationBody::from(&*conversation));
            to_user(chat, &user, &packet, Some(&conversation.id), None)
        }
        Event::MemberRemoved { conversation, user, .. } => {
            let told = to_user(chat, &user, &gone(&conversation), Some(&conversation), None);
            chat.roster().member_removed(&conversation, &user);
            told
        }
        Event::Dismissed { user, device, connection, error } => {
            let packet = Packet::event(server::ERROR, &ErrorBody::of(&error));
            let devices = chat.roster().connections_of(&user);
            let meant = devices
                .iter()
                .filter(|one| connection.is_none_or(|id| one.id == id) && (device.is_none() || one.device == device));
            let dismissed = meant.map(|one| dismiss(one, &packet)).count();
            (0..dismissed).for_each(|_| chat.tally().evicted(Eviction::Kicked));
            dismissed
        }
        Event::Notification { to, notification } => {
            let packet = Packet::event(server::NOTIFICATION_NEW, &NotificationBody::from(&*notification));
            to_user(chat, &to, &packet, None, None)
        }
    }
}

/// Tells a device why, and disconnects it.
fn dismiss(device: &Connection, packet: &Packet) {
    device.answer(packet);
    device.disconnect();
    tracing::info!(connection.id = %device.id, user.id = %device.user, "dismissed");
}

/// To all devices that follow the conversation but `origin`, which has the answer.
fn to_followers(chat: &Chat, conversation: &ConversationId, packet: &Packet, origin: Option<ConnectionId>) -> usize {
    let Some(room) = chat.roster().room(conversation) else { return 0 };
    room.deliver(conversation, packet, |device| Some(device.id) != origin)
}

/// To everybody who sees the message but `origin`: of one outside of the order, its sender alone.
fn to_readers(chat: &Chat, message: &Message, packet: &Packet, origin: Option<ConnectionId>) -> usize {
    match message.place() {
        Some(_) => to_followers(chat, &message.conversation, packet, origin),
        None => to_user(chat, &message.sender, packet, Some(&message.conversation), origin),
    }
}

/// To all devices of a user but `origin`. A device that misses it is told which conversation it was about, if any.
fn to_user(
    chat: &Chat,
    user: &UserId,
    packet: &Packet,
    about: Option<&ConversationId>,
    origin: Option<ConnectionId>,
) -> usize {
    let devices = chat.roster().connections_of(user);
    for device in devices.iter().filter(|device| Some(device.id) != origin) {
        device.deliver(packet, about.map(|conversation| (conversation, None)));
    }
    devices.len()
}

/// To the devices of the others.
fn typing(chat: &Chat, name: &'static str, conversation: &ConversationId, user: &UserId) -> usize {
    let Some(room) = chat.roster().room(conversation) else { return 0 };
    let packet = Packet::event(name, &serde_json::json!({ "userId": user, "conversationId": conversation }));
    room.deliver(conversation, &packet, |device: &Connection| device.user != *user)
}

fn gone(conversation: &ConversationId) -> Packet {
    Packet::event(server::CONVERSATION_DELETED, &serde_json::json!({ "conversationId": conversation }))
}

/// Tells every device that was behind and has read enough what it missed. Called again and again.
pub fn catch_up(chat: &Chat) {
    for device in chat.roster().behind() {
        let told = device
            .catch_up(|missed| Packet::event(server::SYNC_REQUIRED, &serde_json::json!({ "conversationIds": missed })));
        if told {
            chat.tally().resynced();
        }
    }
}
