//! Settings from environment variables: `CHATD_<SECTION>__<KEY>`, and two names that applications already have.

use std::ffi::{OsStr, OsString};

use super::diagnose::{Problem, did_you_mean, nearest};
use super::file::{unknown_key, unknown_section};
use super::schema;
use super::setting::Layer;
use super::source::Place;

/// Variables that stand for a key where nothing else sets it.
const ALIASES: [(&str, &str); 2] = [("JWT_ACCESS_SECRET_KEY", "auth.secret"), ("CLIENT_URL", "cors.origins")];

/// The environment, as pairs of name and value.
pub type Variables = [(OsString, OsString)];

/// What `CHATD_<SECTION>__<KEY>` variables set, in name order.
pub fn layer(variables: &Variables) -> Layer {
    let mut layer = Layer::default();
    let mut ours: Vec<_> = variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value))).collect();
    ours.sort();
    for (variable, value) in ours {
        let Some(rest) = variable.strip_prefix("CHATD_") else { continue };
        let Some((section, name)) = rest.rsplit_once("__") else {
            // Others may be for other programs; of ours there are but those that lie in no section.
            if let Some(key) = schema::key(&rest.to_lowercase()) {
                take(&mut layer, key, value, Place::Variable(variable.to_string()));
            }
            continue;
        };
        let (section, name) = (section.to_lowercase().replace("__", "."), name.to_lowercase());
        let place = Place::Variable(variable.to_string());
        let Some(key) = schema::key(&format!("{section}.{name}")) else {
            layer.problems.push(unknown(&section, &name, place));
            continue;
        };
        take(&mut layer, key, value, place);
    }
    layer
}

fn take(layer: &mut Layer, key: &'static schema::Key, value: &OsStr, place: Place) {
    match value.to_str() {
        Some(text) => layer.read(key, text, place),
        None => layer.problems.push(Problem::new(format!("`{}` is not UTF-8", key.path), place)),
    }
}

/// What the alias variables set, beside keys that are `taken`: an alias may be there for another program, so one that
/// has no effect is not looked at. An empty one counts as absent, as templates leave them so.
pub fn aliases(variables: &Variables, taken: &[&str]) -> Layer {
    let mut layer = Layer::default();
    for (alias, path) in ALIASES.into_iter().filter(|(_, path)| !taken.contains(path)) {
        let value = variables.iter().find(|(name, value)| name == alias && !value.is_empty());
        if let (Some((_, value)), Some(key)) = (value, schema::key(path)) {
            take(&mut layer, key, value, Place::Variable(alias.to_string()));
        }
    }
    layer
}

/// Variables that look meant for the daemon and are not read, each with what was probably meant.
pub fn overlooked(variables: &Variables) -> Vec<String> {
    let names = variables.iter().filter_map(|(name, _)| name.to_str());
    let meant = names.filter_map(|name| {
        let rest = name.strip_prefix("CHATD_").filter(|rest| !rest.contains("__"))?.to_lowercase();
        let mut keys = schema::KEYS.iter().filter(|key| !key.section().is_empty());
        let key = keys.find(|key| key.path.replace('.', "_") == rest)?;
        Some(format!("{name} is not read: did you mean {}?", variable_of(key)))
    });
    meant.collect()
}

fn variable_of(key: &schema::Key) -> String {
    format!("CHATD_{}", key.path.to_uppercase().replace('.', "__"))
}

fn unknown(section: &str, name: &str, place: Place) -> Problem {
    if !schema::sections().any(|known| known == section) {
        return unknown_section(section, place);
    }
    let near = nearest(name, schema::names_in(section)).and_then(|name| schema::key(&format!("{section}.{name}")));
    let problem = unknown_key(section, name, place);
    match near {
        Some(key) => problem.hint(did_you_mean(&variable_of(key), [variable_of(key).as_str()])),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn only_value(name: &str, value: &str) -> String {
        let layer = layer(&variables(&[(name, value)]));
        assert!(layer.problems.is_empty(), "{:?}", layer.problems);
        layer.settings[0].value.to_string()
    }

    #[test]
    fn values_are_read_as_a_person_writes_them() {
        assert_eq!(only_value("CHATD_AUTH__ISSUER", "12345"), r#""12345""#);
        assert_eq!(only_value("CHATD_AUTH__ISSUER", "true"), r#""true""#);
        assert_eq!(only_value("CHATD_LIMITS__BURST", "30"), "30");
        assert_eq!(only_value("CHATD_CORS__CREDENTIALS", "no"), "false");
        assert_eq!(only_value("CHATD_PING__INTERVAL", "10"), r#""10""#);
        for list in ["127.0.0.1:1, [::1]:2", r#"["127.0.0.1:1", "[::1]:2"]"#, "[127.0.0.1:1,[::1]:2]"] {
            assert_eq!(only_value("CHATD_SERVER__LISTEN", list), r#"["127.0.0.1:1", "[::1]:2"]"#);
        }
        assert_eq!(only_value("CHATD_SERVER__LISTEN", "[::1]:2"), r#"["[::1]:2"]"#);
        assert_eq!(only_value("CHATD_CORS__ORIGINS", ""), "[]");
    }

    #[test]
    fn an_unknown_variable_is_named_with_its_nearest() {
        let layer =
            layer(&variables(&[("CHATD_LIMITS__BRUST", "1"), ("CHATD_CLUSTER__NODE", "x"), ("CHATD_CONFIG", "x")]));
        let shown: Vec<String> = layer.problems.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 2);
        assert!(shown[1].contains("CHATD_LIMITS__BRUST"), "{}", shown[1]);
        assert!(shown[1].contains("did you mean `CHATD_LIMITS__BURST`?"), "{}", shown[1]);
        assert!(shown[0].contains("section `cluster` is not supported by this version"), "{}", shown[0]);
    }

    #[test]
    fn a_variable_with_one_underscore_is_pointed_out() {
        assert_eq!(
            overlooked(&variables(&[("CHATD_LIMITS_BURST", "1"), ("CHATD_CONFIG", "x"), ("HOME", "/")])),
            ["CHATD_LIMITS_BURST is not read: did you mean CHATD_LIMITS__BURST?"]
        );
    }
}
