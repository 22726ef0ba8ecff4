//! What plugins want done, done in its order; and the notifications that they decide on, one after the other.
//!
//! It is done apart from the events that led to it: nobody waits for it, and what it brings about leaves through the
//! same verbs and the same bus.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::poll;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::member::MemberChange;
use super::operate::Whom;
use super::{Chat, notify, rule};
use crate::domain::error::Error;
use crate::domain::event::{Event, Proposal};
use crate::domain::hooks::{Arg, Call, Deed, Effect, Origin, Person, Point, Verdict};
use crate::domain::id::{ConversationId, NotificationId, UserId};
use crate::domain::message::{Draft, MessageType};
use crate::domain::notification::Notification;
use crate::domain::sanction::Term;
use crate::domain::time::Time;

/// What may wait to be done.
const MAX_WAITING: usize = 262_144;
/// Deeds on their way into the store.
const MAX_IN_FLIGHT: usize = 64;

#[derive(Debug)]
pub enum Work {
    Effects(Vec<Effect>),
    Propose(Box<Proposal>),
    /// Answered when all that came before is done.
    Settled(oneshot::Sender<()>),
}

pub fn channel() -> (mpsc::Sender<Work>, mpsc::Receiver<Work>) {
    mpsc::channel(MAX_WAITING)
}

/// What plugins want done once an event is over: when this is dropped.
#[derive(Debug, Default)]
pub struct Wanted {
    effects: Vec<Effect>,
    to: Option<mpsc::Sender<Work>>,
}

impl Wanted {
    pub fn extend(&mut self, effects: Vec<Effect>) {
        self.effects.extend(effects);
    }

    /// Nothing is done.
    pub fn forget(mut self) {
        self.effects.clear();
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        if let Some(to) = &self.to
            && !self.effects.is_empty()
        {
            enqueue(to, Work::Effects(std::mem::take(&mut self.effects)));
        }
    }
}

fn enqueue(to: &mpsc::Sender<Work>, work: Work) {
    if to.try_send(work).is_err() {
        tracing::warn!("too much of what plugins want done waits: something was left out");
    }
}

type Doing<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl Chat {
    /// Notes what plugins want done.
    pub fn post(&self, effects: Vec<Effect>) {
        self.wanted().extend(effects);
    }

    /// Where what plugins want done is gathered.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted { effects: Vec::new(), to: Some(self.aftermath.clone()) }
    }

    /// Takes a notification that plugins decide on.
    pub fn propose(&self, proposal: Proposal) {
        enqueue(&self.aftermath, Work::Propose(Box::new(proposal)));
    }

    /// Does what comes out of `waiting`, until it is closed.
    pub async fn see_to(&self, mut waiting: mpsc::Receiver<Work>) {
        let mut in_flight: VecDeque<Doing<'_>> = VecDeque::new();
        loop {
            let next = match in_flight.front_mut() {
                None => waiting.recv().await,
                Some(first) => tokio::select! {
                    biased;
                    () = first => {
                        in_flight.pop_front();
                        continue;
                    }
                    next = waiting.recv() => next,
                },
            };
            match next {
                None => break,
                Some(Work::Settled(reply)) => {
                    while let Some(doing) = in_flight.pop_front() {
                        doing.await;
                    }
                    // What that brought about is done first; as plugins do not hear of it for ever, there is an end.
                    let reply = match waiting.is_empty() {
                        true => Some(reply),
                        false => match self.aftermath.try_send(Work::Settled(reply)) {
                            Err(
                                TrySendError::Full(Work::Settled(reply)) | TrySendError::Closed(Work::Settled(reply)),
                            ) => Some(reply),
                            _ => None,
                        },
                    };
                    if let Some(reply) = reply {
                        // Whoever asked may have given up.
                        let _ = reply.send(());
                    }
                }
                Some(Work::Effects(effects)) => {
                    begin(Box::pin(self.carry_out(effects)), &mut in_flight).await;
                }
                Some(Work::Propose(proposal)) => {
                    begin(Box::pin(self.announce_unless_denied(*proposal)), &mut in_flight).await;
                }
            }
        }
    }

    /// Waits until what was noted so far is done.
    pub async fn settle_aftermath(&self) {
        let (reply, done) = oneshot::channel();
        if self.aftermath.send(Work::Settled(reply)).await.is_ok() {
            // Nobody sees to it any more: then nothing will be done either.
            let _ = done.await;
        }
    }

    /// Does what one call of a plugin wants, one thing after the other.
    async fn carry_out(&self, effects: Vec<Effect>) {
        for Effect { origin, deed } in effects {
            let what = deed.name();
            if let Err(error) = self.do_deed(deed, &origin).await {
                let plugin = origin.plugin.as_deref().unwrap_or_default();
                tracing::warn!(plugin, error.code = error.code(), "{what} came to nothing: {}", error.message);
            }
        }
    }

    async fn do_deed(&self, deed: Deed, origin: &Origin) -> Result<(), Error> {
        match deed {
            Deed::Send { conversation, content, sender, kind, reply_to, metadata } => {
                let draft = Draft {
                    conversation,
                    content,
                    kind: MessageType::stored(&kind),
                    client_id: None,
                    reply_to,
                    attachments: None,
                    metadata,
                };
                self.speak(sender, draft, origin).await.map(drop)
            }
            Deed::Notify { user, kind, title, message, data } => {
                let notification = Notification {
                    id: NotificationId::generate(),
                    kind,
                    title,
                    message,
                    count: None,
                    conversation: None,
                    message_id: None,
                    data,
                    created_at: Time::now(),
                    read_at: None,
                };
                let origin = origin.clone();
                let proposal = Proposal { to: user, notification, counts: false, message: None, origin };
                self.announce_unless_denied(proposal).await;
                Ok(())
            }
            Deed::Emit { user, event, data } => {
                self.emit(user, event, data).await;
                Ok(())
            }
            Deed::Kick { user, reason } => {
                let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
                self.kick(&user, Whom::All, reason).await;
                Ok(())
            }
            Deed::Mute { user, conversation, span } => {
                let until = Time::now().saturating_add(span);
                match conversation {
                    Some(conversation) => {
                        let change = MemberChange { muted_until: Some(Some(until)), ..MemberChange::default() };
                        self.sanction_member(conversation, user, change).await.map(drop)
                    }
                    None => self.mute(&user, Term { until: Some(until), reason: None }).await,
                }
            }
            Deed::React { message, emoji, user } => self.react_as(user, message, emoji).await,
        }
    }

    /// Sends an event of anybody's own to all devices of a user; how many there are.
    pub async fn emit(&self, user: UserId, event: String, data: serde_json::Value) -> usize {
        let devices = self.roster.connections_of(&user).len();
        if devices > 0 {
            self.bus.publish(Event::Custom { to: user, event, data: Arc::new(data) }).await;
        }
        devices
    }

    /// Sends an event of anybody's own to all devices that follow a conversation; how many there are.
    pub async fn shout(&self, conversation: ConversationId, event: String, data: serde_json::Value) -> usize {
        let devices = self.roster.room(&conversation).map_or(0, |room| room.followers());
        if devices > 0 {
            self.bus.publish(Event::Shout { conversation, event, data: Arc::new(data) }).await;
        }
        devices
    }

    async fn announce_unless_denied(&self, proposal: Proposal) {
        if let Err(error) = self.offer(proposal).await {
            tracing::warn!(error.code = error.code(), "a notification could not be kept: {}", error.message);
        }
    }

    /// Asks the plugins about a notification, and then puts it into the inbox; none where they do not let it.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub(super) async fn offer(&self, proposal: Proposal) -> Result<Option<Notification>, Error> {
        let Proposal { to, mut notification, counts, message, origin } = proposal;
        if self.wants(Point::Notify) {
            let message = message.map_or(Arg::Value(serde_json::Value::Null), Arg::Message);
            let user = rule::addressee(self, &Person::named(to.clone()));
            let args = vec![Arg::Value(notification.shown()), user, message];
            let ruling = self.hooks.decide(Call::new(Point::Notify, args).from(&origin)).await;
            self.post(ruling.effects);
            match ruling.verdict {
                Verdict::Deny(_) => return Ok(None),
                Verdict::Rewrite(Arg::Value(value)) => notification.rewrite(&value),
                _ => {}
            }
        }
        self.store.write(move |tx| Ok(Some(notify::put(tx, to, notification, counts)?))).await
    }
}

/// Starts something behind what was started before: its first step puts it into the store's queue, which keeps the order.
async fn begin<'a>(mut doing: Doing<'a>, in_flight: &mut VecDeque<Doing<'a>>) {
    if poll!(&mut doing).is_pending() {
        in_flight.push_back(doing);
    }
    if in_flight.len() >= MAX_IN_FLIGHT
        && let Some(first) = in_flight.pop_front()
    {
        first.await;
    }
}

impl Deed {
    /// The function that a script called for it.
    fn name(&self) -> &'static str {
        match self {
            Deed::Send { .. } => "chat::send",
            Deed::Notify { .. } => "chat::notify",
            Deed::Emit { .. } => "chat::emit",
            Deed::Kick { .. } => "chat::kick",
            Deed::Mute { .. } => "chat::mute",
            Deed::React { .. } => "chat::react",
        }
    }
}
