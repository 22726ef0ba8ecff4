//! The demo: a chat page on the public protocol, and a token for whoever gives a name. It is off unless asked for
//! (`[server] demo`), as anybody becomes anybody by it.
//!
//! | route | answers |
//! |---|---|
//! | `GET /`, `GET /demo/FILE` | the page and its files |
//! | `POST /demo/token` `{ name }` | `{ token, userId, name }`, to pages of the daemon's own origin |

mod files;
mod name;
mod token;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{ALLOW, HeaderValue};
use http::{Request, StatusCode};

use self::files::Files;
use self::token::Desk;
use crate::auth::config::Config as Auth;
use crate::domain::error::Code;
use crate::domain::units::ByteSize;
use crate::wire::annex::Annex;
use crate::wire::http::{Answer, refuse};

const TOKEN_PATH: &str = "/demo/token";

/// A name, and the JSON around it.
const MAX_BODY: ByteSize = ByteSize::kib(1);

pub struct Demo {
    files: Files,
    desk: Desk,
}

impl Demo {
    /// A demo whose page finds Socket.IO at `socket_path`, and whose tokens are signed as `auth` says.
    pub fn new(socket_path: &str, auth: Arc<ArcSwap<Auth>>, state_dir: PathBuf) -> Self {
        Demo { files: Files::new(socket_path), desk: Desk::new(auth, state_dir) }
    }
}

impl Annex for Demo {
    fn takes(&self, path: &str) -> Option<ByteSize> {
        (path == TOKEN_PATH || self.files.find(path).is_some()).then_some(MAX_BODY)
    }

    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer> {
        Box::pin(async move {
            match self.files.find(request.uri().path()) {
                Some(file) => file.answer(&request),
                None => self.desk.answer(&request).await,
            }
        })
    }
}

fn wrong_method(allowed: &'static str) -> Answer {
    let message = format!("this path answers {allowed}");
    let mut answer = refuse(StatusCode::METHOD_NOT_ALLOWED, Code::Invalid, &message);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}
