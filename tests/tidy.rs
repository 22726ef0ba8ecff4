//! Holds the house to its own rules: the layers of the rooms, the length of a file, and that no test is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LONGEST_FILE: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `dir` whose name fits, but for what package managers and compilers put there.
fn files(dir: &Path, fits: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let entry = entry.expect("a directory can be read to its end");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().expect("an entry has a type").is_dir() {
            if !["node_modules", ".venv", "target", "__pycache__"].contains(&name.as_str()) {
                found.extend(files(&entry.path(), fits));
            }
        } else if fits(&name) {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    files(&root().join("src"), &|name| name.ends_with(".rs"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The layer of each room, from the table in the documentation of `src/lib.rs`.
fn layers() -> BTreeMap<String, u32> {
    let text = read(&root().join("src/lib.rs"));
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! |"));
    rows.filter_map(|row| {
        let mut cells = row.split('|').map(str::trim);
        let layer = cells.next()?.parse().ok()?;
        let room = cells.next()?.trim_matches('`').to_owned();
        Some((room, layer))
    })
    .collect()
}

/// The room of a source file: the first part of its path below `src`. The entry points belong to none.
fn room_of(path: &Path) -> Option<String> {
    let inner = path.strip_prefix(root().join("src")).ok()?;
    let first = inner.iter().next()?.to_str()?;
    let is_entry = first == "bin" || first == "lib.rs";
    (!is_entry).then(|| first.trim_end_matches(".rs").to_owned())
}

/// The rooms that a text names as `crate::room`, alone or in braces; comments do not count.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n").collect();
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(group_heads(group)),
            None => rooms.extend(head(rest)),
        }
    }
    rooms
}

fn head(path: &str) -> Option<String> {
    let name: String = path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The first names of the paths in a group, read up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut item = String::new();
    let mut heads = Vec::new();
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => heads.extend(head(&std::mem::take(&mut item))),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                item.push(c);
            }
        }
    }
    heads.extend(head(&item));
    heads
}

#[test]
fn the_reader_of_paths_sees_groups_and_skips_comments() {
    let text = "use crate::store::{Tx, Query};\nuse crate::{\n    domain::{id::X, time}, // crate::no\n    bus,\n};\nlet a = crate::chat::Chat;\n";
    let expected = ["bus", "chat", "domain", "store"].map(str::to_owned);
    assert_eq!(rooms_used(text), BTreeSet::from(expected));
}

#[test]
fn every_room_stands_in_the_table() {
    let layers = layers();
    let rooms: BTreeSet<_> = sources().iter().filter_map(|path| room_of(path)).collect();
    assert!(rooms.len() > 5, "the rooms were found: {rooms:?}");
    assert_eq!(rooms, layers.keys().cloned().collect(), "the rooms below src and those in the table of src/lib.rs");
}

#[test]
fn no_room_imports_its_own_layer_or_one_above() {
    let layers = layers();
    let mut wrong = Vec::new();
    let mut paths = 0;
    for path in sources() {
        let Some(room) = room_of(&path) else { continue };
        for used in rooms_used(&read(&path)) {
            paths += 1;
            let is_allowed = used == room || layers.get(&used).is_some_and(|layer| *layer < layers[&room]);
            if !is_allowed {
                wrong.push(format!("{}: `crate::{used}` in room `{room}`", shown(&path)));
            }
        }
    }
    assert!(paths > 20, "imports were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_file_is_longer_than_one_can_read() {
    let lengths = sources().into_iter().map(|path| (read(&path).lines().count(), path));
    let long: Vec<_> =
        lengths.filter(|(lines, _)| *lines > LONGEST_FILE).map(|(lines, path)| (shown(&path), lines)).collect();
    assert!(long.is_empty(), "longer than {LONGEST_FILE} lines: {long:?}");
}

#[test]
fn no_test_file_is_forgotten() {
    let is_test = |name: &str| name.ends_with(".test.mjs") || (name.starts_with("test_") && name.ends_with(".py"));
    let there: BTreeSet<_> = files(&root().join("tests"), &is_test).iter().map(|path| shown(path)).collect();
    let listed = Command::new("bash").arg(root().join("tests/run")).arg("--list").output().expect("bash runs");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let run: BTreeSet<_> = String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect();
    assert!(there.len() > 20, "the test files were found");
    assert_eq!(there, run, "the files below tests and those that tests/run runs");
}
