//! `config.toml` and the drop-ins beside it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnose::{Problem, did_you_mean, nearest};
use super::schema::{self, LATER};
use super::setting::Layer;
use super::source::{Place, Source};

/// The settings of one file's text. A text that is not TOML yields nothing but its syntax errors.
pub fn layer(path: &Path, text: String) -> Layer {
    let source = Source::new(path.to_path_buf(), text);
    let (document, errors) = DeTable::parse_recoverable(source.text());
    let mut walk = Walk { source: &source, layer: Layer::default() };
    if errors.is_empty() {
        walk.sections(document.get_ref());
    }
    for error in errors {
        let place = walk.place(&error.span().unwrap_or_default());
        walk.layer.problems.push(Problem::new(format!("not TOML: {}", error.message()), place));
    }
    walk.layer.problems.sort_by_key(|problem| problem.place().offset());
    walk.layer
}

/// The `*.toml` files of `conf.d` beside `file`, in name order; hidden files are left out: editors leave them behind.
pub fn drop_ins(file: &Path) -> std::io::Result<Vec<PathBuf>> {
    let directory = file.parent().unwrap_or(Path::new("")).join("conf.d");
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.path().extension().is_some_and(|extension| extension == "toml") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// What to say of a section that is not in the table.
pub fn unknown_section(name: &str, place: Place) -> Problem {
    if LATER.contains(&name) {
        return Problem::new(format!("section `{name}` is not supported by this version"), place);
    }
    let hint = did_you_mean(name, schema::sections());
    Problem::new(format!("unknown section `{name}`"), place).hint(hint)
}

/// What to say of a key that is not in the table: the nearest in its section, else the section that has it.
pub fn unknown_key(section: &str, name: &str, place: Place) -> Problem {
    let path = format!("{section}.{name}");
    if LATER.contains(&path.as_str()) {
        return Problem::new(format!("key `{path}` is not supported by this version"), place);
    }
    let hint = did_you_mean(name, schema::names_in(section)).or_else(|| elsewhere(name));
    Problem::new(format!("unknown key `{path}`"), place).hint(hint)
}

fn elsewhere(name: &str) -> Option<String> {
    let found = schema::KEYS.iter().find(|key| key.name() == name)?;
    Some(format!("it belongs to section `[{}]`", found.section()))
}

/// The way through one file's tables.
struct Walk<'a> {
    source: &'a Arc<Source>,
    layer: Layer,
}

impl Walk<'_> {
    fn place(&self, range: &Range<usize>) -> Place {
        Place::File(Arc::clone(self.source), range.clone())
    }

    fn sections(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let (section, place) = (name.get_ref().as_ref(), self.place(&name.span()));
            if let Some(key) = schema::key(section) {
                self.setting(key, value, place);
                continue;
            }
            let known = schema::sections().any(|known| known == section);
            match value.get_ref() {
                DeValue::Table(table) if known => self.keys(section, table),
                _ if known => {
                    let problem = Problem::new(format!("`{section}` must be a section"), place);
                    self.layer.problems.push(problem.hint(format!("write `[{section}]`")));
                }
                DeValue::Table(_) | DeValue::Array(_) => self.layer.problems.push(unknown_section(section, place)),
                _ => {
                    let hint = elsewhere(section)
                        .or_else(|| nearest(section, schema::KEYS.iter().map(schema::Key::name)).and_then(elsewhere));
                    let problem = Problem::new(format!("unknown key `{section}` outside of any section"), place);
                    self.layer.problems.push(problem.hint(hint));
                }
            }
        }
    }

    fn keys(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = self.place(&name.span());
            let path = format!("{section}.{}", name.get_ref());
            match (schema::key(&path), value.get_ref()) {
                (Some(key), _) => self.setting(key, value, place),
                (None, DeValue::Table(table)) if schema::sections().any(|known| known == path) => {
                    self.keys(&path, table);
                }
                (None, _) => self.layer.problems.push(unknown_key(section, name.get_ref(), place)),
            }
        }
    }

    fn setting(&mut self, key: &'static schema::Key, value: &Spanned<DeValue<'_>>, place: Place) {
        let value_place = self.place(&value.span());
        let items: Vec<Place> = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| self.place(&item.span())).collect(),
            _ => Vec::new(),
        };
        match toml::Value::deserialize(value.clone().into_deserializer()) {
            Ok(plain) => {
                let whole = value_place.clone();
                let item_place = |index: usize| items.get(index).cloned().unwrap_or_else(|| whole.clone());
                self.layer.set(key, plain, place, value_place, item_place);
            }
            Err(error) => {
                self.layer.misfits.push(key.path);
                self.layer.problems.push(Problem::new(format!("`{}`: {}", key.path, error.message()), value_place));
            }
        }
    }
}
