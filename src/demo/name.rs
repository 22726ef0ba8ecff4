//! From the name that somebody gives to the user that they are.

use crate::domain::id::UserId;

/// The longest name, in characters.
const MAX_CHARS: usize = 32;

/// Whoever signs in: a name to show, and the id under which the protocol knows them.
#[derive(Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub user: UserId,
}

impl Person {
    pub const EXPECTED: &'static str = "1 to 32 characters without control characters and `@`";

    /// One user for all spellings of a name. An id has no spaces and no `@`, so that it can be mentioned.
    pub fn named(name: &str) -> Option<Self> {
        let words: Vec<&str> = name.split_whitespace().collect();
        let name = words.join(" ");
        let fits = name.chars().count() <= MAX_CHARS && !name.chars().any(|c| c.is_control() || c == '@');
        let user = UserId::new(&words.join("-").to_lowercase()).ok()?;
        fits.then_some(Person { name, user })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_for_all_spellings_of_a_name() {
        let person = Person::named("  Ann \t Lee ").unwrap();
        assert_eq!((person.name.as_str(), person.user.as_str()), ("Ann Lee", "ann-lee"));
        assert_eq!(Person::named("ANN LEE").unwrap().user, person.user);
        assert_eq!(Person::named("<img src=x>").unwrap().user.as_str(), "<img-src=x>");
        assert_eq!(Person::named("Zoë 🦊").unwrap().user.as_str(), "zoë-🦊");
    }

    #[test]
    fn a_name_has_something_to_show_and_is_short() {
        assert!(Person::named(&"é".repeat(32)).is_some());
        for name in ["", "   ", "a\u{7}b", "me@home", &"x".repeat(33)] {
            assert_eq!(Person::named(name), None, "{name:?}");
        }
    }
}
