//! Receipts: how far each member has the messages, and has read them. Both are high-water marks that never go back.
//!
//! `message:delivered` by the server's word is gathered for a short while: of many messages and devices only the
//! furthest mark of each member matters. The larger the conversation, and the more conversations wait, the longer the
//! while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::config::Delivered;
use super::{Actor, Chat, seat};
use crate::domain::error::Error;
use crate::domain::event::{Event, Mark};
use crate::domain::id::{ConversationId, MessageId, UserId};
use crate::domain::message::Message;
use crate::domain::time::Time;
use crate::store::error::Abort;
use crate::store::{LastOf, Marks, Tx};

/// Marks that wait to be stored and told.
#[derive(Default)]
pub struct Receipts(Mutex<HashMap<ConversationId, Window>>);

struct Window {
    opened: Instant,
    /// Live messages since then: the first place, and of each sender the last message.
    live: Option<Live>,
    /// Members who came further otherwise: by recovery, by history, or on a device that has left since.
    marks: HashMap<UserId, u64>,
}

struct Live {
    first_seq: u64,
    last_of: HashMap<UserId, LastOf>,
}

impl Receipts {
    fn note(&self, conversation: &ConversationId, change: impl FnOnce(&mut Window)) {
        let mut windows = self.0.lock();
        let window = windows.entry(conversation.clone()).or_insert_with(|| Window {
            opened: Instant::now(),
            live: None,
            marks: HashMap::new(),
        });
        change(window);
    }

    /// Takes out the windows that are due; `is_due` also gets how many wait.
    fn take_due(&self, is_due: impl Fn(&ConversationId, &Window, usize) -> bool) -> Vec<(ConversationId, Window)> {
        let mut windows = self.0.lock();
        let waiting = windows.len();
        let due = windows.iter().filter(|(id, window)| is_due(id, window, waiting));
        let due: Vec<_> = due.map(|(id, _)| id.clone()).collect();
        due.into_iter().filter_map(|id| windows.remove_entry(&id)).collect()
    }
}

impl Chat {
    /// A message was handed to the devices that follow its conversation.
    pub fn handed_over(&self, message: &Message) {
        if self.config.load().receipts.delivered != Delivered::Server {
            return;
        }
        self.receipts.note(&message.conversation, |window| {
            let live = window.live.get_or_insert_with(|| Live { first_seq: message.seq, last_of: HashMap::new() });
            let last = LastOf { sender: message.sender.clone(), message: message.id, seq: message.seq };
            live.last_of.insert(message.sender.clone(), last);
        });
    }

    /// A device of `user` has the messages up to `seq`.
    pub(super) fn caught_up(&self, user: &UserId, conversation: ConversationId, seq: u64) {
        if self.config.load().receipts.delivered != Delivered::Server {
            return;
        }
        self.receipts.note(&conversation, |window| {
            let mark = window.marks.entry(user.clone()).or_insert(0);
            *mark = seq.max(*mark);
        });
    }

    /// Stores and tells the marks that have waited long enough. Called every [`super::TICK`].
    pub async fn flush_receipts(&self) {
        let due = self.receipts.take_due(|id, window, waiting| {
            let followers = self.roster.room(id).map_or(0, |room| room.followers());
            let patience = Duration::from_millis((followers + waiting) as u64);
            window.opened.elapsed() >= patience.clamp(Duration::from_millis(50), Duration::from_secs(1))
        });
        self.store_receipts(due).await;
    }

    /// Stores and tells all marks that wait, before the store closes.
    pub async fn settle_receipts(&self) {
        let all = self.receipts.take_due(|_, _, _| true);
        self.store_receipts(all).await;
    }

    async fn store_receipts(&self, windows: Vec<(ConversationId, Window)>) {
        if windows.is_empty() {
            return;
        }
        let mut windows: Vec<_> = windows
            .into_iter()
            .map(|(id, mut window)| {
                if window.live.is_some()
                    && let Some(room) = self.roster.room(&id)
                {
                    for (user, seq) in room.handed() {
                        let mark = window.marks.entry(user).or_insert(0);
                        *mark = seq.max(*mark);
                    }
                }
                (id, window)
            })
            .collect();
        let stored = self
            .store
            .write(move |tx| {
                let now = Time::now();
                for (id, window) in &mut windows {
                    let Some(room) = tx.marks_of(id)? else { continue };
                    if let Some(live) = &mut window.live {
                        retain_present(tx, &room, live, now)?;
                    }
                    for (user, seq) in &window.marks {
                        raise_delivered(tx, &room, id, user, *seq, window.live.as_ref())?;
                    }
                }
                Ok(())
            })
            .await;
        if let Err(error) = stored {
            // The marks rise again with the next message; nothing else depends on them.
            tracing::debug!(%error, "delivery marks were not stored");
        }
    }

    /// `message:delivered`: the device says that it has this message and all before it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `BANNED`, `UNAVAILABLE`.
    pub async fn delivered(&self, actor: &Actor, id: MessageId) -> Result<u64, Error> {
        let user = actor.user.clone();
        self.store
            .write(move |tx| {
                let (seated, message) = seat::take_at(tx, id, &user, Time::now())?;
                let marks = seated.seat.marks();
                raise_delivered(tx, &marks, &message.conversation, &user, message.seq, None)?;
                Ok(seated.member.delivered_seq.max(message.seq))
            })
            .await
    }

    /// `message:read`: the user has read this message and all before it; how far they are then, and what is unread.
    ///
    /// # Errors
    /// `NOT_FOUND`, `BANNED`, `UNAVAILABLE`.
    pub async fn read(&self, actor: &Actor, id: MessageId) -> Result<(u64, u64), Error> {
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let now = Time::now();
                let (seated, message) = seat::take_at(tx, id, &actor.user, now)?;
                let last_seq = seated.conversation().last_seq;
                if !tx.raise_read(&seated.seat, message.seq)? {
                    return Ok((seated.member.read_seq, seated.member.unread(last_seq)));
                }
                let senders = tx.senders(&seated.seat.marks(), seated.member.read_seq, message.seq, &actor.user)?;
                for last in senders {
                    let mark = mark(&message.conversation, &actor.user, &last, now);
                    // What was read was delivered, also where that had not been told yet.
                    if last.seq > seated.member.delivered_seq {
                        tx.publish(Event::Delivered { to: last.sender.clone(), mark: Arc::clone(&mark) });
                    }
                    tx.publish(Event::Read { to: last.sender, mark });
                }
                let own = LastOf { sender: actor.user.clone(), message: id, seq: message.seq };
                tx.publish(Event::ReadElsewhere {
                    mark: mark(&message.conversation, &actor.user, &own, now),
                    origin: actor.connection,
                });
                tx.read_messages_notification(&actor.user, &message.conversation, now)?;
                let member =
                    tx.member(&message.conversation, &actor.user)?.ok_or_else(|| Error::not_found("conversation"))?;
                Ok((member.read_seq, member.unread(last_seq)))
            })
            .await
    }
}

/// Whoever is out of the conversation since they wrote is told no more of it.
fn retain_present(tx: &Tx<'_>, marks: &Marks, live: &mut Live, now: Time) -> Result<(), Abort> {
    let mut gone = Vec::new();
    for sender in live.last_of.keys() {
        if !tx.is_present(marks, sender.as_str(), now)? {
            gone.push(sender.clone());
        }
    }
    gone.iter().for_each(|sender| drop(live.last_of.remove(sender)));
    Ok(())
}

/// Raises a member's mark and tells the senders of what it covers anew.
fn raise_delivered(
    tx: &mut Tx<'_>,
    marks: &Marks,
    id: &ConversationId,
    user: &UserId,
    seq: u64,
    live: Option<&Live>,
) -> Result<(), Abort> {
    // A mark beyond the last message would hide that later ones were not delivered.
    let seq = seq.min(marks.last_seq);
    let Some(before) = tx.raise_delivered(marks, user, seq)? else { return Ok(()) };
    let now = Time::now();
    // Where the mark rises over live messages only, their senders are known without asking the store.
    let senders: Vec<LastOf> = match live.filter(|live| before + 1 >= live.first_seq) {
        Some(live) => live.last_of.values().filter(|last| last.seq > before && last.seq <= seq).cloned().collect(),
        None => tx.senders(marks, before, seq, user)?,
    };
    for last in senders.iter().filter(|last| last.sender != *user) {
        let mark = mark(id, user, last, now);
        tx.publish(Event::Delivered { to: last.sender.clone(), mark });
    }
    Ok(())
}

fn mark(conversation: &ConversationId, user: &UserId, last: &LastOf, at: Time) -> Arc<Mark> {
    Arc::new(Mark { message: last.message, conversation: conversation.clone(), user: user.clone(), seq: last.seq, at })
}
