//! `--print-schema`: the configuration as a JSON Schema (draft 2020-12), by which editors complete and check it.
//!
//! Types, bounds and defaults are those of the table of keys; what a key means is taken from the shipped `config.toml`, as
//! the manual page is. A schema says less than `--check`: of texts with a grammar of their own, such as addresses, only that
//! they are texts.

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::schema::{self, Key};

const SHIPPED: &str = include_str!("../../../config.toml");

/// `"64KiB"`, as [`crate::domain::units::ByteSize`] reads it.
const SIZE: &str = r"^\s*[0-9]+\s*([bB]|[kKmMgGtT]([iI]?[bB])?)?\s*$";
/// `"1h 30m"`, as [`crate::domain::units::Span`] reads it.
const TIME: &str = r"^\s*([0-9]+\s*(ms|s|m|h|d|w)?\s*)+$";

pub fn json_schema() -> Value {
    let mut root = table("The configuration of chatd.");
    root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".into(), "chatd".into());
    let outside = schema::KEYS.iter().filter(|key| key.section().is_empty()).map(property);
    root["properties"].as_object_mut().expect("every table has properties").extend(outside);
    for section in schema::sections() {
        let properties = properties_of(&mut root, section);
        properties.extend(schema::KEYS.iter().filter(|key| key.section() == section).map(property));
    }
    Value::Object(root)
}

/// An object that takes no other properties than those that will be put into it.
fn table(description: &str) -> Map<String, Value> {
    let Value::Object(table) = json!({
        "description": description, "type": "object", "properties": {}, "additionalProperties": false,
    }) else {
        unreachable!("it was written as an object")
    };
    table
}

/// The properties of a section, which is made where it is not there yet; `server.tls` lies in `server`.
fn properties_of<'a>(root: &'a mut Map<String, Value>, section: &str) -> &'a mut Map<String, Value> {
    let mut at = root;
    let ends = section.match_indices('.').map(|(end, _)| end).chain([section.len()]);
    for (end, name) in ends.zip(section.split('.')) {
        let properties = at["properties"].as_object_mut().expect("every table has properties");
        let inner = properties.entry(name).or_insert_with(|| table(&about(&section[..end], None)).into());
        at = inner.as_object_mut().expect("a section is a table");
    }
    at["properties"].as_object_mut().expect("every table has properties")
}

fn property(key: &Key) -> (String, Value) {
    let mut property = takes(&key.kind);
    let fields = property.as_object_mut().expect("what a key takes is an object");
    fields.insert("description".into(), description(key).into());
    if let Some(default) = key.default {
        let default: toml::Value = default.parse().expect("the table's defaults are TOML, as its test shows");
        fields.insert("default".into(), json!(default));
    }
    (key.name().to_owned(), property)
}

fn description(key: &Key) -> String {
    match key.kind {
        Kind::Entries(_) => about(key.path, None),
        _ => about(key.section(), Some(key.name())),
    }
}

fn takes(kind: &Kind) -> Value {
    match kind {
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Count(least, most) => whole(*least, *most),
        Kind::Size(least, most) => either(json!({ "type": "integer", "minimum": least.0, "maximum": most.0 }), SIZE),
        Kind::Time(least, most) => {
            // A bare number counts seconds.
            either(json!({ "type": "integer", "minimum": least.0.as_secs(), "maximum": most.0.as_secs() }), TIME)
        }
        Kind::TimeOr(_, word) => json!({ "anyOf": [{ "const": word }, { "type": "string", "pattern": TIME }] }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Text(_) | Kind::Path(_) => json!({ "type": "string" }),
        Kind::Secret(_) => json!({ "type": "string", "writeOnly": true }),
        Kind::List(least, _) => list(json!({ "type": "string" }), *least),
        Kind::Counts(least, most) => list(whole(*least, *most), 0),
        Kind::Choices(words) => list(json!({ "enum": words }), 1),
        Kind::Words(names, words) => json!({
            "type": "object", "propertyNames": { "enum": names() }, "additionalProperties": { "enum": words },
        }),
        Kind::Secrets(_) => {
            let secret = json!({ "type": "string", "writeOnly": true });
            json!({ "anyOf": [secret, list(secret, 0)] })
        }
        Kind::Entries(keys) => {
            let properties: Map<String, Value> = keys.iter().map(property).collect();
            let entry = json!({ "type": "object", "properties": properties, "additionalProperties": false });
            json!({ "type": "array", "items": entry })
        }
        Kind::Tables => json!({ "type": "object", "additionalProperties": { "type": "object" } }),
    }
}

fn whole(least: u32, most: u32) -> Value {
    let bound = if most == u32::MAX { json!({}) } else { json!({ "maximum": most }) };
    let mut whole = json!({ "type": "integer", "minimum": least });
    whole.as_object_mut().expect("it was written as an object").extend(bound.as_object().cloned().unwrap_or_default());
    whole
}

fn either(number: Value, pattern: &str) -> Value {
    json!({ "anyOf": [{ "type": "string", "pattern": pattern }, number] })
}

fn list(items: Value, least: usize) -> Value {
    json!({ "type": "array", "items": items, "minItems": least, "uniqueItems": true })
}

/// The comment above a section or a key of the shipped file; its test holds that every one has such a comment.
fn about(section: &str, key: Option<&str>) -> String {
    let mut within = "";
    let mut comment: Vec<&str> = Vec::new();
    for line in SHIPPED.lines() {
        let table = line.strip_prefix("# [[").and_then(|rest| rest.strip_suffix("]]"));
        if let Some(name) = table.or_else(|| line.strip_prefix('[')?.strip_suffix(']')) {
            if key.is_none() && name == section {
                return comment.join(" ");
            }
            within = name;
        } else if let Some(name) = set_in(line) {
            if within == section && key == Some(name) {
                return comment.join(" ");
            }
        } else if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
            continue;
        }
        comment.clear();
    }
    String::new()
}

/// The key that a line sets or shows.
fn set_in(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_').then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_and_key_says_what_it_is_for() {
        for section in schema::sections() {
            assert!(about(section, None).len() > 5, "[{section}]");
        }
        for key in schema::KEYS.iter().chain(schema::API_KEY).chain(schema::WEBHOOK) {
            let about = description(key);
            assert!(about.len() > 5 && about.ends_with('.'), "{}: {about:?}", key.path);
        }
    }

    #[test]
    fn a_section_lies_in_its_own() {
        let schema = json_schema();
        let server = &schema["properties"]["server"]["properties"];
        assert_eq!(server["tls"]["properties"]["cert"]["type"], "string");
        assert_eq!(server["drain_timeout"]["default"], "20s");
        assert_eq!(schema["properties"]["log"]["properties"]["level"]["enum"][1], "error");
    }
}
