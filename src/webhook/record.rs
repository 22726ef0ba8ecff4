//! From events of the chat to what applications are told: encoded once, in the commit that brought them about.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use super::kind::{Kind, Kinds};
use crate::domain::event::Event;
use crate::domain::id::{ConversationId, EventId, UserId};
use crate::domain::message::Message;
use crate::domain::time::Time;
use crate::roster::Roster;
use crate::store::error::Error;
use crate::store::{Entry, Query, Recorder};
use crate::wire::payload::encode::{
    ConversationBody, KnownDeviceBody, MemberBody, MessageBody, NotificationBody, ReactionBody, ReactionsBody,
};

/// What any webhook wants to hear: one look at a number, where none wants anything.
#[derive(Clone, Default)]
pub struct Wanted(Arc<AtomicU32>);

impl Wanted {
    pub fn set(&self, kinds: Kinds) {
        self.0.store(kinds.0, Ordering::Relaxed);
    }

    /// What `event` is called outside, where it is wanted.
    fn kind_of(&self, event: &Event) -> Option<Kind> {
        let wanted = Kinds(self.0.load(Ordering::Relaxed));
        if wanted.is_empty() { None } else { kind_of(event).filter(|kind| wanted.has(*kind)) }
    }
}

/// Fills the outbox.
pub struct Clerk {
    pub wanted: Wanted,
    pub roster: Arc<Roster>,
    /// The last key of the outbox, for those who wait for more.
    pub newest: Arc<watch::Sender<i64>>,
}

impl Recorder for Clerk {
    fn wants(&self, event: &Event) -> bool {
        self.wanted.kind_of(event).is_some()
    }

    fn entry(&self, event: &Event, query: &Query<'_>) -> Result<Option<Entry>, Error> {
        let Some(kind) = self.wanted.kind_of(event) else { return Ok(None) };
        let at = Time::now();
        let body = self.body(kind, at, event, query)?;
        Ok(Some(Entry { id: EventId::generate(), kind: kind.as_str(), lane: event.key().to_owned(), body, at }))
    }

    fn recorded(&self, last: i64) {
        self.newest.send_replace(last);
    }
}

/// What an event is called outside. Of messages outside of the order nobody hears but who moderates them.
fn kind_of(event: &Event) -> Option<Kind> {
    let of_order = |message: &Message, kind| message.place().map(|_| kind);
    match event {
        Event::MessageNew { .. } => Some(Kind::MessageCreated),
        Event::MessageUpdated { message, .. } => of_order(message, Kind::MessageUpdated),
        Event::MessageDeleted { message, .. } => of_order(message, Kind::MessageDeleted),
        Event::MessageAside { hold, .. } => hold.as_ref().map(|_| Kind::ModerationHeld),
        Event::Reaction { .. } => Some(Kind::MessageReaction),
        Event::ConversationCreated { .. } => Some(Kind::ConversationCreated),
        Event::ConversationUpdated { .. } => Some(Kind::ConversationUpdated),
        Event::ConversationDeleted { .. } => Some(Kind::ConversationDeleted),
        Event::MemberAdded { after_ban: false, .. } => Some(Kind::MemberAdded),
        Event::MemberRemoved { by_ban: false, .. } => Some(Kind::MemberRemoved),
        Event::MemberUpdated { .. } => Some(Kind::MemberUpdated),
        Event::Online { .. } => Some(Kind::UserOnline),
        Event::Offline { .. } => Some(Kind::UserOffline),
        Event::Notification { .. } => Some(Kind::NotificationCreated),
        Event::MemberAdded { .. }
        | Event::MemberRemoved { .. }
        | Event::Delivered { .. }
        | Event::Read { .. }
        | Event::ReadElsewhere { .. }
        | Event::TypingStart { .. }
        | Event::TypingStop { .. }
        | Event::Dismissed { .. }
        | Event::Answer { .. }
        | Event::Proposed(_)
        | Event::Heard(_)
        | Event::Shout { .. }
        | Event::Custom { .. } => None,
    }
}

#[derive(Serialize)]
struct Body<'a, T: Serialize> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Time,
    data: T,
}

/// `{"type":…,"timestamp":…,"data":…}`
pub fn envelope<T: Serialize>(kind: &str, timestamp: Time, data: T) -> String {
    serde_json::to_string(&Body { kind, timestamp, data }).expect("payloads have string keys and no failing serialiser")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Membership<'a> {
    conversation_id: &'a ConversationId,
    user_id: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<ConversationBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<MemberBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notified<'a> {
    user_id: &'a UserId,
    notification: NotificationBody<'a>,
    /// Names of the devices that are connected and have it already: a push is for the others.
    devices: BTreeSet<String>,
    connections: usize,
    absent: Vec<KnownDeviceBody>,
}

impl Clerk {
    fn body(&self, kind: Kind, at: Time, event: &Event, query: &Query<'_>) -> Result<String, Error> {
        let name = kind.as_str();
        Ok(match event {
            Event::MessageNew { message, .. }
            | Event::MessageUpdated { message, .. }
            | Event::MessageDeleted { message, .. } => envelope(name, at, MessageBody::from(&**message)),
            Event::MessageAside { message, hold, .. } => {
                let (plugin, reason) = hold.as_ref().map(|hold| (&*hold.plugin, hold.reason.as_str())).unzip();
                let message = MessageBody::from(&**message);
                envelope(name, at, json!({ "message": message, "plugin": plugin, "reason": reason }))
            }
            Event::Reaction { message, conversation, user, emoji, removed, reactions, .. } => {
                let reactions = ReactionsBody(reactions);
                let (message_id, conversation_id, user_id, removed) = (*message, conversation, user, *removed);
                envelope(name, at, ReactionBody { message_id, conversation_id, user_id, emoji, removed, reactions })
            }
            Event::ConversationCreated { conversation } | Event::ConversationUpdated { conversation } => {
                envelope(name, at, ConversationBody::from(&**conversation))
            }
            Event::MemberAdded { conversation, user, .. } => {
                let (conversation_id, shown) = (&conversation.id, Some(ConversationBody::from(&**conversation)));
                envelope(name, at, Membership { conversation_id, user_id: user, conversation: shown, member: None })
            }
            Event::MemberUpdated { conversation, member } => {
                let (conversation_id, user_id) = (conversation, &member.user);
                let member = Some(MemberBody::from(&**member));
                envelope(name, at, Membership { conversation_id, user_id, conversation: None, member })
            }
            Event::MemberRemoved { conversation, user, .. } => {
                let (conversation_id, user_id) = (conversation, user);
                envelope(name, at, Membership { conversation_id, user_id, conversation: None, member: None })
            }
            Event::Online { user, status } => envelope(name, at, json!({ "userId": user, "status": status.as_str() })),
            Event::Offline { user, last_seen, .. } => {
                envelope(name, at, json!({ "userId": user, "lastSeen": last_seen }))
            }
            Event::Notification { to, notification } => {
                let here = self.roster.connections_of(to);
                let devices: BTreeSet<_> = here.iter().filter_map(|device| device.device.clone()).collect();
                let away = query.devices(to, at)?.into_iter().filter(|known| !devices.contains(&known.name));
                let (absent, connections) = (away.map(KnownDeviceBody::from).collect(), here.len());
                let notification = NotificationBody::from(&**notification);
                envelope(name, at, Notified { user_id: to, notification, devices, connections, absent })
            }
            // A conversation that is gone: no event is wanted that stands nowhere above.
            gone => envelope(name, at, json!({ "conversationId": gone.key() })),
        })
    }
}
