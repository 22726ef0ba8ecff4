//! Which web pages may talk to this server. A request that carries an `Origin` which is not allowed is refused before
//! anything else looks at it, WebSocket handshakes included: browsers hold those to no CORS rule by themselves.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HOST, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};

use super::config::Cors;
use super::peer::Scheme;

/// What the `Origin` of a request means under the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No browser sent it, or a page of this very origin: nothing is to be said.
    Own,
    /// A page of this other origin may read the answer.
    Allowed(HeaderValue),
    Refused,
}

/// Judges a request by its headers and the scheme of its URL.
pub fn judge(config: &Cors, scheme: Option<Scheme>, headers: &HeaderMap) -> Verdict {
    let Some(origin) = headers.get(ORIGIN) else { return Verdict::Own };
    let Ok(text) = origin.to_str() else { return Verdict::Refused };
    let listed = |entry: &String| entry == "*" || entry.trim_end_matches('/').eq_ignore_ascii_case(text);
    if config.origins.iter().any(listed) {
        return Verdict::Allowed(origin.clone());
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (authority(text), host) {
        (Some((own, authority)), Some(host))
            if scheme.is_none_or(|scheme| scheme == own) && same_host(own, authority, host) =>
        {
            Verdict::Own
        }
        _ => Verdict::Refused,
    }
}

/// Says in an answer's headers what `verdict` allows.
pub fn announce(config: &Cors, verdict: &Verdict, headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("origin"));
    let Verdict::Allowed(origin) = verdict else { return };
    let any = config.origins.iter().any(|entry| entry == "*");
    // With credentials browsers do not take the star, so the origin is echoed.
    let allowed = if any && !config.credentials { HeaderValue::from_static("*") } else { origin.clone() };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    if config.credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// Adds what a preflight asks for.
pub fn announce_preflight(config: &Cors, headers: &mut HeaderMap) {
    let lists = [(ACCESS_CONTROL_ALLOW_METHODS, &config.methods), (ACCESS_CONTROL_ALLOW_HEADERS, &config.headers)];
    for (name, list) in lists {
        if let Ok(value) = HeaderValue::from_str(&list.join(", ")) {
            headers.insert(name, value);
        }
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(config.max_age.0.as_secs()));
}

/// Scheme and `host:port` of an origin of the web.
fn authority(origin: &str) -> Option<(Scheme, &str)> {
    let http = origin.strip_prefix("http://").map(|rest| (Scheme::Http, rest));
    http.or_else(|| origin.strip_prefix("https://").map(|rest| (Scheme::Https, rest)))
}

/// Whether the origin's host and port are those of the request; the port that a scheme implies may be written or not.
fn same_host(scheme: Scheme, authority: &str, host: &str) -> bool {
    let implied = match scheme {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    let bare = |text: &str| text.strip_suffix(implied).unwrap_or(text).to_ascii_lowercase();
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(origins: &[&str], origin: Option<&str>) -> Verdict {
        verdict_over(None, origins, origin)
    }

    fn verdict_over(scheme: Option<Scheme>, origins: &[&str], origin: Option<&str>) -> Verdict {
        let config = Cors { origins: origins.iter().map(ToString::to_string).collect(), ..Cors::default() };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("chat.example:3000"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).expect("a header value"));
        }
        judge(&config, scheme, &headers)
    }

    #[test]
    fn without_origins_only_the_own_one_passes() {
        assert_eq!(verdict(&[], None), Verdict::Own);
        assert_eq!(verdict(&[], Some("http://chat.example:3000")), Verdict::Own);
        assert_eq!(verdict(&[], Some("https://CHAT.example:3000")), Verdict::Own);
        for other in ["http://chat.example", "http://evil.example", "http://chat.example:3000.evil.example", "null"] {
            assert_eq!(verdict(&[], Some(other)), Verdict::Refused, "{other}");
        }
    }

    #[test]
    fn where_the_scheme_is_known_it_is_part_of_the_origin() {
        let (plain, secure) = ("http://chat.example:3000", "https://chat.example:3000");
        assert_eq!(verdict_over(Some(Scheme::Https), &[], Some(secure)), Verdict::Own);
        assert_eq!(verdict_over(Some(Scheme::Https), &[], Some(plain)), Verdict::Refused);
        assert_eq!(verdict_over(Some(Scheme::Http), &[], Some(secure)), Verdict::Refused);
        assert!(matches!(verdict_over(Some(Scheme::Https), &[plain], Some(plain)), Verdict::Allowed(_)));
    }

    #[test]
    fn listed_origins_are_exact() {
        let listed = ["https://app.example/"];
        assert_eq!(verdict(&listed, Some("http://chat.example:3000")), Verdict::Own);
        assert!(matches!(verdict(&listed, Some("https://app.example")), Verdict::Allowed(_)));
        for other in ["http://app.example", "https://app.example.evil", "https://sub.app.example", "null"] {
            assert_eq!(verdict(&listed, Some(other)), Verdict::Refused, "{other}");
        }
        assert!(matches!(verdict(&["*"], Some("https://anywhere.example")), Verdict::Allowed(_)));
    }

    #[test]
    fn the_star_is_sent_only_without_credentials() {
        for (credentials, expected) in [(true, "https://app.example"), (false, "*")] {
            let config = Cors { origins: vec!["*".into()], credentials, ..Cors::default() };
            let mut headers = HeaderMap::new();
            announce(&config, &Verdict::Allowed(HeaderValue::from_static("https://app.example")), &mut headers);
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], expected);
            assert_eq!(headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS), credentials);
        }
    }
}
