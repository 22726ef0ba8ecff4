//! What is wrong with a configuration, shown where it was written.

use std::fmt;

use super::redact::redact;
use super::source::Place;

/// One thing that is wrong, where it was written, and what would mend it.
#[derive(Clone, Debug)]
pub struct Problem {
    message: String,
    place: Place,
    hint: Option<String>,
}

/// All that is wrong, in the order in which it was written.
#[derive(Debug)]
pub struct Problems(Vec<Problem>);

impl Problem {
    pub fn new(message: impl Into<String>, place: Place) -> Self {
        Problem { message: message.into(), place, hint: None }
    }

    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Problems(problems)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        let hint = self.hint.as_deref().unwrap_or_default();
        match &self.place {
            Place::File(source, range) => {
                let excerpt = source.excerpt(range);
                let (text, column, width) = redact(excerpt.text, excerpt.column, excerpt.width);
                let number = excerpt.line.to_string();
                let margin = " ".repeat(number.len());
                // A tab stays a tab, so that the caret stands under its text however wide a tab is.
                let indent: String =
                    text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                let carets = "^".repeat(width);
                let path = source.path().display();
                write!(f, "\n{margin}--> {path}:{number}:{}", excerpt.column)?;
                write!(f, "\n{number} | {text}")?;
                write!(f, "\n{}", format!("{margin} | {indent}{carets} {hint}").trim_end())?;
            }
            Place::Variable(name) => aside(f, &format!("environment variable {name}"), hint)?,
            Place::Flag(name) => aside(f, &format!("command line, {name}"), hint)?,
            Place::BuiltIn | Place::Follows(_) => aside(f, "", hint)?,
        }
        Ok(())
    }
}

/// Where something was written that has no lines to show, and the hint.
fn aside(f: &mut fmt::Formatter<'_>, place: &str, hint: &str) -> fmt::Result {
    if !place.is_empty() {
        write!(f, "\n --> {place}")?;
    }
    if !hint.is_empty() {
        write!(f, "\n  | {hint}")?;
    }
    Ok(())
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The known name that `name` was most likely meant to be, if any is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (name.len().max(candidate.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The question that names the nearest known name.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    #[test]
    fn a_problem_is_shown_where_it_was_written() {
        let text = format!("{}events_per_secnd = 5\n", "\n".repeat(13));
        let source = Source::new("/etc/chatd/config.toml".into(), text);
        let problem = Problem::new("unknown key `limits.events_per_secnd`", Place::File(source, 13..29))
            .hint(did_you_mean("events_per_secnd", ["burst", "events_per_second"]));
        assert_eq!(
            problem.to_string(),
            "error: unknown key `limits.events_per_secnd`\n  \
               --> /etc/chatd/config.toml:14:1\n\
             14 | events_per_secnd = 5\n   \
                | ^^^^^^^^^^^^^^^^ did you mean `events_per_second`?"
        );
    }

    #[test]
    fn only_a_near_name_is_offered() {
        assert_eq!(nearest("brust", ["burst", "url"]), Some("burst"));
        assert_eq!(nearest("BURST", ["burst"]), Some("burst"));
        assert_eq!(nearest("colour", ["burst", "url"]), None);
    }
}
