//! `Idempotency-Key`: a request that comes again is answered as it was, and nothing is done twice.
//!
//! An answer is kept for a day, in the store. What failed is not: it may be tried again. That a request has changed
//! something is kept in the commit of that change, so that the end of the daemon in between is noticed.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Method, Request, StatusCode};
use parking_lot::Mutex;

use super::Api;
use super::keys::sha256;
use super::reply::Reply;
use crate::domain::error::{Code, Error};
use crate::domain::time::Time;
use crate::store::{Answered, Deed};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_BYTES: usize = 255;

/// Requests with a key that are under way.
#[derive(Default)]
pub struct Running(Mutex<HashSet<(String, String)>>);

/// That a request is to be done once. Its owner is the API key's name: each has keys of its own.
pub struct Wish(Arc<Deed>);

impl Wish {
    /// What a request says; none where it does not, or is done once anyway.
    ///
    /// # Errors
    /// `INVALID` where it is no key.
    pub fn of(request: &Request<Bytes>, owner: &str) -> Result<Option<Self>, Error> {
        let Some(value) = request.headers().get(HEADER).filter(|_| *request.method() == Method::POST) else {
            return Ok(None);
        };
        let fits =
            |text: &&str| (1..=MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let key = value.to_str().ok().filter(fits);
        let expected = format_args!("1 to {MAX_BYTES} characters of ASCII without spaces");
        let key = key.ok_or_else(|| Error::invalid("idempotency-key", expected))?;
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let said = [target.as_bytes(), b"\0", request.body()].concat();
        Ok(Some(Wish(Arc::new(Deed::new(owner.to_owned(), key.to_owned(), sha256(&said).to_vec())))))
    }

    /// A `clientId` that belongs to the key.
    pub fn client_id(&self) -> String {
        let hash = sha256(format!("{}\0{}", self.0.owner, self.0.key).as_bytes());
        hash[..16].iter().fold("idem-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
    }
}

/// Is taken out again, whatever becomes of the request.
struct Entered<'a>(&'a Running, (String, String));

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.lock().remove(&self.1);
    }
}

impl Api {
    /// Answers as it was answered before, or has it `done`; whether it was the former. `repeats` says that doing it
    /// again leads to the same.
    pub(super) async fn once(
        &self,
        Wish(deed): Wish,
        repeats: bool,
        done: impl Future<Output = Result<Reply, Error>>,
    ) -> Result<(Reply, bool), (StatusCode, Error)> {
        let store = self.chat().store();
        let name = (deed.owner.clone(), deed.key.clone());
        if !self.running.0.lock().insert(name.clone()) {
            let error = Error::conflict("the request with this Idempotency-Key is under way, retry");
            return Err((StatusCode::CONFLICT, error));
        }
        let _entered = Entered(&self.running, name.clone());
        let (owner, key) = name;
        let before = store.read(move |query| Ok(query.answered(&owner, &key, Time::now())?)).await;
        match before.map_err(super::refused)? {
            Some(before) if before.fingerprint != deed.fingerprint => {
                let error = Error::new(Code::Invalid, "this Idempotency-Key came with another request before");
                return Err((StatusCode::UNPROCESSABLE_ENTITY, error));
            }
            Some(Answered { status: Some(status), body, .. }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                return Ok((Reply { status, body }, true));
            }
            Some(Answered { status: None, .. }) if !repeats => {
                let error = Error::conflict(
                    "the server ended while it carried out the request with this Idempotency-Key, and its answer is lost: \
                     see what was done",
                );
                return Err((StatusCode::CONFLICT, error));
            }
            _ => {}
        }
        let done = match repeats {
            true => done.await,
            false => store.carry_out(Arc::clone(&deed), done).await,
        };
        let kept = match &done {
            Ok(reply) => {
                let (status, body) = (Some(reply.status.as_u16()), reply.body.clone());
                let answered = Answered { fingerprint: deed.fingerprint.clone(), status, body };
                store.write(move |tx| Ok(tx.keep_answer(&deed, &answered, Time::now())?)).await
            }
            Err(_) if deed.is_noted() => store.write(move |tx| Ok(tx.forget_answer(&deed)?)).await,
            Err(_) => Ok(()),
        };
        if let Err(error) = kept {
            // It is done: to say that it is not would be worse.
            tracing::warn!(%error, "an answer could not be kept under its Idempotency-Key");
        }
        done.map(|reply| (reply, false)).map_err(super::refused)
    }
}
