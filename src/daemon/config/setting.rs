//! One value for one key, and where it was written; a layer is what one source sets.

use std::path::Path;

use toml::Value;

use super::diagnose::Problem;
use super::schema::Key;
use super::source::Place;

/// A value that fits its key.
#[derive(Clone)]
pub struct Setting {
    pub key: &'static Key,
    pub value: Value,
    pub place: Place,
}

/// What one source sets, and what is wrong with it.
#[derive(Default)]
pub struct Layer {
    pub settings: Vec<Setting>,
    pub problems: Vec<Problem>,
    /// The keys whose values here do not fit, so that nothing further is said about them.
    pub misfits: Vec<&'static str>,
}

impl Layer {
    /// Takes the value where it fits; `item_place` says where one item of an array stands.
    pub fn set(
        &mut self,
        key: &'static Key,
        value: Value,
        place: Place,
        value_place: Place,
        item_place: impl Fn(usize) -> Place,
    ) {
        let complaints = key.kind.check(&value);
        if complaints.is_empty() {
            return self.settings.push(Setting { key, value, place });
        }
        self.misfits.push(key.path);
        for (item, complaint) in complaints {
            let place = item.map_or_else(|| value_place.clone(), &item_place);
            let message = format!("`{}` {}", key.path, complaint.message);
            self.problems.push(Problem::new(message, place).hint(complaint.hint));
        }
    }

    /// Takes a value from plain text, as in an environment variable.
    pub fn read(&mut self, key: &'static Key, text: &str, place: Place) {
        match key.kind.read(text) {
            Ok(value) => self.set(key, value, place.clone(), place.clone(), |_| place.clone()),
            Err(complaint) => {
                self.misfits.push(key.path);
                let message = format!("`{}` {}", key.path, complaint.message);
                self.problems.push(Problem::new(message, place).hint(complaint.hint));
            }
        }
    }

    /// A layer of nothing but a file that could not be read.
    pub fn unreadable(path: &Path, error: &std::io::Error, place: Place) -> Self {
        let problem = Problem::new(format!("cannot read {}: {error}", path.display()), place);
        Layer { problems: vec![problem], ..Layer::default() }
    }
}
