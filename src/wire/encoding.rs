//! Content codings of HTTP answers (RFC 9110, sections 8.4 and 12.5.3): which one a client takes, and the body in it.
//!
//! That answers are compressed within TLS gives nothing away by their length (BREACH): that takes a page which makes its
//! victim's browser ask for the same secret again and again, each time beside another guess. Here requests for packets
//! need the session's id, which no other page knows; a packet leaves once; and no token of an application is in any.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, VARY,
};
use http::response::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use super::config::Compression;
use super::http::{Answer, whole};

/// Bodies from this size on are compressed where they hold up nobody else's request.
const LARGE: usize = 32 * 1024;

/// In the order in which they are taken where a client likes several as much: by the time that a size costs.
const CODINGS: [Coding; 4] = [Coding::Zstd, Coding::Brotli, Coding::Gzip, Coding::Deflate];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Zstd,
    Brotli,
    Gzip,
    Deflate,
}

/// What was agreed on for the answer to one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Terms {
    coding: Option<Coding>,
    /// The client takes a body as it is.
    plain: bool,
    is_head: bool,
    settings: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    is_on: bool,
    threshold: u64,
    level: u8,
}

/// Reads what the client takes. `None` where that is nothing that this server has: the request must be refused before
/// anything is done about it, because an answer that cannot be sent would be lost.
pub fn negotiate<B>(request: &Request<B>, config: &Compression) -> Option<Terms> {
    let settings =
        Settings { is_on: config.enabled && config.http, threshold: config.threshold.0, level: config.level };
    let wishes = Wishes::read(request.headers());
    let plain = wishes.plain();
    let best = CODINGS.into_iter().filter(|_| settings.is_on).map(|coding| (wishes.weight(coding), coding));
    // The first of equals: `max_by_key` would take the last.
    let best = best.rev().max_by_key(|(weight, _)| *weight).filter(|(weight, _)| *weight > 0);
    let coding = best.filter(|(weight, _)| wishes.named("identity").is_none_or(|plain| plain <= *weight));
    let coding = coding.map(|(_, coding)| coding);
    (plain || coding.is_some()).then(|| Terms { coding, plain, is_head: request.method() == Method::HEAD, settings })
}

impl Terms {
    /// The same answer, with its body as it was agreed on.
    pub async fn apply(self, answer: Answer) -> Answer {
        let (mut parts, body) = answer.into_parts();
        if !self.settings.is_on || !varies(&parts) {
            return Answer::from_parts(parts, body);
        }
        parts.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        let Some(coding) = self.coding.filter(|_| !self.is_head) else { return Answer::from_parts(parts, body) };
        let body = whole(body).await;
        let worthwhile = body.len() as u64 >= self.settings.threshold || !self.plain;
        if body.is_empty() || !worthwhile {
            return Answer::from_parts(parts, Full::new(body));
        }
        match compressed(coding, body.clone(), self.settings.level).await {
            Ok(encoded) if encoded.len() < body.len() || !self.plain => {
                mark(&mut parts, coding);
                Answer::from_parts(parts, Full::from(encoded))
            }
            Ok(_) => Answer::from_parts(parts, Full::new(body)),
            // The packets in it are nowhere else any more.
            Err(error) => {
                tracing::warn!(%error, coding = coding.name(), "an answer goes out as it is");
                Answer::from_parts(parts, Full::new(body))
            }
        }
    }
}

/// Whether the answer depends on what the client takes: text does, and the word that its copy is still good.
fn varies(parts: &Parts) -> bool {
    if parts.headers.contains_key(CONTENT_ENCODING) || parts.status == StatusCode::NO_CONTENT {
        return false;
    }
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    parts.status == StatusCode::NOT_MODIFIED
        || kind.starts_with("text/")
        || kind == "application/json"
        || ["+json", "+xml"].iter().any(|suffix| kind.ends_with(suffix))
}

/// Says in the headers what was done to the body.
fn mark(parts: &mut Parts, coding: Coding) {
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    parts.headers.remove(CONTENT_LENGTH);
    // The tag of the plain body holds for its meaning, not for these bytes.
    let weak = parts.headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    let weak = weak.and_then(|tag| HeaderValue::try_from([b"W/", tag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        parts.headers.insert(ETAG, weak);
    }
}

async fn compressed(coding: Coding, body: Bytes, level: u8) -> io::Result<Vec<u8>> {
    if body.len() < LARGE {
        return coding.compress(&body, level);
    }
    tokio::task::spawn_blocking(move || coding.compress(&body, level)).await?
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Coding::Zstd => "zstd",
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        }
    }

    /// The levels of `compression.level` mean about the same to all of them.
    fn compress(self, body: &[u8], level: u8) -> io::Result<Vec<u8>> {
        let room = Vec::with_capacity(body.len() / 3);
        match self {
            Coding::Zstd => zstd::bulk::compress(body, i32::from(level)),
            Coding::Brotli => {
                let params = brotli::enc::BrotliEncoderParams {
                    quality: i32::from(level),
                    // Memory goes by the window: no more than the body needs.
                    lgwin: (body.len().max(1).ilog2() as i32 + 1).clamp(10, 22),
                    size_hint: body.len(),
                    ..Default::default()
                };
                let mut out = room;
                brotli::BrotliCompress(&mut &body[..], &mut out, &params)?;
                Ok(out)
            }
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(room, Level::new(u32::from(level)));
                encoder.write_all(body)?;
                encoder.finish()
            }
            Coding::Deflate => {
                let mut encoder = ZlibEncoder::new(room, Level::new(u32::from(level)));
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }
}

/// An `Accept-Encoding`: names in lower case with their weights in thousandths.
struct Wishes(Vec<(String, u16)>);

impl Wishes {
    /// What cannot be read is passed over.
    fn read(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let items = values.flat_map(|value| value.split(',')).filter_map(|item| {
            let (name, weight) = match item.split_once(';') {
                Some((name, parameter)) => (name, read_weight(parameter)?),
                None => (item, 1_000),
            };
            Some((name.trim().to_ascii_lowercase(), weight))
        });
        Wishes(items.collect())
    }

    fn named(&self, wanted: &str) -> Option<u16> {
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, weight)| *weight)
    }

    /// Zero where the client does not take it. `*` asks for whatever there is, and every client knows gzip.
    fn weight(&self, coding: Coding) -> u16 {
        let named = self.named(coding.name());
        let other = || (coding == Coding::Gzip).then(|| self.named("x-gzip").or_else(|| self.named("*"))).flatten();
        named.or_else(other).unwrap_or_default()
    }

    /// Whether a body may go out as it is: always, where it is not ruled out.
    fn plain(&self) -> bool {
        self.named("identity").or_else(|| self.named("*")) != Some(0)
    }
}

/// The weight in `q=0.5`: a number from 0 to 1 with up to three decimals.
fn read_weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    let (whole, decimals) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|digit| digit.is_ascii_digit());
    if !name.trim().eq_ignore_ascii_case("q") || !is_number {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse::<u16>().ok()?;
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
