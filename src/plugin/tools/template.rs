//! `plugin new`: a plugin to begin with, and its test.

use std::path::{Path, PathBuf};

use super::testing;
use crate::plugin::script::Flaw;

const SCRIPT: &str = r#"// What this plugin is for, in a sentence.
//
//   [plugins.config.NAME]
//   word = "xyzzy"    # messages that contain it are refused

fn on_message(message, user, conversation) {
    if message.content.contains(config.word ?? "xyzzy") {
        return deny("That word is not said here.");
    }
}
"#;

const TEST: &str = r#"fn test_config() { #{ word: "plugh" } }

fn say(text) { on_message(#{ content: text }, #{ id: "ann" }, #{ id: "room" }) }

fn test_the_word_is_refused() {
    assert_eq(say("I say plugh!").text, "That word is not said here.");
}

fn test_all_else_passes() {
    assert(say("Hello") == ());
}
"#;

/// Writes `NAME.rhai` and its test into `directory`; the files.
///
/// # Errors
/// Where one of them is there already, or cannot be written.
pub fn write(directory: &Path, name: &str) -> Result<[PathBuf; 2], Flaw> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let place = directory.join(format!("{name}.rhai"));
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(Flaw::whole(&place, "a plugin's name has letters, digits, `-` and `_`"));
    }
    let files = [place, directory.join(format!("{name}{}", testing::SUFFIX))];
    if let Some(there) = files.iter().find(|file| file.exists()) {
        return Err(Flaw::whole(there, "is there already"));
    }
    let unwritable = |file: &Path, error: std::io::Error| Flaw::whole(file, format!("cannot be written: {error}"));
    std::fs::create_dir_all(directory).map_err(|error| unwritable(directory, error))?;
    let texts = [SCRIPT.replace("NAME", name), TEST.to_owned()];
    for (file, text) in files.iter().zip(texts) {
        std::fs::write(file, text).map_err(|error| unwritable(file, error))?;
    }
    Ok(files)
}
