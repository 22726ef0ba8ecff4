//! Names and values, one pair a line.

use super::output::{Output, Tint};

pub struct Fields<'a>(&'a Output);

impl<'a> Fields<'a> {
    pub fn new(output: &'a Output) -> Self {
        Fields(output)
    }

    pub fn row(&mut self, name: &str, value: String) {
        self.0.line(&format!("  {} {value}", self.0.tint(Tint::Faint, &format!("{name:<20}"))));
    }
}
