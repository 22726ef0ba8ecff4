//! `user:status`, `presence:get`, and who is told that a user came or went.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use parking_lot::Mutex;

use super::{Actor, Chat, rule};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::UserId;
use crate::domain::presence::{MAX_STATUS_TEXT_BYTES, Presence, Status};
use crate::domain::time::Time;
use crate::roster::Standing;
use crate::store::Tx;

/// Users whose last device has gone, in the order of going.
#[derive(Default)]
pub struct Departures {
    waiting: Mutex<Waiting>,
    /// Held from a change of presence to the publication of its event: others must not hear of them in another order.
    order: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    queue: VecDeque<Departure>,
    /// When each user left last: whoever came back and left again waits for the whole grace again.
    last: HashMap<UserId, Instant>,
}

struct Departure {
    user: UserId,
    left: Instant,
    at: Time,
}

impl Chat {
    /// Sets what others see of the user, over all devices, until it is changed again.
    ///
    /// # Errors
    /// `INVALID` where `text` is too long; `UNAVAILABLE`.
    pub async fn set_status(&self, actor: &Actor, status: Status, text: Option<String>) -> Result<Status, Error> {
        if text.as_ref().is_some_and(|text| text.len() > MAX_STATUS_TEXT_BYTES) {
            return Err(Error::invalid("text", format_args!("a string of at most {MAX_STATUS_TEXT_BYTES} bytes")));
        }
        let (mut status, mut text) = (status, text);
        let ruled = self.rule(Point::Status, || vec![rule::user(actor), Arg::Value(status.as_str().into())]).await?;
        if let Some(changed) = ruled.value() {
            let wanted = changed.as_str().or(changed["status"].as_str());
            status = wanted.and_then(Status::parse).unwrap_or(status);
            if let Some(changed) = changed.get("text") {
                text = changed.as_str().filter(|text| text.len() <= MAX_STATUS_TEXT_BYTES).map(str::to_owned);
            }
        }
        let (user, kept) = (actor.user.clone(), text.clone());
        let written = move |tx: &mut Tx<'_>| {
            tx.set_status(&user, status, kept.as_deref())?;
            // Others see the user go now; when they really went is nobody's business then.
            if status == Status::Offline { Ok(tx.set_last_seen(&user, Time::now())?) } else { Ok(()) }
        };
        self.store.write(written).await?;
        let _order = self.departures.order.lock().await;
        let changed = self.roster.change_standing(&actor.user, |standing| {
            standing.status = status;
            standing.text = text;
        });
        if let Some((before, after)) = changed
            && before != after
        {
            self.publish_change(&actor.user, &before, &after).await;
        }
        Ok(status)
    }

    /// What others may see of `users`; who shares no conversation with the asker is left out.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn presence(&self, actor: &Actor, users: Vec<UserId>) -> Result<Vec<Presence>, Error> {
        let user = actor.user.clone();
        let visible = self.store.read(move |query| {
            let mut visible = query.sharing(&user, &users, Time::now())?;
            if users.contains(&user) && !visible.contains(&user) {
                visible.push(user);
            }
            Ok(visible)
        });
        self.presence_of(visible.await?).await
    }

    /// What others may see of `users`, whoever asks.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn presence_of(&self, users: Vec<UserId>) -> Result<Vec<Presence>, Error> {
        let known = self.store.read(move |query| {
            users.into_iter().map(|user| Ok((query.standing(&user)?, user))).collect::<Result<Vec<_>, _>>()
        });
        Ok(known
            .await?
            .into_iter()
            .map(|(stored, user)| {
                let here = self.roster.standing(&user).filter(|(standing, _)| standing.status != Status::Offline);
                match here {
                    Some((standing, devices)) => Presence {
                        user,
                        status: standing.status,
                        text: standing.text,
                        last_seen: Some(Time::now()),
                        devices,
                    },
                    None => {
                        Presence { user, status: Status::Offline, text: None, last_seen: stored.last_seen, devices: 0 }
                    }
                }
            })
            .collect())
    }

    /// Tells others of a user's first device.
    pub(super) async fn announce_arrival(&self, user: &UserId) {
        let _order = self.departures.order.lock().await;
        let changed = self.roster.change_standing(user, |standing| standing.announced = true);
        if let Some((before, after)) = changed {
            self.publish_change(user, &before, &after).await;
        }
    }

    /// A user's last device has gone; they may come back within the grace.
    pub(super) fn note_departure(&self, user: &UserId) {
        let departure = Departure { user: user.clone(), left: Instant::now(), at: Time::now() };
        let mut waiting = self.departures.waiting.lock();
        waiting.last.insert(user.clone(), departure.left);
        waiting.queue.push_back(departure);
    }

    /// Tells others of users whose grace is over. Called every [`super::TICK`].
    pub async fn announce_departures(&self) {
        let grace = self.config().presence.grace.0;
        while let Some(departure) = self.next_departure(grace) {
            let order = self.departures.order.lock().await;
            let Some((standing, peers)) = self.roster.forget(&departure.user) else { continue };
            if standing.status == Status::Offline {
                continue;
            }
            if standing.announced {
                let (user, last_seen) = (departure.user.clone(), departure.at);
                self.spread(Event::Offline { user, last_seen, to: peers }).await;
            }
            drop(order);
            self.keep_last_seen(vec![departure.user], departure.at).await;
        }
    }

    /// Remembers, at shutdown, that everybody who is here was here until now.
    pub async fn settle_presence(&self) {
        self.keep_last_seen(self.roster.visible_users(), Time::now()).await;
    }

    fn next_departure(&self, grace: std::time::Duration) -> Option<Departure> {
        let mut waiting = self.departures.waiting.lock();
        loop {
            let departure = waiting.queue.pop_front_if(|departure| departure.left.elapsed() >= grace)?;
            if waiting.last.get(&departure.user) == Some(&departure.left) {
                waiting.last.remove(&departure.user);
                return Some(departure);
            }
        }
    }

    /// Others see that a user whose devices are being sent away is gone, and nothing is kept of when that was.
    pub(in crate::chat) async fn vanish(&self, user: &UserId) {
        let _order = self.departures.order.lock().await;
        if let Some((before, after)) = self.roster.change_standing(user, |standing| standing.status = Status::Offline) {
            self.publish_change(user, &before, &after).await;
        }
    }

    async fn keep_last_seen(&self, users: Vec<UserId>, at: Time) {
        let kept = self.store.write(move |tx| {
            users.iter().try_for_each(|user| tx.set_last_seen(user, at))?;
            Ok(())
        });
        if let Err(error) = kept.await {
            // Presence is no promise; the next departure is kept again.
            tracing::debug!(%error, "last seen was not stored");
        }
    }

    async fn publish_change(&self, user: &UserId, before: &Standing, after: &Standing) {
        let was_visible = before.announced && before.status != Status::Offline;
        let is_visible = after.announced && after.status != Status::Offline;
        let event = match (was_visible, is_visible) {
            (_, true) if before == after => return,
            (_, true) => Event::Online { user: user.clone(), status: after.status },
            (true, false) => Event::Offline { user: user.clone(), last_seen: Time::now(), to: self.roster.peers(user) },
            (false, false) => return,
        };
        self.spread(event).await;
    }

    /// Publishes a change of presence; through the store, where its outbox keeps such.
    async fn spread(&self, event: Event) {
        if !self.store.records(&event) {
            return self.bus.publish(event).await;
        }
        let recorded = event.clone();
        let written = self.store.write(move |tx| {
            tx.publish(recorded);
            Ok(())
        });
        if written.await.is_err() {
            self.bus.publish(event).await;
        }
    }
}
