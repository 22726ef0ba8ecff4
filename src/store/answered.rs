//! What requests were answered, under the keys by which they are known again.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{OptionalExtension, params};

use super::Store;
use super::error::{Abort, Error};
use super::query::Query;
use super::tx::Tx;
use crate::domain::time::Time;

/// How long an answer is kept, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// Old answers that one new one takes along.
const SWEEP: u32 = 8;

pub struct Answered {
    /// What the request was.
    pub fingerprint: Vec<u8>,
    /// None where it was begun, and the daemon ended before it was answered.
    pub status: Option<u16>,
    pub body: Vec<u8>,
}

/// A request that is done once: that it has changed something is noted in the commit of its first change.
pub struct Deed {
    pub owner: String,
    pub key: String,
    pub fingerprint: Vec<u8>,
    noted: AtomicBool,
}

impl Deed {
    pub fn new(owner: String, key: String, fingerprint: Vec<u8>) -> Self {
        Deed { owner, key, fingerprint, noted: AtomicBool::new(false) }
    }

    /// Whether anything was changed for it.
    pub fn is_noted(&self) -> bool {
        self.noted.load(Ordering::Relaxed)
    }
}

tokio::task_local! {
    /// The request that this task carries out.
    static DEED: Arc<Deed>;
}

impl Store {
    /// Carries out `deed`: the writes of `work` are its changes.
    pub async fn carry_out<T>(&self, deed: Arc<Deed>, work: impl Future<Output = T>) -> T {
        DEED.scope(deed, work).await
    }

    pub(super) fn deed() -> Option<Arc<Deed>> {
        DEED.try_with(Arc::clone).ok()
    }
}

impl Query<'_> {
    pub fn answered(&self, owner: &str, key: &str, now: Time) -> Result<Option<Answered>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT fingerprint, status, body FROM answered WHERE owner = ?1 AND key = ?2 AND at > ?3",
        )?;
        let found = statement.query_row(params![owner, key, now.0 - KEPT_MS], |row| {
            let status = row.get(1)?;
            Ok(Answered { fingerprint: row.get(0)?, status: (status > 0).then_some(status), body: row.get(2)? })
        });
        Ok(found.optional()?)
    }
}

impl Tx<'_> {
    /// Does `work` for `deed`, and notes it with the first change.
    pub(super) fn noting<R>(
        &mut self,
        deed: &Deed,
        work: impl FnOnce(&mut Tx<'_>) -> Result<R, Abort>,
    ) -> Result<R, Abort> {
        let changes = self.connection.total_changes();
        let done = work(self)?;
        if self.connection.total_changes() != changes && !deed.noted.swap(true, Ordering::Relaxed) {
            let begun = Answered { fingerprint: deed.fingerprint.clone(), status: None, body: Vec::new() };
            self.keep_answer(deed, &begun, Time::now())?;
        }
        Ok(done)
    }

    /// The deed came to nothing, and may be tried again.
    pub fn forget_answer(&mut self, deed: &Deed) -> Result<(), Error> {
        self.connection
            .prepare_cached("DELETE FROM answered WHERE owner = ?1 AND key = ?2")?
            .execute([&deed.owner, &deed.key])?;
        Ok(())
    }

    pub fn keep_answer(&mut self, deed: &Deed, answered: &Answered, now: Time) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "DELETE FROM answered WHERE (owner, key) IN \
                 (SELECT owner, key FROM answered WHERE at <= ?1 ORDER BY at LIMIT ?2)",
            )?
            .execute(params![now.0 - KEPT_MS, SWEEP])?;
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO answered (owner, key, fingerprint, status, body, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                deed.owner,
                deed.key,
                answered.fingerprint,
                answered.status.unwrap_or(0),
                answered.body,
                now.0
            ])?;
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::domain::id::UserId;
    use crate::store::Config;
    use crate::store::outbox::{Entry, Recorder};

    pub(in crate::store) struct NoRecorder;

    impl Recorder for NoRecorder {
        fn wants(&self, _: &Event) -> bool {
            false
        }

        fn entry(&self, _: &Event, _: &Query<'_>) -> Result<Option<Entry>, Error> {
            Ok(None)
        }

        fn recorded(&self, _: i64) {}
    }

    fn deed() -> Arc<Deed> {
        Arc::new(Deed::new("app".into(), "key-1".into(), vec![7]))
    }

    async fn found(store: &Store) -> Option<Option<u16>> {
        let answered = store.read(|query| Ok(query.answered("app", "key-1", Time::now())?)).await.expect("a question");
        answered.map(|answered| answered.status)
    }

    #[tokio::test]
    async fn a_deed_is_noted_with_its_first_change_and_with_nothing_else() {
        let directory = std::env::temp_dir().join(format!("chatd-deeds-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).expect("a directory");
        let store = Store::open(&Config::default(), &directory, Box::new(drop), Arc::new(NoRecorder)).expect("a store");
        let (ann, bob) = (UserId::stored("ann"), UserId::stored("bob"));

        let refused = deed();
        let none: Result<(), _> = store
            .carry_out(
                Arc::clone(&refused),
                store.write(|tx| {
                    tx.introduce(&UserId::stored("eve"))?;
                    Err(crate::domain::error::Error::conflict("no").into())
                }),
            )
            .await;
        assert!(none.is_err() && !refused.is_noted());
        assert_eq!(found(&store).await, None);

        store
            .write({
                let ann = ann.clone();
                move |tx| Ok(tx.introduce(&ann)?)
            })
            .await
            .expect("outside of any deed");
        let idle = deed();
        store.carry_out(Arc::clone(&idle), store.write(move |tx| Ok(tx.introduce(&ann)?))).await.expect("no change");
        assert_eq!((idle.is_noted(), found(&store).await), (false, None));

        let done = deed();
        store.carry_out(Arc::clone(&done), store.write(move |tx| Ok(tx.introduce(&bob)?))).await.expect("a change");
        assert_eq!((done.is_noted(), found(&store).await), (true, Some(None)));

        let answered = Answered { fingerprint: vec![7], status: Some(201), body: b"{}".to_vec() };
        let kept = Arc::clone(&done);
        store.write(move |tx| Ok(tx.keep_answer(&kept, &answered, Time::now())?)).await.expect("kept");
        assert_eq!(found(&store).await, Some(Some(201)));
        store.write(move |tx| Ok(tx.forget_answer(&done)?)).await.expect("forgotten");
        assert_eq!(found(&store).await, None);

        store.close();
        let _ = std::fs::remove_dir_all(&directory);
    }
}
