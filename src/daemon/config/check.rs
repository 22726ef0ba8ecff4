//! Settings that fit their keys but not each other.

use super::Config;
use super::diagnose::Problem;
use super::source::Place;

/// Two keys that must agree, the one to blame first, and what is wrong where they do not.
struct Rule {
    keys: [&'static str; 2],
    broken: fn(&Config) -> Option<String>,
}

const RULES: [Rule; 5] = [
    Rule {
        keys: ["messages.max_content", "limits.max_payload"],
        broken: |config| {
            let (content, payload) = (config.chat.messages.max_content, config.limits.max_payload);
            (content > payload).then(|| format!("is {content}, more than `limits.max_payload` lets in ({payload})"))
        },
    },
    Rule {
        keys: ["transports.send_buffer_bytes", "limits.max_payload"],
        broken: |config| {
            let (buffer, payload) = (config.transports.send_buffer_bytes, config.limits.max_payload);
            (buffer < payload)
                .then(|| format!("is {buffer}, too little for one payload of `limits.max_payload` ({payload})"))
        },
    },
    Rule {
        keys: ["server.tls.cert", "server.tls.key"],
        broken: |config| {
            let tls = &config.server.tls;
            (tls.cert.is_some() != tls.key.is_some())
                .then(|| "and `server.tls.key` must be set together, or neither".to_string())
        },
    },
    Rule {
        keys: ["cors.credentials", "cors.origins"],
        broken: |config| {
            let any = config.cors.origins.iter().any(|origin| origin == "*");
            (any && config.cors.credentials)
                .then(|| "cannot be true while `cors.origins` is \"*\": browsers refuse the pair".to_string())
        },
    },
    Rule {
        keys: ["server.demo", "server.path"],
        broken: |config| {
            let taken = config.server.path.trim_end_matches('/').is_empty();
            (config.server.demo && taken).then(|| {
                "has no place for its page: `server.path` leads every request for \"/\" to Socket.IO".to_string()
            })
        },
    },
];

/// What contradicts what; a contradiction that involves one of `misfits` is left unsaid. It is shown at the key that
/// somebody wrote: of the two, the first, unless that one stands at its default.
pub fn contradictions(config: &Config, misfits: &[&str], place_of: impl Fn(&str) -> Place) -> Vec<Problem> {
    let applicable = RULES.iter().filter(|rule| !rule.keys.iter().any(|key| misfits.contains(key)));
    let broken = applicable.filter_map(|rule| {
        let message = format!("`{}` {}", rule.keys[0], (rule.broken)(config)?);
        let place = rule.keys.map(&place_of).into_iter().find(|place| !matches!(place, Place::BuiltIn));
        Some(Problem::new(message, place.unwrap_or(Place::BuiltIn)))
    });
    broken.collect()
}
