//! Between JSON and the values of scripts.

use rhai::{Array, Dynamic, INT, ImmutableString, Map};
use serde_json::{Number, Value};

/// Values within values at most: scripts cannot build deeper ones that could not be taken apart again.
const MAX_DEPTH: usize = 32;

/// Why a value of a script is no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    #[error("{0} cannot be kept or sent")]
    Kind(String),
    #[error("values lie more than {MAX_DEPTH} deep in each other")]
    Depth,
}

pub fn from_json(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(switch) => (*switch).into(),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| number.as_f64().unwrap_or(f64::MAX).into(), Dynamic::from)
        }
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(from_json).collect::<Array>().into(),
        Value::Object(fields) => map_from_json(fields).into(),
    }
}

pub fn map_from_json(fields: &serde_json::Map<String, Value>) -> Map {
    fields.iter().map(|(name, value)| (name.as_str().into(), from_json(value))).collect()
}

/// Bounds of JSON that clients bring. A script that is handed more than the engine lets it hold would fail at its first
/// step, and whoever sends such a thing would get round its rules.
const MAX_GIVEN_DEPTH: usize = 16;
const MAX_GIVEN_FIELDS: usize = 100;
const MAX_GIVEN_ITEMS: usize = 400;

/// The same for JSON text that clients bring; none where a script could not hold it.
pub fn from_client(text: &str) -> Option<Dynamic> {
    let value = serde_json::from_str::<Value>(text).ok()?;
    fits(&value).then(|| from_json(&value))
}

/// Whether a script can hold it beside other things.
pub fn fits(value: &Value) -> bool {
    let (mut fields, mut items) = (0, 0);
    is_shallow(value, MAX_GIVEN_DEPTH, &mut fields, &mut items)
        && fields <= MAX_GIVEN_FIELDS
        && items <= MAX_GIVEN_ITEMS
}

fn is_shallow(value: &Value, depth: usize, fields: &mut usize, items: &mut usize) -> bool {
    match value {
        Value::Array(list) => {
            *items += list.len();
            depth > 0 && list.iter().all(|item| is_shallow(item, depth - 1, fields, items))
        }
        Value::Object(map) => {
            *fields += map.len();
            depth > 0 && map.values().all(|field| is_shallow(field, depth - 1, fields, items))
        }
        _ => true,
    }
}

/// JSON text that was checked when it was stored; what is none becomes nothing.
pub fn from_stored(text: &str) -> Dynamic {
    serde_json::from_str::<Value>(text).map_or(Dynamic::UNIT, |value| from_json(&value))
}

/// # Errors
/// Where there is something in it that JSON has not.
pub fn to_json(value: &Dynamic) -> Result<Value, NotJson> {
    json_within(value, MAX_DEPTH)
}

fn json_within(value: &Dynamic, depth: usize) -> Result<Value, NotJson> {
    if depth == 0 {
        return Err(NotJson::Depth);
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(switch) = value.as_bool() {
        return Ok(Value::Bool(switch));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Value::Number(number.into()));
    }
    if let Ok(number) = value.as_float() {
        return Ok(Number::from_f64(number).map_or(Value::Null, Value::Number));
    }
    if let Ok(sign) = value.as_char() {
        return Ok(Value::String(sign.into()));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::String(text.to_string()));
    }
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(|item| json_within(item, depth - 1)).collect::<Result<_, _>>().map(Value::Array);
    }
    if let Ok(fields) = value.as_map_ref() {
        let fields = fields.iter().map(|(name, value)| Ok((name.to_string(), json_within(value, depth - 1)?)));
        return fields.collect::<Result<_, _>>().map(Value::Object);
    }
    Err(NotJson::Kind(with_article(kind_name(value))))
}

/// What sort of value this is, in the words of the manual.
pub fn kind_name(value: &Dynamic) -> &'static str {
    match value.type_name() {
        "()" => "nothing",
        "bool" => "boolean",
        name if name == std::any::type_name::<INT>() => "integer",
        "f64" => "float",
        "char" => "character",
        "string" => "string",
        "array" => "array",
        "map" => "map",
        "blob" => "blob",
        "Fn" => "function",
        name if name == std::any::type_name::<ImmutableString>() => "string",
        _ => "value of the host",
    }
}

pub fn with_article(name: &str) -> String {
    match name {
        "nothing" => name.into(),
        _ if name.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_as_it_went() {
        let text = r#"{"a":[1,-2.5,"x",true,null],"b":{"ü":{}},"big":9007199254740993}"#;
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(to_json(&from_json(&value)), Ok(value));
    }

    #[test]
    fn what_json_has_not_is_named() {
        let error = to_json(&vec![Dynamic::from(rhai::Blob::new())].into()).expect_err("no JSON");
        assert_eq!(error.to_string(), "a blob cannot be kept or sent");
        let deep = (0..40).fold(Dynamic::UNIT, |inner, _| vec![inner].into());
        assert_eq!(to_json(&deep), Err(NotJson::Depth));
    }
}
