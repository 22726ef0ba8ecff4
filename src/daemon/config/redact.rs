//! Keeps secrets out of what is shown: excerpts of files, printed settings, and the log.

/// What stands in a secret's place.
pub const MASK: &str = "********";

/// The names whose values are never shown, in files that may have them misspelt.
const SECRET_NAMES: [&str; 5] = ["secret", "password", "passwd", "token", "private_key"];

/// A line with what is secret in it masked, and the column and width of its marked part moved accordingly.
pub fn redact(line: &str, column: usize, width: usize) -> (String, usize, usize) {
    let shown = mask_value(line).unwrap_or_else(|| mask_credentials(line));
    let length = shown.chars().count();
    if shown == line {
        return (shown, column, width);
    }
    let kept = line.chars().zip(shown.chars()).take_while(|(a, b)| a == b).count();
    let column = column.min(kept + 1);
    (shown, column, width.min((length + 1).saturating_sub(column)).max(1))
}

/// The line up to the `=` after a name that promises a secret, and a mask for the rest.
fn mask_value(line: &str) -> Option<String> {
    let mut name_start = None;
    for (at, c) in line.char_indices().chain([(line.len(), '\n')]) {
        let in_name = c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match (in_name, name_start) {
            (true, None) => name_start = Some(at),
            (false, Some(start)) => {
                name_start = None;
                let assigned = line[at..].trim_start_matches(['"', '\'', ' ', '\t']).starts_with('=');
                if assigned && promises_secret(&line[start..at]) {
                    let equals = at + line[at..].find('=')?;
                    return Some(format!("{} \"{MASK}\"", &line[..=equals]));
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether a name, or a misspelt form of it, is that of a secret. A `…_file` holds a path, not the secret itself.
fn promises_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    if name.ends_with("_file") || name.contains("token") && name.starts_with("allow") {
        return false;
    }
    SECRET_NAMES
        .iter()
        .any(|secret| name.contains(secret) || strsim::damerau_levenshtein(&name, secret) <= secret.len() / 3)
}

/// Text with the user and password of any URL in it masked.
pub fn mask_credentials(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = after.find(['/', '?', '#', '"', '\'', ' ', ',']).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                shown.push_str(MASK);
                shown.push('@');
                shown.push_str(host);
            }
            None => shown.push_str(authority),
        }
        rest = tail;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_secret_is_masked_even_under_a_misspelt_name() {
        for line in [
            "secret = \"hunter2\"",
            "secrte = \"hunter2\"",
            "  jwt_secret= 'hunter2' # mine",
            "auth = { secret = \"hunter2\" }",
            "\"secret\" = \"hunter2\"",
            "secret = \"hunter2",
            "url = \"postgres://chatd:hunter2@db/chatd\"",
        ] {
            let (shown, _, _) = redact(line, 1, 1);
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains(MASK), "{shown}");
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for line in ["burst = 5", "secret_file = \"/run/k\"", "allow_query_token = 1", "url = \"https://a.example/x\""]
        {
            assert_eq!(redact(line, 3, 4), (line.to_string(), 3, 4));
        }
    }

    #[test]
    fn the_mark_stays_on_the_masked_line() {
        let (shown, column, width) = redact("secret = \"0123456789012345678901234567890\"", 10, 33);
        assert_eq!((shown.as_str(), column, width), ("secret = \"********\"", 10, 10));
    }
}
