//! `Idempotency-Key`: a request that comes again is answered as it was, and nothing is done twice.
//!
//! An answer is kept for a day, in the store. What failed is not: it may be tried again.

use std::collections::HashSet;
use std::future::Future;

use bytes::Bytes;
use http::{HeaderName, Method, Request, StatusCode};
use parking_lot::Mutex;

use super::Api;
use super::keys::sha256;
use super::reply::Reply;
use crate::domain::error::{Code, Error};
use crate::domain::time::Time;
use crate::store::Answered;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_BYTES: usize = 255;

/// Requests with a key that are under way.
#[derive(Default)]
pub struct Running(Mutex<HashSet<(String, String)>>);

/// That a request is to be done once.
pub struct Wish {
    /// The API key's name: each has keys of its own.
    owner: String,
    key: String,
    /// What the request is.
    fingerprint: Vec<u8>,
}

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
        Ok(Some(Wish { owner: owner.to_owned(), key: key.to_owned(), fingerprint: sha256(&said).to_vec() }))
    }

    /// A `clientId` that belongs to the key.
    pub fn client_id(&self) -> String {
        let hash = sha256(format!("{}\0{}", self.owner, self.key).as_bytes());
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
    /// Answers as it was answered before, or has it `done`; whether it was the former.
    pub(super) async fn once(
        &self,
        wish: Wish,
        done: impl Future<Output = Result<Reply, Error>>,
    ) -> Result<(Reply, bool), (StatusCode, Error)> {
        let name = (wish.owner.clone(), wish.key.clone());
        if !self.running.0.lock().insert(name.clone()) {
            let error = Error::conflict("the request with this Idempotency-Key is under way, retry");
            return Err((StatusCode::CONFLICT, error));
        }
        let entered = Entered(&self.running, name.clone());
        let (owner, key) = name;
        let before = self.chat().store().read(move |query| Ok(query.answered(&owner, &key, Time::now())?)).await;
        match before.map_err(super::refused)? {
            Some(before) if before.fingerprint == wish.fingerprint => {
                let status = StatusCode::from_u16(before.status).unwrap_or(StatusCode::OK);
                return Ok((Reply { status, body: before.body }, true));
            }
            Some(_) => {
                let error = Error::new(Code::Invalid, "this Idempotency-Key came with another request before");
                return Err((StatusCode::UNPROCESSABLE_ENTITY, error));
            }
            None => {}
        }
        let reply = done.await.map_err(super::refused)?;
        let answered =
            Answered { fingerprint: wish.fingerprint, status: reply.status.as_u16(), body: reply.body.clone() };
        let (owner, key) = (wish.owner, wish.key);
        let kept = self.chat().store().write(move |tx| Ok(tx.keep_answer(&owner, &key, &answered, Time::now())?)).await;
        if let Err(error) = kept {
            // It is done: to say that it is not would be worse than to do it again.
            tracing::warn!(%error, "an answer could not be kept under its Idempotency-Key");
        }
        drop(entered);
        Ok((reply, false))
    }
}
