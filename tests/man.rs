//! The manual pages: every option and key stands in them, and `mandoc` has nothing to say.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).current_dir(root()).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

fn pages() -> Vec<String> {
    let names = fs::read_dir(root().join("man")).unwrap().map(|entry| entry.unwrap().path());
    let pages =
        names.filter(|path| path.extension().is_some_and(|section| section.to_string_lossy().parse::<u8>().is_ok()));
    pages.map(|path| path.display().to_string()).collect()
}

#[test]
fn mandoc_finds_nothing_wrong() {
    let pages = pages();
    assert!(pages.len() >= 2, "{pages:?}");
    for page in pages {
        let lint = run("mandoc", &["-T", "lint", "-W", "warning", &page]);
        assert!(lint.status.success(), "{}", said(&lint));
    }
}

#[test]
fn every_option_stands_in_the_page_of_its_program() {
    let page = fs::read_to_string(root().join("man/chatd.8")).unwrap();
    for args in [&["--help"][..], &["token", "--help"]] {
        let help = said(&run(env!("CARGO_BIN_EXE_chatd"), args));
        let options = help.split_whitespace().filter_map(|word| word.strip_prefix("--"));
        let options = options.map(|option| option.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()));
        for option in options.filter(|option| !option.is_empty()) {
            assert!(page.contains(&format!("Fl -{option}")), "--{option} is not in chatd(8)");
        }
    }
}

/// The commands and options that the help of a command of chatctl lists, less those that all commands have.
fn listed(path: &[String]) -> (Vec<String>, Vec<String>) {
    let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
    args.push("--help");
    let help = said(&run(env!("CARGO_BIN_EXE_chatctl"), &args));
    let within = |heading: &str| {
        let lines = help.lines().skip_while(move |line| *line != heading).skip(1);
        lines.take_while(|line| line.is_empty() || line.starts_with(' ')).map(str::to_owned).collect::<Vec<_>>()
    };
    // Names stand two columns in; what is said of them goes on further in.
    let commands = within("Commands:").into_iter().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands = commands.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    let options = within("Options:").into_iter().filter_map(|line| {
        let option = line.trim_start();
        let long = option.find("--").filter(|at| *at == 0 || option.starts_with('-')).map(|at| &option[at + 2..])?;
        Some(long.split([' ', ',', '=']).next().unwrap_or_default().to_owned())
    });
    (commands, options.filter(|option| option != "help" && option != "version").collect())
}

#[test]
fn every_command_and_option_of_chatctl_stands_in_its_page() {
    let page = fs::read_to_string(root().join("man/chatctl.1")).unwrap().replace(".It Xo\n.Cm", ".It Cm");
    let entry = |path: &[String]| {
        let begin = format!("\n.It Cm {}", path.join(" "));
        let mut found = page.match_indices(&begin).map(|(at, _)| &page[at + begin.len()..]);
        let text = found.find(|rest| rest.starts_with([' ', '\n']))?;
        // Of commands that share what is said of them, each has its options.
        Some(&text[..text.find("\n.It").or(text.find("\n.El")).unwrap_or(text.len())])
    };
    let mut seen = 0;
    let mut waiting = vec![Vec::new()];
    while let Some(path) = waiting.pop() {
        let (commands, options) = listed(&path);
        waiting.extend(commands.iter().map(|name| [&path[..], std::slice::from_ref(name)].concat()));
        if path.is_empty() || !commands.is_empty() {
            continue;
        }
        let entry = entry(&path).unwrap_or_else(|| panic!("chatctl {} is not in chatctl(1)", path.join(" ")));
        for option in options {
            assert!(entry.contains(&format!("Fl -{option}")), "--{option} of {} is not in chatctl(1)", path.join(" "));
        }
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
    for option in ["socket", "json", "quiet", "yes", "timeout", "color", "help", "version"] {
        assert!(page.contains(&format!("\n.It Fl -{option}")), "--{option} is not in chatctl(1)");
    }
}

#[test]
fn every_method_of_the_admin_socket_stands_in_the_page() {
    let page = fs::read_to_string(root().join("man/chatctl.1")).unwrap();
    let table = fs::read_to_string(root().join("src/admin/protocol.rs")).unwrap();
    let rows = table.lines().filter(|line| line.ends_with(", reads;") || line.ends_with(", changes;"));
    let methods: Vec<_> = rows.filter_map(|row| row.split('"').nth(1)).collect();
    assert!(methods.len() > 40, "{methods:?}");
    for method in methods {
        assert!(page.split_whitespace().any(|word| word == method), "{method} is not in chatctl(1)");
    }
}

#[test]
fn the_page_of_the_configuration_is_what_the_shipped_file_says() {
    let check = run("python3", &["man/make", "--check"]);
    assert!(check.status.success(), "{}", said(&check));
    let page = fs::read_to_string(root().join("man/chatd.toml.5")).unwrap();
    let config = fs::read_to_string(root().join("config.toml")).unwrap();
    let keys =
        config.lines().filter_map(|line| line.strip_prefix("# ").unwrap_or(line).split_once(" = ")).map(|(key, _)| key);
    let keys: Vec<_> =
        keys.filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')).collect();
    assert!(keys.len() > 50, "{keys:?}");
    for key in keys {
        assert!(page.contains(&format!(".It Ic {key} ")), "{key} is not in chatd.toml(5)");
    }
}

/// The texts between quotes in a line of Rust.
fn quoted(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}

/// Entries as chatd-plugins(7) has them: a function's name and the names of its arguments.
fn hooks_and_functions() -> Vec<String> {
    let hooks = fs::read_to_string(root().join("src/domain/hooks.rs")).unwrap();
    let hooks = hooks.lines().filter(|line| line.trim().starts_with("shape(Point::")).map(|line| {
        let words = quoted(line);
        words[..words.len() - 1].join(" ")
    });
    let functions = fs::read_to_string(root().join("src/plugin/api/table.rs")).unwrap();
    let signatures =
        functions.lines().filter_map(|line| quoted(line).first().copied()).filter(|text| text.contains(") -> "));
    let functions = signatures.map(|signature| {
        let (name, rest) = signature.split_once('(').unwrap();
        let (parameters, _) = rest.split_once(") ->").unwrap();
        let names = parameters.split(", ").filter_map(|parameter| parameter.split_once(':')).map(|(name, _)| name);
        std::iter::once(name).chain(names).collect::<Vec<_>>().join(" ")
    });
    hooks.chain(functions).collect()
}

/// The names of what is called by itself, and of what tests have beside all else.
fn others() -> Vec<String> {
    let testing = fs::read_to_string(root().join("src/plugin/tools/testing.rs")).unwrap();
    let names = testing.lines().filter(|line| line.contains(".register_fn(\"")).map(|line| quoted(line)[0].to_owned());
    names.chain(["on_load", "on_unload", "test_config"].map(str::to_owned)).collect()
}

#[test]
fn every_hook_and_function_of_plugins_stands_in_their_page() {
    let page = fs::read_to_string(root().join("man/chatd-plugins.7")).unwrap();
    let shown: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".It Fn ")).collect();
    let name = |entry: &str| entry.split(' ').next().unwrap_or_default().to_owned();
    let (there, others) = (hooks_and_functions(), others());
    assert!(there.len() > 60 && others.len() > 10, "{there:?} {others:?}");
    for entry in &there {
        assert!(shown.contains(&entry.as_str()), "{entry} is not in chatd-plugins(7)");
    }
    for other in &others {
        assert!(shown.iter().any(|entry| name(entry) == *other), "{other} is not in chatd-plugins(7)");
    }
    for entry in shown {
        let is_there = there.iter().any(|known| known == entry) || others.contains(&name(entry));
        assert!(is_there, "{entry} is in chatd-plugins(7) alone");
    }
}
