//! The table of keys against the structs that the daemon runs with, and reloads.

use std::cell::RefCell;

use serde::de::value::{Error, MapDeserializer};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::*;

/// Collects the field names of the struct that is deserialised from it, and yields none of them.
struct Probe<'a>(&'a RefCell<Vec<&'static str>>);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.borrow_mut().extend(fields);
        visitor.visit_map(MapDeserializer::new(std::iter::empty::<(&str, &str)>()))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Probe<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The fields of `T`.
fn fields<T: DeserializeOwned>() -> Vec<&'static str> {
    let names = RefCell::default();
    T::deserialize(Probe(&names)).map(drop).expect("every section has defaults");
    names.into_inner()
}

/// The fields of one section of `Sections`.
fn fields_of(section: &str) -> Vec<&'static str> {
    let names = RefCell::default();
    let sections = MapDeserializer::new(std::iter::once((section, Probe(&names))));
    Sections::deserialize(sections).map(drop).expect("every section has defaults");
    names.into_inner()
}

fn sorted(names: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
}

#[test]
fn every_field_of_every_section_is_in_the_table_and_no_other() {
    let mut sections = fields::<Sections>();
    sections.retain(|name| *name != "webhooks");
    let (inner, outer): (Vec<_>, Vec<_>) = schema::sections().partition(|section| section.contains('.'));
    assert_eq!(sorted(sections.iter().copied()), sorted(outer));
    for section in sections {
        let is_key = |name: &&str| !inner.contains(&format!("{section}.{name}").as_str());
        let fields = fields_of(section).into_iter().filter(is_key);
        assert_eq!(sorted(fields), sorted(schema::names_in(section)), "[{section}]");
    }
    let entry = schema::API_KEY.iter().map(schema::Key::name);
    assert_eq!(sorted(fields::<api::config::Key>()), sorted(entry), "[[api.keys]]");
    let entry = schema::WEBHOOK.iter().map(schema::Key::name);
    assert_eq!(sorted(fields::<webhook::config::Config>()), sorted(entry), "[[webhooks]]");
    assert_eq!(inner, ["server.tls"]);
    assert_eq!(sorted(fields::<wire::config::Tls>()), sorted(schema::names_in("server.tls")));
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_structs() {
    let mut text = String::new();
    for section in schema::sections() {
        text += &format!("[{section}]\n");
        for key in schema::KEYS.iter().filter(|key| key.section() == section) {
            text += &key.default.map(|value| format!("{} = {value}\n", key.name())).unwrap_or_default();
        }
    }
    let entry = schema::WEBHOOK.iter().filter_map(|key| Some(format!("{} = {}\n", key.name(), key.default?)));
    let webhook: webhook::config::Config = toml::from_str(&entry.collect::<String>()).unwrap();
    assert!(webhook == webhook::config::Config::default(), "{webhook:?}");
    let layer = file::layer(Path::new("defaults"), text.clone());
    assert!(layer.problems.is_empty(), "{:?}", layer.problems);
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
}

/// What one file makes of the built-in defaults.
fn loaded(text: &str) -> Result<Loaded, Problems> {
    let layer = file::layer(Path::new("config.toml"), text.into());
    let settings = layer.settings.into_iter().map(|setting| (setting.key.path, setting)).collect();
    let sources = Sources { settings, file: "config.toml".into(), found: true, drop_ins: 0, notices: Vec::new() };
    assemble(sources, layer.problems, &layer.misfits)
}

#[test]
fn a_reload_takes_what_it_may_and_names_the_rest() {
    let running = loaded("limits.burst = 20\nping.interval = '25s'\nping.timeout = '60s'").ok().unwrap();
    let fresh = loaded("limits.burst = 30\nping.interval = '9s'\nping.timeout = '1m'").ok().unwrap();
    let reload = running.reload(&fresh).ok().unwrap();
    let shown: Vec<String> = reload.changes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [r#"ping.interval: "25s" -> "9s" needs a restart; "25s" stays"#, "limits.burst: 20 -> 30"]);
    assert_eq!(reload.loaded.config.limits.burst, 30);
    assert_eq!(reload.loaded.config.ping, running.config.ping);
    assert_eq!(reload.loaded.sources.locate("ping.interval").to_string(), "config.toml:2");
}

#[test]
fn a_reload_back_to_the_default_is_a_change() {
    let running = loaded("limits.burst = 30\nstore.readers = 4").ok().unwrap();
    let reload = running.reload(&loaded("").ok().unwrap()).ok().unwrap();
    assert_eq!(reload.loaded.config.limits.burst, 20);
    assert_eq!(reload.loaded.config.store.readers, 4);
    assert_eq!(reload.changes.len(), 2);
}

#[test]
fn a_reload_shows_no_secret() {
    let secret = "0123456789abcdef0123456789abcdef";
    let running = loaded("").ok().unwrap();
    let fresh = loaded(&format!("auth.secret = '{secret}'")).ok().unwrap();
    let changes = running.reload(&fresh).ok().unwrap().changes;
    assert_eq!((changes[0].old.as_str(), changes[0].new.as_str()), ("not set", "\"********\""));
}

#[test]
fn a_reload_that_contradicts_what_keeps_running_is_refused() {
    let running = loaded("").ok().unwrap();
    let fresh = loaded("limits.max_payload = '16MiB'\ntransports.send_buffer_bytes = '32MiB'").ok().unwrap();
    let refused = running.reload(&fresh).err().unwrap().to_string();
    assert!(refused.contains("`transports.send_buffer_bytes` is 4MiB"), "{refused}");
}

#[test]
fn any_origin_turns_credentials_off_unless_somebody_asked_for_them() {
    let open = loaded("cors.origins = ['*']").ok().unwrap();
    assert!(!open.config.cors.credentials);
    let exact = loaded("cors.origins = ['https://a.example']").ok().unwrap();
    assert!(exact.config.cors.credentials);
    assert!(open.reload(&exact).ok().unwrap().loaded.config.cors.credentials);
    assert!(loaded("cors.origins = ['*']\ncors.credentials = true").is_err());
}

#[test]
fn a_path_is_served_with_a_slash_at_its_end() {
    assert_eq!(loaded("server.path = '/chat'").ok().unwrap().config.server.path, "/chat/");
}

/// What is said about one line of configuration.
fn said(text: &str) -> String {
    loaded(text).err().map(|problems| problems.to_string()).unwrap_or_default()
}

#[test]
fn values_that_do_not_fit_are_told_what_would() {
    for (text, expected) in [
        ("server.listen = []", "must not be empty"),
        ("server.listen = ['3000']", "write \"127.0.0.1:3000\""),
        ("server.listen = [':3000']", "write \"0.0.0.0:3000\" or \"[::]:3000\""),
        ("server.listen = ['::1:3000']", "write \"[::1]:3000\""),
        ("server.listen = ['fe80::1']", "write \"[fe80::1]:3000\""),
        ("server.listen = ['localhost:99999']", "not `99999`"),
        ("server.listen = ['a:1', 'a:1']", "must not list the same value twice"),
        ("server.listen = ['unix:chatd.sock']", "from the root on"),
        ("server.listen = ['systemd:']", "must list addresses as"),
        ("server.unix_mode = '999'", "a mode in octal"),
        ("server.unix_mode = 666", "must be a string"),
        ("server.trusted_proxies = ['10.0.0.1/8']", "write \"10.0.0.0/8\""),
        ("server.trusted_proxies = ['nginx']", "networks such as \"10.0.0.0/8\""),
        ("server.path = 'socket.io'", "write \"/socket.io\""),
        ("server.workers = 0", "must be from 1 to 1024"),
        ("server.drain_timeout = '11m'", "must be from 0ms to 10m"),
        ("cors.origins = ['https://a.example/']", "write \"https://a.example\""),
        ("cors.origins = ['https://A.example:443']", "write \"https://a.example\""),
        ("cors.origins = ['a.example']", "write \"https://a.example\""),
        ("cors.origins = ['https://*.a.example']", "patterns are not taken"),
        ("cors.methods = ['get']", "write \"GET\""),
        ("cors.headers = ['a b']", "names of HTTP headers"),
        ("ping.interval = '10ms'", "must be from 100ms to 1h"),
        ("transports.allow = []", "must not be empty"),
        ("transports.allow = ['websockets']", "did you mean `websocket`?"),
        ("auth.algorithms = ['none']", "never accepted"),
        ("auth.algorithms = ['hs256']", "did you mean `HS256`?"),
        ("auth.secret = 'short'", "must have at least 32 bytes"),
        ("auth.jwks_url = 'http://id.example/jwks'", "must begin with `https://`"),
        ("limits.events_per_second = 0", "must be at least 1"),
        ("limits.burst = '20'", "must be a whole number"),
        ("limits.max_payload = '65MiB'", "must be from 1KiB to 64MiB"),
        ("limits.max_payload = '1 potato'", "must be a size such as"),
        ("messages.max_content = '2MiB'", "more than `limits.max_payload` lets in (1MiB)"),
        ("messages.retention = 90", "must be \"forever\" or a span of time"),
        ("messages.history_limit = 1001", "must be from 1 to 1000"),
        ("conversations.access = 'all'", "must be one of \"members\", \"open\""),
        ("store.url = 'postgres://u:p@h/d'", "`postgres` is not supported by this version"),
        ("store.url = 'chatd.db'", "must begin with `sqlite:`"),
        ("log.level = 'DEBUG'", "did you mean `debug`?"),
        ("log.filter = 'socketioxide=trace'", "must not let `socketioxide` log below `warn`"),
        ("burst = 1", "it belongs to section `[limits]`"),
        ("limits = 1", "write `[limits]`"),
        ("[limts]\nburst = 1", "did you mean `limits`?"),
        ("server.tls.cert = 'x'", "`server.tls.cert` and `server.tls.key` must be set together"),
        ("server.tls.crt = 'x'", "did you mean `cert`?"),
        ("[cluster]\nnode = 'x'", "section `cluster` is not supported by this version"),
        ("limits.burst = 9999999999999999999999", "`limits.burst`"),
    ] {
        assert!(said(text).contains(expected), "{text}\n{}", said(text));
    }
}

#[test]
fn values_that_fit_are_taken() {
    for text in [
        "server.listen = ['unix:/run/chatd.sock', 'systemd', 'systemd:web']\nserver.unix_mode = '0660'",
        "server.trusted_proxies = ['10.0.0.0/8', '::1', 'unix']",
        "server.listen = ['[::1]:0', '0.0.0.0:80', 'chat.example:3000', 'localhost:65535']",
        "cors.origins = ['https://a.example', 'http://localhost:5173', 'capacitor://localhost', 'http://[::1]:8080']",
        "auth.jwks_url = 'http://127.0.0.1:8080/jwks'",
        "auth.jwks_url = 'http://[::1]:8080/jwks'",
        "messages.retention = '90d'",
        "ping.interval = 30",
        "limits.max_payload = 2048\nmessages.max_content = 2048",
        "log.filter = 'chatd::store=debug,[connection{user.id=ada}]=trace'",
    ] {
        assert_eq!(said(text), "", "{text}");
    }
}
