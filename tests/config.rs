//! The configuration as an operator meets it: files, variables and flags in, verdicts and effective settings out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of the test's own, with a daemon that sees no other environment.
struct Desk {
    directory: PathBuf,
    variables: Vec<(&'static str, String)>,
}

/// What a run of the daemon said and how it ended.
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{name}"));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("conf.d")).unwrap();
        Desk { directory, variables: Vec::new() }
    }

    /// A desk with this `config.toml` on it.
    fn with(name: &str, text: &str) -> Self {
        let desk = Desk::new(name);
        desk.write("config.toml", text);
        desk
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.join(name), text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs the daemon with these arguments and nothing else.
    fn chatd(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatd"));
        command.args(arguments).env_clear().env("HOME", &self.directory).envs(self.variables.clone());
        let output = command.output().unwrap();
        Ended {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn check(&self) -> Ended {
        self.chatd(&["--check", "--config", &self.path("config.toml")])
    }

    fn printed(&self, arguments: &[&str]) -> Printed {
        let config = self.path("config.toml");
        let mut all = vec!["--print-config", "--config", &config];
        all.extend(arguments);
        let ended = self.chatd(&all);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        Printed::read(&ended.stdout)
    }
}

/// The output of `--print-config`: each `section.key` with its value as TOML text, if it has one, and its origin.
struct Printed {
    keys: BTreeMap<String, (Option<toml::Value>, String)>,
}

impl Printed {
    fn read(text: &str) -> Self {
        let table: toml::Table = text.parse().expect("the printed configuration is TOML");
        let mut keys = BTreeMap::new();
        let mut section = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
            } else if let Some(name) = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set")) {
                keys.insert(format!("{section}.{name}"), (None, String::new()));
            } else if let Some((name, rest)) = line.split_once(" = ") {
                let parts = section.split('.').filter(|part| !part.is_empty());
                let value = parts.fold(&table, |table, part| table[part].as_table().unwrap())[name].clone();
                let origin = rest.rsplit_once(" # ").expect("an origin follows").1;
                let key = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
                keys.insert(key, (Some(value), origin.into()));
            }
        }
        Printed { keys }
    }

    fn value(&self, key: &str) -> String {
        self.keys[key].0.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    fn origin(&self, key: &str) -> &str {
        &self.keys[key].1
    }
}

/// A key of the shipped `config.toml`: its section, its name, and the value beside it.
fn documented() -> Vec<(String, String, String)> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml")).unwrap();
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in text.lines() {
        let entry = line.strip_prefix("# [[").and_then(|rest| rest.strip_suffix("]]"));
        if let Some(name) = entry.or_else(|| line.strip_prefix('[')?.strip_suffix(']')) {
            section = name.into();
        } else if let Some((name, value)) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ") {
            let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if is_name {
                keys.push((section.clone(), name.into(), value.into()));
            }
        }
    }
    keys
}

/// Sections whose tables are entries of an array; the file shows one of each.
const ENTRIES: [&str; 2] = ["api.keys", "webhooks"];

fn is_of_entry(section: &str) -> bool {
    ENTRIES.contains(&section)
}

/// The documented keys as a configuration, but for those that are left out.
fn uncommented(keep: impl Fn(&str) -> bool) -> String {
    let kept = documented().into_iter().filter(|(section, ..)| !is_of_entry(section));
    let kept = kept.filter(|(section, name, _)| keep(&format!("{section}.{name}")));
    kept.map(|(section, name, value)| format!("{section}.{name} = {value}\n")).collect()
}

#[test]
fn the_shipped_file_documents_every_key_and_no_other() {
    let desk = Desk::with("documented", "");
    let known: Vec<String> = desk.printed(&[]).keys.into_keys().collect();
    let keys = documented().into_iter().filter(|(section, ..)| !is_of_entry(section));
    let mut named: Vec<String> = keys.map(|(section, name, _)| format!("{section}.{name}")).collect();
    named.extend(ENTRIES.map(str::to_owned));
    named.sort();
    assert_eq!(named, known);
}

#[test]
fn the_shipped_file_shows_an_entry_of_each_array_with_its_defaults() {
    let desk = Desk::with("entries", "");
    let schema: serde_json::Value = serde_json::from_str(&desk.chatd(&["--print-schema"]).stdout).unwrap();
    for array in ENTRIES {
        let of_array = array.split('.').fold(&schema, |at, part| &at["properties"][part]);
        let properties = of_array["items"]["properties"].as_object().unwrap();
        let shown: Vec<_> = documented().into_iter().filter(|(section, ..)| section == array).collect();
        assert_eq!(shown.iter().map(|(_, name, _)| name).collect::<Vec<_>>(), properties.keys().collect::<Vec<_>>());
        for (_, name, value) in shown {
            let Some(default) = properties[&name].get("default") else { continue };
            let shown: toml::Table = format!("value = {value}").parse().unwrap();
            assert_eq!(*default, serde_json::json!(shown["value"]), "{array}: {name}");
        }
    }
}

/// Nobody shall run with a secret that the documentation gave away.
#[test]
fn the_webhook_of_the_shipped_file_is_valid_but_the_secret() {
    let entry: Vec<_> = documented().into_iter().filter(|(section, ..)| section == "webhooks").collect();
    let check = |secret: &str| {
        let keys = entry.iter().filter(|(_, name, _)| name != "secret" && name != "secret_file");
        let keys: String = keys.map(|(_, name, value)| format!("{name} = {value}\n")).collect();
        Desk::with("webhook", &format!("[[webhooks]]\nsecret = {secret}\n{keys}")).check()
    };
    let ended = check("'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let (_, _, shown) = entry.iter().find(|(_, name, _)| name == "secret").unwrap();
    assert_eq!(check(shown).status, 78);
}

#[test]
fn the_shipped_file_changes_nothing_but_that_no_plugin_runs_by_itself() {
    let desk = Desk::with("shipped", include_str!("../config.toml"));
    assert_eq!(desk.check().status, 0);
    let printed = desk.printed(&[]);
    let written = printed.keys.iter().filter(|(_, (_, origin))| !origin.is_empty() && origin != "default");
    assert_eq!(written.map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["plugins.enabled"]);
    assert_eq!(printed.value("plugins.enabled"), "[]");
}

#[test]
fn the_shipped_file_shows_the_defaults() {
    let defaults = Desk::with("defaults", "").printed(&[]);
    let desk = Desk::with("shown", &uncommented(|key| defaults.keys[key].0.is_some()));
    for (key, (value, _)) in desk.printed(&[]).keys {
        assert_eq!(value, defaults.keys[&key].0, "{key}");
    }
}

/// Nobody shall run with a secret that the documentation gave away.
#[test]
fn every_example_of_the_shipped_file_is_valid_but_the_secret() {
    // `--check` opens key files as well, and those of the examples are not there; `--print-config` only validates.
    let desk = Desk::with("examples", &uncommented(|key| key != "auth.secret"));
    desk.printed(&[]);
    let is_file = |key: &str| {
        key.starts_with("server.tls.")
            || key == "api.keys_file"
            || key.starts_with("auth.") && (key.ends_with("_file") || key.ends_with("_url"))
    };
    let desk = Desk::with("examples-checked", &uncommented(|key| key != "auth.secret" && !is_file(key)));
    let ended = desk.check();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let desk = Desk::with("example-secret", &uncommented(|key| key == "auth.secret"));
    assert_eq!(desk.check().status, 78);
}

#[test]
fn a_sound_configuration_is_said_to_be_so() {
    let desk = Desk::with("sound", "[limits]\nburst = 30\n");
    let ended = desk.check();
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout, format!("configuration ok: {}\n", desk.path("config.toml")));
    desk.write("conf.d/a.toml", "");
    desk.write("conf.d/b.toml", "");
    desk.write("conf.d/.b.toml.swp", "what an editor leaves");
    desk.write("conf.d/README", "no TOML");
    assert_eq!(desk.check().stdout, format!("configuration ok: {} (+ 2 drop-ins)\n", desk.path("config.toml")));
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest_known() {
    let desk = Desk::with("unknown", "# mine\n[limits]\n\nevents_per_secnd = 5\n");
    let ended = desk.check();
    assert_eq!((ended.status, ended.stdout.as_str()), (78, ""));
    let expected = format!(
        "error: unknown key `limits.events_per_secnd`\n --> {}:4:1\n4 | events_per_secnd = 5\n  \
         | ^^^^^^^^^^^^^^^^ did you mean `events_per_second`?\n",
        desk.path("config.toml")
    );
    assert_eq!(ended.stderr, expected);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = "[limits]\nburst = \"many\"\nmax_payload = \"65MiB\"\n[ping]\ninterval = true\n[files]\ndir = \"x\"\n";
    let desk = Desk::with("several", text).variable("CHATD_LIMITS__BRUST", "1").variable("CHATD_STORE__READERS", "0");
    desk.write("conf.d/10.toml", "[messages]\nhistory_limit = 0\n");
    desk.write("conf.d/20.toml", "[messages\n");
    let config = desk.path("config.toml");
    let ended = desk.chatd(&["--check", "--config", &config, "--log-level", "loud"]);
    assert_eq!(ended.status, 78);
    let mut rest = ended.stderr.as_str();
    for expected in [
        "`limits.burst` must be a whole number",
        "config.toml:2:9",
        "found a string",
        "`limits.max_payload` must be from 1KiB to 64MiB",
        "config.toml:3:15",
        "`ping.interval` must be a span of time",
        "config.toml:5:12",
        "section `files` is not supported by this version",
        "config.toml:6:2",
        "`messages.history_limit` must be from 1 to 1000",
        "10.toml:2:17",
        "not TOML",
        "20.toml:1:",
        "CHATD_LIMITS__BRUST",
        "did you mean `CHATD_LIMITS__BURST`?",
        "`store.readers` must be from 1 to 64",
        "environment variable CHATD_STORE__READERS",
        "`log.level` must be one of",
        "command line, --log-level",
    ] {
        let at = rest.find(expected).unwrap_or_else(|| panic!("no {expected:?} in order in:\n{}", ended.stderr));
        rest = &rest[at..];
    }
    assert_eq!(ended.stderr.matches("error: ").count(), 9, "{}", ended.stderr);
}

#[test]
fn contradictions_are_shown_where_somebody_wrote_them() {
    let desk = Desk::with("contradiction", "[limits]\nmax_payload = \"32KiB\"\n");
    desk.write("conf.d/a.toml", "[cors]\ncredentials = true\norigins = [\"*\"]\n");
    let ended = desk.check();
    assert_eq!(ended.status, 78);
    for expected in
        ["`messages.max_content` is 64KiB", "config.toml:2:1", "`cors.credentials` cannot be true", "a.toml:2:1"]
    {
        assert!(ended.stderr.contains(expected), "{expected}\n{}", ended.stderr);
    }
}

#[test]
fn a_stronger_source_goes_over_a_weaker_one() {
    let desk = Desk::with("order", "[limits]\nburst = 1\n");
    assert_eq!(desk.printed(&[]).origin("limits.burst"), format!("{}:2", desk.path("config.toml")));
    desk.write("conf.d/20.toml", "\nlimits.burst = 3\n");
    desk.write("conf.d/10.toml", "limits.burst = 2\n");
    let printed = desk.printed(&[]);
    assert_eq!(
        (printed.value("limits.burst").as_str(), printed.origin("limits.burst")),
        ("3", &*format!("{}:2", desk.path("conf.d/20.toml")))
    );
    let desk = desk.variable("CHATD_LIMITS__BURST", "4").variable("CHATD_SERVER__LISTEN", "127.0.0.1:1,[::1]:2");
    let printed = desk.printed(&[]);
    assert_eq!(
        (printed.value("limits.burst").as_str(), printed.origin("limits.burst")),
        ("4", "env CHATD_LIMITS__BURST")
    );
    assert_eq!(printed.value("server.listen"), r#"["127.0.0.1:1", "[::1]:2"]"#);
    let printed = desk.printed(&["--listen", "127.0.0.1:3", "--listen", "[::1]:4", "--state-dir", "/srv/chatd"]);
    assert_eq!(printed.value("server.listen"), r#"["127.0.0.1:3", "[::1]:4"]"#);
    assert_eq!(printed.origin("server.listen"), "--listen");
    assert_eq!(printed.value("server.state_dir"), r#""/srv/chatd""#);
}

#[test]
fn the_applications_variables_stand_in_where_nothing_else_is_set() {
    let secret = "0123456789abcdef0123456789abcdef";
    let desk = Desk::with("aliases", "")
        .variable("JWT_ACCESS_SECRET_KEY", secret)
        .variable("CLIENT_URL", "https://a.example, https://b.example");
    let printed = desk.printed(&[]);
    assert_eq!(printed.value("cors.origins"), r#"["https://a.example", "https://b.example"]"#);
    assert_eq!(printed.origin("cors.origins"), "env CLIENT_URL");
    assert_eq!(printed.origin("auth.secret"), "env JWT_ACCESS_SECRET_KEY");
    desk.write("config.toml", "[cors]\norigins = [\"https://c.example\"]\n");
    assert_eq!(desk.printed(&[]).value("cors.origins"), r#"["https://c.example"]"#);
}

#[test]
fn an_alias_that_has_no_effect_is_not_looked_at() {
    let desk = Desk::with("alias-shadowed", "[cors]\norigins = []\n").variable("CLIENT_URL", "somewhere else/");
    assert_eq!(desk.check().status, 0);
    let desk = Desk::with("alias-empty", "").variable("JWT_ACCESS_SECRET_KEY", "");
    assert_eq!(desk.check().status, 0);
    let desk = Desk::with("alias-short", "").variable("JWT_ACCESS_SECRET_KEY", "hunter2");
    let ended = desk.check();
    assert_eq!(ended.status, 78);
    assert!(ended.stderr.contains("JWT_ACCESS_SECRET_KEY"), "{}", ended.stderr);
}

#[test]
fn no_secret_is_ever_shown() {
    let text = "[auth]\nsecret = \"hunter2hunter2hunter2hunter2hunter2\"\n\
                jwks_url = \"https://ada:hunter2@id.example/jwks\"\n";
    let printed = Desk::with("masked", text).printed(&[]);
    assert_eq!(printed.value("auth.secret"), r#""********""#);
    assert_eq!(printed.value("auth.jwks_url"), r#""https://********@id.example/jwks""#);
    let text = "[auth]\nsecret = \"hunter2\"\nsecrte = \"hunter2\"\n[store]\nurl = \"postgres://ada:hunter2@h/d\"\n";
    let desk = Desk::with("masked-errors", text).variable("CHATD_AUTH__SECRET", "hunter2");
    let ended = desk.check();
    assert_eq!(ended.status, 78);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
}

#[test]
fn what_is_printed_reads_as_the_same_configuration() {
    let text = "[server]\npath = \"/chat\"\n[cors]\norigins = [\"https://a.example\"]\n[log]\nlevel = \"debug\"\n";
    let first = Desk::with("round-trip", text);
    let config = first.path("config.toml");
    let printed = first.chatd(&["--print-config", "--config", &config]).stdout;
    let second = Desk::with("round-trip-again", &printed).printed(&[]);
    for (key, (value, _)) in first.printed(&[]).keys {
        assert_eq!(second.keys[&key].0, value, "{key}");
    }
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let desk = Desk::new("missing");
    let ended = desk.check();
    assert_eq!(ended.status, 78);
    assert!(
        ended.stderr.contains("cannot read") && ended.stderr.contains("command line, --config"),
        "{}",
        ended.stderr
    );
    let path = desk.path("other.toml");
    let desk = desk.variable("CHATD_CONFIG", &path);
    let ended = desk.chatd(&["--check"]);
    assert_eq!(ended.status, 78);
    assert!(ended.stderr.contains("environment variable CHATD_CONFIG"), "{}", ended.stderr);
    desk.write("other.toml", "");
    assert_eq!(desk.chatd(&["--check"]).stdout, format!("configuration ok: {path}\n"));
}

#[test]
fn wrong_usage_ends_with_status_2() {
    let desk = Desk::new("usage");
    for arguments in
        [&["--wat"][..], &["--check", "--print-config"], &["token"], &["token", "--user", "a", "--ttl", "x"]]
    {
        assert_eq!(desk.chatd(arguments).status, 2, "{arguments:?}");
    }
    assert_eq!(desk.chatd(&["--version"]).stdout, concat!("chatd ", env!("CARGO_PKG_VERSION"), "\n"));
}
