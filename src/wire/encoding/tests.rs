use std::io::Read;

use super::*;
use crate::domain::units::ByteSize;

fn request(accepts: &[&str]) -> Request<()> {
    let request = accepts.iter().fold(Request::builder(), |request, accepts| request.header(ACCEPT_ENCODING, *accepts));
    request.body(()).expect("a request")
}

/// The coding that is chosen, `identity`, or `406`.
fn chosen(accepts: &[&str], config: &Compression) -> &'static str {
    match negotiate(&request(accepts), config) {
        Some(terms) => terms.coding.map_or("identity", Coding::name),
        None => "406",
    }
}

#[test]
fn the_client_gets_what_it_likes_best() {
    for (accepts, expected) in [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate", "deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "br"),
        ("gzip ; q=0.123 , deflate;q=0.124", "deflate"),
        ("gzip;Q=1", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=0", "identity"),
        ("*", "gzip"),
        ("*;q=0.5", "gzip"),
        ("gzip;q=0, *", "identity"),
        ("compress, lzma", "identity"),
        ("", "identity"),
        (",, ,", "identity"),
        ("identity", "identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("*;q=0, br", "br"),
        ("*;q=0, identity;q=0.1", "identity"),
        ("identity;q=0", "406"),
        ("*;q=0", "406"),
        ("identity;q=0, compress", "406"),
        ("gzip;q=2", "identity"),
        ("gzip;q=1.001", "identity"),
        ("gzip;q=0.1234", "identity"),
        ("gzip;q=-1", "identity"),
        ("gzip;q=", "identity"),
        ("gzip;level=9", "identity"),
    ] {
        assert_eq!(chosen(&[accepts], &Compression::default()), expected, "{accepts:?}");
    }
    assert_eq!(chosen(&[], &Compression::default()), "identity");
    assert_eq!(chosen(&["gzip;q=0.5", "br"], &Compression::default()), "br");
}

#[test]
fn what_is_off_is_not_chosen() {
    for config in [
        Compression { enabled: false, ..Compression::default() },
        Compression { http: false, ..Compression::default() },
    ] {
        assert_eq!(chosen(&["gzip, br"], &config), "identity");
        assert_eq!(chosen(&["gzip, identity;q=0"], &config), "406");
    }
}

fn decoded(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut plain),
        "deflate" => flate2::read::ZlibDecoder::new(body).read_to_end(&mut plain),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut plain),
        "zstd" => zstd::Decoder::new(body).and_then(|mut decoder| decoder.read_to_end(&mut plain)),
        _ => panic!("{coding}"),
    }
    .expect("what was compressed is whole");
    plain
}

async fn answered(accepts: &str, config: &Compression, answer: Answer) -> (HeaderMap, Bytes) {
    let terms = negotiate(&request(&[accepts]), config).expect("something is acceptable");
    let (parts, body) = terms.apply(answer).await.into_parts();
    (parts.headers, whole(body).await)
}

fn text(len: usize) -> Answer {
    let body = "the server says Grüße ".bytes().cycle().take(len).collect::<Vec<_>>();
    let mut answer = Answer::new(Full::from(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len));
    answer.headers_mut().insert(ETAG, HeaderValue::from_static("\"tag\""));
    answer
}

#[tokio::test]
async fn every_coding_gives_the_body_back() {
    for level in [1, 3, 9] {
        let config = Compression { level, ..Compression::default() };
        for coding in CODINGS.map(Coding::name) {
            for len in [1_024, LARGE - 1, LARGE, 300_000] {
                let (headers, body) = answered(coding, &config, text(len)).await;
                assert_eq!(headers[CONTENT_ENCODING], coding);
                assert_eq!(headers[VARY], "accept-encoding");
                assert_eq!(headers[ETAG], "W/\"tag\"");
                assert!(!headers.contains_key(CONTENT_LENGTH), "hyper knows the new one");
                assert!(body.len() < len / 4, "{coding} made {} of {len}", body.len());
                assert_eq!(decoded(coding, &body), whole(text(len).into_body()).await);
            }
        }
    }
}

#[tokio::test]
async fn what_gains_nothing_goes_out_as_it_is() {
    let config = Compression::default();
    let (headers, body) = answered("gzip", &config, text(1_023)).await;
    assert_eq!((headers.get(CONTENT_ENCODING), body.len()), (None, 1_023), "below the threshold");
    assert_eq!(headers[VARY], "accept-encoding", "a larger one would have been compressed");
    assert_eq!(headers[ETAG], "\"tag\"");

    let always = Compression { threshold: ByteSize(0), ..config };
    let (headers, body) = answered("gzip", &always, text(3)).await;
    assert_eq!((headers.get(CONTENT_ENCODING), body.len()), (None, 3), "it would have grown");
    let (headers, body) = answered("gzip, identity;q=0", &Compression::default(), text(3)).await;
    assert_eq!(headers[CONTENT_ENCODING], "gzip", "the client takes nothing else");
    assert_eq!(decoded("gzip", &body).len(), 3);
}

#[tokio::test]
async fn what_is_compressed_or_no_text_is_left_alone() {
    let with = |name, value| {
        let mut answer = text(5_000);
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
        answer
    };
    let mut empty = text(0);
    *empty.status_mut() = StatusCode::NO_CONTENT;
    for answer in [
        with(CONTENT_ENCODING, "gzip"),
        with(CONTENT_TYPE, "image/png"),
        with(CONTENT_TYPE, "application/octet-stream"),
        empty,
    ] {
        let before = answer.headers().clone();
        assert_eq!(answered("br", &Compression::default(), answer).await.0, before);
    }
    for kind in ["application/json", "image/svg+xml", "application/problem+json", "TEXT/HTML"] {
        let (headers, _) = answered("br", &Compression::default(), with(CONTENT_TYPE, kind)).await;
        assert_eq!(headers[CONTENT_ENCODING], "br", "{kind}");
    }
}

#[tokio::test]
async fn head_and_not_modified_say_that_it_depends() {
    let head = Request::head("/").header(ACCEPT_ENCODING, "gzip").body(()).expect("a request");
    let terms = negotiate(&head, &Compression::default()).expect("something is acceptable");
    let answer = terms.apply(text(5_000)).await;
    assert_eq!(
        (answer.headers().get(CONTENT_ENCODING), &answer.headers()[VARY]),
        (None, &HeaderValue::from_static("accept-encoding"))
    );

    let mut known = Answer::default();
    *known.status_mut() = StatusCode::NOT_MODIFIED;
    let (headers, body) = answered("gzip", &Compression::default(), known).await;
    assert_eq!((headers.get(CONTENT_ENCODING), body.len()), (None, 0));
    assert_eq!(headers[VARY], "accept-encoding");
}
