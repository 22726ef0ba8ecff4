//! Why parameters do not fit, in the words of JSON and not of the language that reads them.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why `params` are no `T`.
pub fn misfit<T: DeserializeOwned>(params: &Value, error: &serde_json::Error) -> String {
    // The error does not tell which one it is about: each is looked at by itself, where others are missing.
    let wrong = params.as_object().into_iter().flatten().find_map(|(name, value)| {
        let alone = Value::Object([(name.clone(), value.clone())].into_iter().collect());
        let error = serde_json::from_value::<T>(alone).err()?.to_string();
        (!error.starts_with("missing field")).then(|| plain(name, &error))
    });
    wrong.unwrap_or_else(|| plain("params", &error.to_string()))
}

/// What serde says of the parameter `name`.
fn plain(name: &str, error: &str) -> String {
    if let Some(missing) = error.strip_prefix("missing field ") {
        return format!("{}: missing", bare(missing));
    }
    if let Some(rest) = error.strip_prefix("unknown field ") {
        let known = rest.split_once(", expected ").map_or("none", |(_, known)| known);
        let known = known.trim_start_matches("one of ").trim_start_matches("there are no fields");
        let known = if known.is_empty() { "none".into() } else { bare(known) };
        return format!("{name}: no such parameter; there are: {known}");
    }
    if let Some(rest) = error.strip_prefix("unknown variant ") {
        let known = rest.split_once(", expected ").map_or(rest, |(_, known)| known);
        return format!("{name}: expected {}", bare(known));
    }
    let found = error.strip_prefix("invalid type: ").or_else(|| error.strip_prefix("invalid value: "));
    match found.and_then(|rest| rest.split_once(", expected ")) {
        Some((found, expected)) => format!("{name}: expected {}, found {}", wanted(expected), given(found)),
        None => format!("{name}: {error}"),
    }
}

fn wanted(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of zero or more",
        "i64" => "a whole number",
        other => other,
    }
}

/// A value as JSON writes it: `integer `5`` is 5.
fn given(found: &str) -> String {
    match found {
        "map" => "an object".into(),
        "sequence" => "an array".into(),
        "null" => "null".into(),
        other => bare(
            other
                .split_once(' ')
                .filter(|(kind, _)| !kind.contains('"'))
                .map_or(other, |(_, value)| value.strip_prefix("point ").unwrap_or(value)),
        ),
    }
}

fn bare(text: &str) -> String {
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::request::{Broadcast, Kick, Lockdown, Nothing, UserList};
    use super::*;

    fn why<T: DeserializeOwned>(params: Value) -> String {
        let error = serde_json::from_value::<T>(params.clone()).err().expect("it does not fit");
        misfit::<T>(&params, &error)
    }

    #[test]
    fn every_misfit_names_its_parameter_and_what_json_has_there() {
        assert_eq!(why::<Kick>(json!({ "user": 5 })), "user: expected a string, found 5");
        assert_eq!(why::<Kick>(json!({ "user": { "a": 1 } })), "user: expected a string, found an object");
        assert_eq!(why::<Kick>(json!({})), "user: missing");
        assert_eq!(why::<Kick>(json!({ "reason": [] })), "reason: expected a string, found an array");
        assert_eq!(
            why::<Kick>(json!({ "user": "ann", "x": 1 })),
            "x: no such parameter; there are: user, device, reason"
        );
        assert_eq!(why::<Nothing>(json!({ "x": 1 })), "x: no such parameter; there are: none");
        assert_eq!(
            why::<Lockdown>(json!({ "level": -1, "seconds": 1 })),
            "level: expected a whole number of zero or more, found -1"
        );
        assert_eq!(
            why::<UserList>(json!({ "limit": 1.5 })),
            "limit: expected a whole number of zero or more, found 1.5"
        );
        assert_eq!(why::<UserList>(json!({ "only": "x", "limit": 1 })), "only: expected one of online, banned, muted");
        assert_eq!(why::<Broadcast>(json!({ "message": "x", "to": "ann" })), "to: expected an array, found \"ann\"");
        assert_eq!(why::<Broadcast>(json!({ "message": true })), "message: expected a string, found true");
    }
}
