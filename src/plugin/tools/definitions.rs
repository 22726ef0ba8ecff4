//! `plugin definitions`: a file for editors that knows the language, made from the table of the host's functions.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::domain::hooks::SHAPES;
use crate::plugin::api::FUNCTIONS;
use crate::plugin::script::Flaw;

/// Writes `chatd.d.rhai` into `directory`; the file.
///
/// # Errors
/// Where it cannot be written.
pub fn write(directory: &Path) -> Result<PathBuf, Flaw> {
    let file = directory.join("chatd.d.rhai");
    let unwritable = |error: std::io::Error| Flaw::whole(&file, format!("cannot be written: {error}"));
    std::fs::create_dir_all(directory).map_err(unwritable)?;
    std::fs::write(&file, text()).map_err(unwritable)?;
    Ok(file)
}

fn text() -> String {
    let mut text =
        String::from("// What chatd lends to plugins. Made by `chatctl plugin definitions`.\n\nmodule static;\n\n");
    for shape in &SHAPES {
        let _ = writeln!(text, "// hook: fn {}({})", shape.hook, shape.arguments.join(", "));
    }
    text += "\n/// The plugin's table, `[plugins.config.NAME]`.\nlet config: Map;\n";
    let (inner, plain): (Vec<_>, Vec<_>) = FUNCTIONS.iter().partition(|function| function.name().contains("::"));
    for function in plain {
        let _ = write!(text, "\n/// {}\nfn {};\n", function.says, function.signature);
    }
    let mut spaces: Vec<&str> = inner.iter().filter_map(|function| function.name().split("::").next()).collect();
    spaces.dedup();
    for space in spaces {
        let _ = write!(text, "\nmodule {space} {{\n");
        for function in inner.iter().filter(|function| function.name().split("::").next() == Some(space)) {
            let signature = function.signature.split_once("::").map_or(function.signature, |(_, rest)| rest);
            let _ = write!(text, "    /// {}\n    fn {signature};\n", function.says);
        }
        text += "}\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_and_every_hook_is_in_the_file() {
        let text = text();
        for function in FUNCTIONS {
            assert!(text.contains(function.says), "{}", function.signature);
        }
        assert!(SHAPES.iter().all(|shape| text.contains(&format!("fn {}(", shape.hook))));
        assert_eq!(text.matches("module kv {").count(), 1);
    }
}
