//! Questions over HTTP in the words of the command line: what a command prints as JSON is the answer, so
//! that a page and a terminal never say different numbers.
//!
//! A question names a command, its options and what it is about; clap reads them as if they had been typed.
//! Who asks changes nothing; who acts, on what can be taken back, is an administrator. No file is named.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use clap::error::ErrorKind;
use throng_server::{Deed, Question, Role, Unanswered};

use crate::arguments::{
    Arguments, Command, FeaturesCommand, IdentityCommand, JourneysCommand, ModelCommand, PersonasCommand,
    QuarantineCommand, WhoseArguments,
};
use crate::command;
use crate::failure;
use crate::home::Session;
use crate::output::Written;

/// Parameters that say where and how to print, or name a file: the server's own business.
const NOT_ASKED: [&str; 8] = ["home", "format", "threads", "quiet", "color", "out", "output", "mapping"];
/// The parameter of what stands behind the options.
const POSITIONAL: &str = "_";

/// Answers questions about one home.
#[derive(Debug, Clone)]
pub(crate) struct Answerer {
    /// Its folder.
    pub(crate) home: PathBuf,
    /// How many threads one answer may take.
    pub(crate) threads: NonZeroUsize,
}

impl Answerer {
    /// Returns the JSON document that the command prints.
    ///
    /// # Errors
    /// [`Unanswered`], which says whose fault it is.
    pub(crate) fn answer(&self, question: &Question) -> Result<Vec<u8>, Unanswered> {
        let command = command_of(question)?;
        let typed = || format!("`throng {}`", question.words.join(" "));
        match needed(&command) {
            None => return Err(Unanswered::Invalid(format!("{} is not answered here", typed()))),
            Some((deed, _)) if deed != question.deed => {
                return Err(Unanswered::Invalid(match deed {
                    Deed::Ask => format!("{} changes nothing; GET it", typed()),
                    Deed::Act => format!("{} changes something; POST it", typed()),
                }));
            }
            Some((_, role)) if question.role < role => {
                return Err(Unanswered::Forbidden(format!("{} needs another role", typed())));
            }
            Some(_) => {}
        }
        let written = Written::default();
        let session = Session::handing_on(&written, &self.home, self.threads);
        match command::answer(&session, command) {
            Ok(()) => Ok(written.take()),
            Err(error) => failure::unanswered(&error, &written),
        }
    }
}

/// Reads a question as if it had been typed.
fn command_of(question: &Question) -> Result<Command, Unanswered> {
    let plain =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && !name.starts_with('-');
    if let Some(word) = question.words.iter().find(|word| !plain(word)) {
        return Err(Unanswered::Invalid(format!("{word:?} is no command")));
    }
    let mut words = vec!["throng".to_owned()];
    words.extend(question.words.iter().cloned());
    let mut about = Vec::new();
    for (name, value) in &question.parameters {
        if name == POSITIONAL {
            about.push(value.clone());
            continue;
        }
        if !plain(name) || NOT_ASKED.contains(&name.as_str()) {
            return Err(Unanswered::Invalid(format!("{name:?} cannot be asked for here")));
        }
        words.push(if value.is_empty() { format!("--{name}") } else { format!("--{name}={value}") });
    }
    words.push("--".to_owned());
    words.extend(about);
    Arguments::try_parse_from(words).map(|arguments| arguments.command).map_err(|error| {
        let of_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        let said =
            if of_help { "this asks for help, which `throng` prints".to_owned() } else { error.render().to_string() };
        let said = said.strip_prefix("error: ").unwrap_or(&said);
        Unanswered::Invalid(said.lines().next().unwrap_or("this is no question").to_owned())
    })
}

/// Returns what a command does and who may have it done; `None` where nobody may.
fn needed(command: &Command) -> Option<(Deed, Role)> {
    match command {
        Command::Sql(_) => Some((Deed::Ask, Role::Analyst)),
        Command::Journeys(journeys) => of_journeys(journeys).map(|role| (Deed::Ask, role)),
        Command::Audit(_)
        | Command::Profile(_)
        | Command::Features(FeaturesCommand::List)
        | Command::Personas(
            PersonasCommand::List
            | PersonasCommand::Show(_)
            | PersonasCommand::Export(_)
            | PersonasCommand::Reliability
            | PersonasCommand::History
            | PersonasCommand::Compare(_)
            | PersonasCommand::Map(_)
            | PersonasCommand::Activity
            | PersonasCommand::Notes(_),
        )
        | Command::Identity(IdentityCommand::Why(_) | IdentityCommand::Show(_) | IdentityCommand::List)
        | Command::Quarantine(QuarantineCommand::List(_))
        | Command::Model(ModelCommand::List | ModelCommand::Show(_) | ModelCommand::Compare(_)) => {
            Some((Deed::Ask, Role::Read))
        }
        Command::Personas(PersonasCommand::Note(_)) => Some((Deed::Act, Role::Analyst)),
        Command::Identity(IdentityCommand::Merge(_) | IdentityCommand::Split(_))
        | Command::Quarantine(QuarantineCommand::Readmit(_))
        | Command::Model(ModelCommand::Promote(_) | ModelCommand::Rollback | ModelCommand::Shadow(_)) => {
            Some((Deed::Act, Role::Admin))
        }
        Command::Features(FeaturesCommand::Propose(_) | FeaturesCommand::Export(_))
        // Minutes of work, whose answer is the same for everybody: `throng personas validate`.
        | Command::Personas(PersonasCommand::Validate(_))
        | Command::Identity(IdentityCommand::Propose(_))
        | Command::Init(_)
        | Command::Import(_)
        | Command::Export(_)
        | Command::Discover(_)
        | Command::Report(_)
        | Command::Verify(_)
        | Command::Serve(_)
        | Command::Load(_)
        | Command::Keys(_)
        | Command::Users(_)
        | Command::Simulate(_)
        | Command::Demo(_)
        | Command::Completions { .. } => None,
    }
}

fn of_journeys(command: &JourneysCommand) -> Option<Role> {
    let whose: &WhoseArguments = match command {
        JourneysCommand::Touchpoints(arguments) if arguments.propose => return None,
        JourneysCommand::Touchpoints(arguments) => &arguments.whose,
        JourneysCommand::Paths(arguments) => &arguments.whose,
        JourneysCommand::Flow(arguments) => &arguments.whose,
        JourneysCommand::Loops(arguments) => &arguments.whose,
        JourneysCommand::Typical(arguments) => &arguments.whose,
        JourneysCommand::Pattern(arguments) => &arguments.whose,
        JourneysCommand::Funnel(arguments) => &arguments.whose,
        JourneysCommand::Transitions(arguments) => &arguments.whose,
        JourneysCommand::Attribution(arguments) => &arguments.whose,
        JourneysCommand::Retention(arguments) => &arguments.whose,
        JourneysCommand::Lifecycle(arguments) => &arguments.whose,
        JourneysCommand::Survival(arguments) => &arguments.whose,
        JourneysCommand::Friction(arguments) => &arguments.whose,
        JourneysCommand::Next(arguments) => &arguments.whose,
    };
    // A condition is SQL, which may read any table.
    Some(if whose.audience.is_some() { Role::Analyst } else { Role::Read })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(words: &str, parameters: &[(&str, &str)], role: Role) -> Question {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let words = words.split('/').map(str::to_owned).collect();
        Question { deed: Deed::Ask, words, parameters: parameters.iter().map(pair).collect(), role }
    }

    /// Returns the role a question needs, or why it is none.
    fn asked(words: &str, parameters: &[(&str, &str)]) -> Result<Option<(Deed, Role)>, Unanswered> {
        command_of(&question(words, parameters, Role::Read)).map(|command| needed(&command))
    }

    #[test]
    fn every_command_is_for_somebody_or_for_nobody() {
        let (read, analyst, admin) =
            (Some((Deed::Ask, Role::Read)), Some((Deed::Ask, Role::Analyst)), Some((Deed::Act, Role::Admin)));
        for (words, parameters, role) in [
            ("personas/list", &[][..], read),
            ("personas/show", &[("_", "p1"), ("_", "p2")], read),
            ("journeys/funnel", &[("_", "A"), ("_", "B"), ("persona", "p1")], read),
            ("journeys/funnel", &[("_", "A"), ("_", "B"), ("audience", "spend > 1")], analyst),
            ("sql", &[("_", "SELECT 1")], analyst),
            ("personas/compare", &[("_", "p1"), ("then", "2024-03-31")], read),
            ("personas/map", &[("within", "-inf,0,1,2")], read),
            ("personas/note", &[("_", "p1"), ("_", "They shop at night")], Some((Deed::Act, Role::Analyst))),
            ("model/promote", &[("_", "m2")], admin),
            ("identity/merge", &[("_", "a"), ("_", "b")], admin),
            ("discover", &[], None),
            ("journeys/touchpoints", &[("propose", "")], None),
            ("serve", &[], None),
        ] {
            assert_eq!(asked(words, parameters).unwrap(), role, "{words}");
        }
    }

    #[test]
    fn nothing_names_a_file_or_another_home() {
        for (words, parameters) in [
            ("sql", &[("_", "SELECT 1"), ("output", "/tmp/a.parquet")][..]),
            ("journeys/paths", &[("customers", "1"), ("out", "/tmp/a.csv")]),
            ("personas/export", &[("output", "a")]),
            ("personas/list", &[("home", "/etc")]),
            ("personas/list", &[("-home", "/etc")]),
            ("personas/list", &[("home=/etc --x", "")]),
            ("--home=/etc/personas/list", &[]),
            ("personas/list/--format/text", &[]),
        ] {
            let found = asked(words, parameters);
            assert!(matches!(found, Err(Unanswered::Invalid(_))), "{words}: {found:?}");
        }
        // What looks like an option behind the options is a text.
        assert!(asked("profile", &[("_", "--home=/etc")]).is_ok());
    }

    #[test]
    fn a_wrong_question_says_what_is_wrong() {
        let Err(Unanswered::Invalid(said)) = asked("journeys/paths", &[("top", "many")]) else { panic!() };
        assert!(said.contains("many") && !said.contains("error:"), "{said}");
        let answerer = Answerer { home: PathBuf::from("/nowhere"), threads: NonZeroUsize::MIN };
        let asked = |words, parameters, role| answerer.answer(&question(words, parameters, role)).unwrap_err();
        assert!(matches!(asked("sql", &[("_", "SELECT 1")], Role::Read), Unanswered::Forbidden(_)));
        assert!(matches!(asked("discover", &[], Role::Admin), Unanswered::Invalid(_)));
        // An address that is looked at changes nothing, whoever looks.
        assert!(matches!(asked("model/rollback", &[], Role::Admin), Unanswered::Invalid(_)));
        assert!(matches!(asked("personas/list", &[], Role::Read), Unanswered::Invalid(_)));
    }
}
