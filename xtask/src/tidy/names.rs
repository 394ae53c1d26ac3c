//! Rules about type names: the glossary's word for a thing, whole, and no other.

use super::Violation;
use super::scan::Scan;

/// Words that a type's name must not contain, and the glossary's word for them.
///
/// A word here is one that people reach for; it is not a complete list of what the
/// glossary leaves out.
const BANNED: &[(&[&str], &str)] = &[
    (&["Archetype"], "Persona"),
    (&["Attr"], "Property or Trait"),
    (&["Behaviour", "Profile"], "Profile"),
    (&["Buyer"], "Profile"),
    (&["Center"], "Centroid"),
    (&["Cfg"], "Config"),
    (&["Cohort"], "Segment"),
    (&["Ctx"], "Context"),
    (&["Customer", "Journey"], "Journey"),
    (&["Customer", "Profile"], "Profile"),
    (&["Customer", "Segment"], "Segment"),
    (&["Datum"], "Event or Property"),
    (&["Evt"], "Event"),
    (&["Helper"], "the name of what it holds"),
    (&["Hyperparameter"], "Params"),
    (&["Hyperparams"], "Params"),
    (&["Label", "Share"], "Membership"),
    (&["Manager"], "the name of what it holds"),
    (&["Mgr"], "the name of what it holds"),
    (&["Sink"], "Destination"),
    (&["Target", "Group"], "Audience"),
    (&["Touch", "Point"], "Touchpoint"),
    (&["User", "Event"], "Event"),
    (&["User", "Profile"], "Profile"),
    (&["Util"], "the name of what it holds"),
    (&["Visitor"], "Profile"),
];

/// The words after which Rust expects a new type's name.
const DECLARATIONS: &[&str] = &["struct", "enum", "union", "trait", "type"];

/// Adds the violations in the Rust file at `path`.
pub(super) fn check(path: &str, text: &str, violations: &mut Vec<Violation>) {
    for (line, code) in Scan::of(text).code_lines() {
        let letters = |letter: char| !(letter.is_alphanumeric() || letter == '_');
        let words: Vec<&str> = code.split(letters).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            if !DECLARATIONS.contains(&pair[0]) {
                continue;
            }
            for (banned, instead) in BANNED {
                if contains(&name_words(pair[1]), banned) {
                    let what = format!("the type name {} says {}", pair[1], banned.concat());
                    let remedy = format!("GLOSSARY.md says {instead}");
                    violations.push(Violation::new(path, line, what, remedy));
                }
            }
        }
    }
}

/// Returns the words of a name in camel case.
fn name_words(name: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    for (idx, letter) in name.char_indices().skip(1) {
        if letter.is_uppercase() {
            words.push(&name[start..idx]);
            start = idx;
        }
    }
    words.push(&name[start..]);
    words
}

/// Returns whether `words` contains `banned` in sequence, its last word in either number.
fn contains(words: &[&str], banned: &[&str]) -> bool {
    let same = |(word, banned): (&&str, &&str)| {
        word == banned || word.strip_suffix('s').is_some_and(|singular| singular == *banned)
    };
    words.windows(banned.len()).any(|window| window.iter().zip(banned).all(same))
}

#[cfg(test)]
mod tests {
    use super::name_words;

    fn check(code: &str, expected: &[&str]) {
        let mut violations = Vec::new();
        super::check("crates/event/src/a.rs", code, &mut violations);
        let whats: Vec<&str> = violations.iter().map(|violation| violation.what.as_str()).collect();
        assert_eq!(whats, expected, "{code}");
    }

    #[test]
    fn glossary_words_pass() {
        for name in ["Profile", "SegmentId", "Centroids", "VisitedDays", "Attributes", "Context"] {
            check(&format!("pub struct {name};"), &[]);
        }
    }

    #[test]
    fn synonyms_are_refused_in_every_kind_of_type() {
        check("pub struct UserProfile {", &["the type name UserProfile says UserProfile"]);
        check("enum CohortKind {", &["the type name CohortKind says Cohort"]);
        check("trait EventSink: Sized {", &["the type name EventSink says Sink"]);
        check("type Visitors = Vec<Profile>;", &["the type name Visitors says Visitor"]);
    }

    #[test]
    fn only_declarations_count() {
        check("impl Visitor<'_> for Reader {}", &[]);
        check("// a struct Cohort would be wrong", &[]);
    }

    #[test]
    fn names_fall_apart_at_capitals() {
        assert_eq!(name_words("KMeansParams"), ["K", "Means", "Params"]);
        assert_eq!(name_words("Event"), ["Event"]);
        assert_eq!(name_words("T"), ["T"]);
    }
}
