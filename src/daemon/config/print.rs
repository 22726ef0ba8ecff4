//! `--print-config`: the effective configuration as TOML, each key with where its value came from.

use toml::Value;

use super::Loaded;
use super::redact::{MASK, mask_credentials};
use super::schema::{self, Key};

impl Loaded {
    /// TOML that holds every key; secrets are masked, and keys that have no value stand as comments.
    pub fn print(&self) -> String {
        let mut text = String::new();
        // Behind a section's head they would belong to it.
        for key in schema::KEYS.iter().filter(|key| key.section().is_empty()) {
            text += &self.line(key);
        }
        for section in schema::sections() {
            let gap = if text.is_empty() { "" } else { "\n" };
            text += &format!("{gap}[{section}]\n");
            for key in schema::KEYS.iter().filter(|key| key.section() == section) {
                text += &self.line(key);
            }
        }
        text
    }

    fn line(&self, key: &Key) -> String {
        let place = self.sources.locate(key.path);
        match self.sources.effective(key) {
            Some(value) => format!("{} = {} # {place}\n", key.name(), shown(key, &value)),
            None => format!("# {} is not set\n", key.name()),
        }
    }
}

/// One key in force, as it may be shown; values are TOML.
pub struct Setting {
    pub key: &'static str,
    pub value: Option<String>,
    pub default: Option<&'static str>,
    /// Where it was written.
    pub origin: String,
    pub reloadable: bool,
    /// What it takes, in words.
    pub kind: String,
}

impl super::Sources {
    /// Every key, in the table's order.
    pub fn list(&self) -> impl Iterator<Item = Setting> {
        schema::KEYS.iter().map(|key| Setting {
            key: key.path,
            value: self.effective(key).map(|value| shown(key, &value)),
            default: key.default,
            origin: self.locate(key.path).to_string(),
            reloadable: key.reload,
            kind: key.kind.to_string(),
        })
    }

    /// The value of a key, its default where nobody set it.
    pub fn effective(&self, key: &Key) -> Option<Value> {
        let default =
            || key.default.map(|text| text.parse().expect("the table's defaults are TOML, as its test shows"));
        self.settings.get(key.path).map(|setting| setting.value.clone()).or_else(default)
    }
}

/// A value as it may be shown.
pub fn shown(key: &Key, value: &Value) -> String {
    if key.is_secret() {
        return Value::String(MASK.into()).to_string();
    }
    mask(value).to_string()
}

/// A value of a table within a value: what sounds like a secret is shown to nobody.
fn named(name: &str, value: &Value) -> Value {
    let name = name.to_ascii_lowercase();
    let is_secret = ["secret", "password", "token", "api_key", "apikey"].iter().any(|word| name.contains(word));
    let is_secret = (is_secret && !name.ends_with("_file")) || name == "key";
    match value {
        _ if is_secret => Value::String(MASK.into()),
        // Tokens travel in queries as well.
        Value::String(text) if name == "url" => {
            let shown = text.split_once('?').map(|(head, _)| format!("{head}?{MASK}"));
            Value::String(mask_credentials(&shown.unwrap_or_else(|| text.clone())))
        }
        value => mask(value),
    }
}

fn mask(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_credentials(text)),
        Value::Array(items) => Value::Array(items.iter().map(mask).collect()),
        Value::Table(table) => {
            Value::Table(table.iter().map(|(name, value)| (name.clone(), named(name, value))).collect())
        }
        other => other.clone(),
    }
}
