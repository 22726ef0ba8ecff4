//! The page and its files, as they are in the binary.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;

use super::wrong_method;
use crate::wire::http::Answer;

/// Scripts, styles and connections of this origin only, and no way from text to markup or code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Sent with every file.
const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // A copy is used only after asking whether it is still the newest.
    (CACHE_CONTROL, "no-cache"),
];

const INDEX: &str = include_str!("page/index.html");

/// Where the page says at which path Socket.IO answers.
const SOCKET_PATH: &str = "{{socket-path}}";

/// The files beside the page itself, by name.
macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_bytes!(concat!("page/", $name)).as_slice())),*] };
}

const FILES: &[(&str, &[u8])] = &files![
    "actions.js",
    "app.js",
    "base.css",
    "composer.js",
    "create.js",
    "details.js",
    "dialog.js",
    "dom.js",
    "format.js",
    "history.js",
    "icon.svg",
    "inbox.js",
    "layout.css",
    "link.js",
    "message.js",
    "model.js",
    "outbox.js",
    "search.js",
    "session.js",
    "sidebar.js",
    "socket.io.LICENSE",
    "socket.io.min.js",
    "state.js",
    "theme.js",
    "thread.css",
    "thread.js",
    "toast.js",
];

pub struct Files(Vec<File>);

pub struct File {
    path: String,
    kind: &'static str,
    body: Bytes,
    etag: HeaderValue,
}

impl Files {
    /// `socket_path` is of letters, digits and `/-_.~` only, so it may stand in markup as it is.
    pub fn new(socket_path: &str) -> Self {
        let index = File::new("/".into(), "index.html", INDEX.replace(SOCKET_PATH, socket_path).into());
        let others =
            FILES.iter().map(|(name, body)| File::new(format!("/demo/{name}"), name, Bytes::from_static(body)));
        Files(std::iter::once(index).chain(others).collect())
    }

    pub fn find(&self, path: &str) -> Option<&File> {
        self.0.iter().find(|file| file.path == path)
    }
}

impl File {
    fn new(path: String, name: &str, body: Bytes) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(&digest(&SHA256, &body).as_ref()[..12]);
        // Weak, because the same file goes out in several codings.
        let etag = HeaderValue::from_str(&format!("W/\"{hash}\"")).expect("base64 is visible ASCII");
        File { path, kind: kind(name), body, etag }
    }

    pub fn answer(&self, request: &Request<Bytes>) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return wrong_method("GET, HEAD");
        }
        let mut answer = if self.is_known_to(request) {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            answer
        } else {
            let mut answer = Response::new(Full::new(self.body.clone()));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
            answer
        };
        for (name, value) in HEADERS {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer.headers_mut().insert(ETAG, self.etag.clone());
        answer
    }

    /// Compared weakly, as RFC 9110, section 13.1.2, has it.
    fn is_known_to(&self, request: &Request<Bytes>) -> bool {
        let lists = request.headers().get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        lists
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || opaque(tag.as_bytes()) == opaque(self.etag.as_bytes()))
    }
}

/// An entity tag without the mark of a weak one.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/page");
        let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        let there: BTreeSet<String> = names.map(|name| name.into_string().unwrap()).collect();
        let served = FILES.iter().map(|(name, _)| (*name).to_owned()).chain(["index.html".to_owned()]);
        assert_eq!(there, served.collect());
    }

    #[test]
    fn the_page_knows_where_socket_io_answers() {
        let files = Files::new("/live/socket/");
        let page = String::from_utf8(files.find("/").unwrap().body.to_vec()).unwrap();
        assert!(page.contains("content=\"/live/socket/\""), "{page}");
        assert!(!page.contains("{{"), "{page}");
    }
}
