//! Who is asked about: everybody, a persona, two of them, an audience, a period, or what
//! was before and after a day.

use anyhow::bail;
use serde_json::{Value, json};
use throng_engine::{Engine, EngineError, JourneyBook, JourneyRequest, PersonaBook};
use throng_event::{Currency, Day, Instant};
use throng_journey::{Cut, JourneyError, Repeats, Scope, pattern_profiles, sessions_have_steps};
use throng_persona::Persona;
use throng_profile::ProfileId;

use super::super::personas::{find, shown};
use super::answer::{Answer, Tested};
use super::{compared, customers};
use crate::arguments::{CutArguments, Format, RepeatsWanted, ScopeWanted, Span, WhoseArguments};
use crate::failure::Usage;
use crate::format::{clean, day};
use crate::home::Session;
use crate::report_model::numbers;

/// Some customers in some period.
pub(super) struct Group {
    /// What they are called.
    pub(super) name: String,
    pub(super) persona: Option<String>,
    pub(super) book: JourneyBook,
}

/// A question: how to print, who is asked about.
pub(super) struct Asked<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) engine: &'a Engine,
    whose: &'a WhoseArguments,
    /// The id of every profile, by its number.
    pub(super) profiles: Vec<ProfileId>,
    personas: Option<PersonaBook>,
    groups: Vec<Group>,
}

/// How histories are cut, and what the parts are called.
#[derive(Clone, Copy)]
pub(super) struct Journeys<'a> {
    pub(super) cut: Cut<'a>,
    /// One of them.
    pub(super) unit: &'static str,
    /// Several.
    pub(super) plural: &'static str,
}

impl<'a> Asked<'a> {
    /// Reads the touchpoints of those who are asked about.
    pub(super) fn read(
        (session, engine): (&'a Session<'a>, &'a Engine),
        whose: &'a WhoseArguments,
        mut request: JourneyRequest,
    ) -> anyhow::Result<Self> {
        if whose.persona.len() > 2 || (whose.persona.len() == 2 && whose.before_after.is_some()) {
            let what = "more than two groups cannot be held side by side".to_owned();
            bail!(Usage { what, hint: "name two personas, or one with --before-after".to_owned() });
        }
        let personas = match (engine.persona_book(), whose.persona.is_empty()) {
            (Ok(book), _) => Some(book),
            (Err(EngineError::Missing { .. }), true) => None,
            (Err(error), _) => return Err(error.into()),
        };
        request.as_of = request.as_of.or(personas.as_ref().map(|book| book.as_of));
        let (book, profiles) = engine.journeys_for(&request)?;
        let mut asked = Self { session, engine, whose, profiles, personas, groups: Vec::new() };
        asked.groups = asked.group(book)?;
        for group in &asked.groups {
            if group.book.view().n_active_profiles() == 0 {
                let what = format!("there is nothing to show of {}: nobody did anything", group.name);
                let hint = "widen --since and --until, or choose another persona or audience".to_owned();
                bail!(Usage { what, hint });
            }
        }
        Ok(asked)
    }

    /// Returns whether two groups are held side by side.
    pub(super) fn compares(&self) -> bool {
        self.groups.len() > 1
    }

    /// Returns the first group, or the only one.
    pub(super) fn first(&self) -> &JourneyBook {
        &self.groups[0].book
    }

    /// Returns the currency of the home.
    pub(super) fn currency(&self) -> Option<Currency> {
        self.engine.home().config().currency
    }

    /// Answers the question for each group and prints the answer, or the customers behind
    /// one of its rows. The function is given how many rows are wanted.
    pub(super) fn answer<'g>(
        &'g self,
        top: usize,
        answer: impl Fn(&'g Group, usize) -> anyhow::Result<Answer<'g>>,
    ) -> anyhow::Result<()> {
        self.answer_tested(top, answer, |_| None)
    }

    /// Answers as [`Self::answer`]; two groups side by side are tested by the second function.
    pub(super) fn answer_tested<'g>(
        &'g self,
        top: usize,
        answer: impl Fn(&'g Group, usize) -> anyhow::Result<Answer<'g>>,
        test: impl Fn([&Group; 2]) -> Option<Tested>,
    ) -> anyhow::Result<()> {
        if let Some(wanted) = &self.whose.customers {
            return customers::list(self, wanted, self.whose.out.as_deref(), &|group, top_wanted| {
                answer(group, top_wanted.unwrap_or(top))
            });
        }
        if let [first, second] = self.groups.as_slice() {
            let answers = [answer(first, usize::MAX)?, answer(second, usize::MAX)?];
            return compared::print(self, [first, second], &answers, (top, test([first, second])));
        }
        let group = &self.groups[0];
        let answer = answer(group, top)?;
        if self.session.output.format() != Format::Json {
            return answer.print(self.session.output);
        }
        let mut document = answer.document();
        document.insert("persona".to_owned(), json!(group.persona));
        document.insert("selection".to_owned(), self.selection());
        self.session.output.json(&Value::Object(document))?;
        Ok(())
    }

    /// Returns the groups in their order.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns what was selected, for JSON.
    pub(super) fn selection(&self) -> Value {
        let written = |day: Option<Day>| day.map(|day| day.to_string());
        json!({
            "audience": self.whose.audience,
            "follows": self.whose.follows,
            "since": written(self.whose.since),
            "until": written(self.whose.until),
            "before_after": written(self.whose.before_after),
        })
    }

    /// Returns how histories are cut: as asked for, else into sessions, or not at all
    /// where visits are single events.
    pub(super) fn journeys(&self, arguments: &CutArguments, repeats: Repeats) -> Journeys<'_> {
        let repeats = match arguments.repeats {
            None => repeats,
            Some(RepeatsWanted::Keep) => Repeats::Keep,
            Some(RepeatsWanted::Collapse) => Repeats::Collapse,
        };
        let gap_us = self.gap_us(arguments.gap);
        let wanted = match (arguments.within, arguments.gap) {
            (Some(scope), _) => scope,
            (None, Some(_)) => ScopeWanted::Session,
            (None, None) => usual_scope(self.first(), gap_us),
        };
        let (unit, plural) = match wanted {
            ScopeWanted::Session | ScopeWanted::Source => ("session", "sessions"),
            ScopeWanted::Day => ("day", "days"),
            ScopeWanted::History => ("history", "histories"),
        };
        Journeys { cut: Cut { scope: self.scope(wanted, gap_us), repeats }, unit, plural }
    }

    /// Returns a scope that was asked for.
    pub(super) fn scope(&self, wanted: ScopeWanted, gap_us: i64) -> Scope<'_> {
        match wanted {
            ScopeWanted::Session => Scope::Session { gap_us },
            ScopeWanted::Day => Scope::Day(&self.engine.home().config().calendar),
            ScopeWanted::History => Scope::History,
            ScopeWanted::Source => Scope::Source,
        }
    }

    /// Returns the gap that parts sessions, in microseconds.
    pub(super) fn gap_us(&self, wanted: Option<Span>) -> i64 {
        let minutes = self.engine.home().config().session_gap_minutes;
        wanted.map_or_else(|| i64::from(minutes.get()) * 60 * Instant::SECOND, |span| span.0)
    }

    /// Returns the labels that a name stands for, `A|B` for either.
    ///
    /// # Errors
    /// [`Usage`] when nothing of that name ever happened.
    pub(super) fn labels(&self, name: &str) -> anyhow::Result<Vec<u32>> {
        let book = self.first();
        if let Ok(labels) = book.labels(name.trim()) {
            return Ok(labels);
        }
        let mut labels = Vec::new();
        for part in name.split('|').map(str::trim) {
            match book.labels(part) {
                Ok(found) => labels.extend(found),
                Err(error) => bail!(self.unknown(part, &error)),
            }
        }
        labels.sort_unstable();
        labels.dedup();
        Ok(labels)
    }

    /// Returns the labels of several names together.
    ///
    /// # Errors
    /// As [`Self::labels`].
    pub(super) fn all_labels(&self, names: &[String]) -> anyhow::Result<Vec<u32>> {
        let mut labels = Vec::new();
        for name in names {
            labels.extend(self.labels(name)?);
        }
        labels.sort_unstable();
        labels.dedup();
        Ok(labels)
    }

    /// Returns the goal: what was named, else the last step of the home's funnel, else the
    /// order.
    ///
    /// # Errors
    /// [`Usage`] when there is none of these.
    pub(super) fn goal(&self, named: &[String], option: &str) -> anyhow::Result<Vec<u32>> {
        if !named.is_empty() {
            return self.all_labels(named);
        }
        if let Some((_, labels)) = self.first().goal(&self.engine.home().config().funnel) {
            return Ok(labels);
        }
        let what = "what is the goal? There is no funnel in throng.toml, and no order among the touchpoints".to_owned();
        bail!(Usage { what, hint: format!("name it with {option}, one of: {}", self.known()) })
    }

    fn unknown(&self, name: &str, error: &JourneyError) -> Usage {
        let similar = match error {
            JourneyError::UnknownLabel { similar, .. } if !similar.is_empty() => similar.join(", "),
            JourneyError::UnknownLabel { .. }
            | JourneyError::TooManyEvents { .. }
            | JourneyError::Pattern { .. }
            | JourneyError::NextStepCounts { .. }
            | JourneyError::Feature { .. } => String::new(),
        };
        let what = format!("nothing called {name:?} ever happened");
        let hint = if similar.is_empty() {
            format!("what happened is called: {}", self.known())
        } else {
            format!("did you mean {similar}? What happened is called: {}", self.known())
        };
        Usage { what, hint }
    }

    /// Returns what happened, the most frequent first.
    fn known(&self) -> String {
        let touchpoints = self.first().touchpoints();
        let mut names: Vec<String> =
            touchpoints.iter().take(NAMES_SHOWN_MAX).map(|touchpoint| clean(&touchpoint.name)).collect();
        if touchpoints.len() > NAMES_SHOWN_MAX {
            names.push("…".to_owned());
        }
        names.join(", ")
    }

    fn group(&self, book: JourneyBook) -> anyhow::Result<Vec<Group>> {
        let calendar = &self.engine.home().config().calendar;
        let whose = self.whose;
        if let (Some(since), Some(until)) = (whose.since, whose.until)
            && until < since
        {
            let what = format!("--until {until} is before --since {since}");
            bail!(Usage { what, hint: "exchange them".to_owned() });
        }
        let mut book = book.within(calendar, whose.since, whose.until);
        let mut everybody = "all customers".to_owned();
        if let Some(condition) = &whose.audience {
            let ids = self.engine.audience(condition)?;
            book = book.select(&self.numbers(&ids));
            everybody = format!("customers with {}", clean(condition.trim()));
        }
        if let Some(text) = &whose.follows {
            let pattern = super::pattern::parse(text, &book)?;
            let gap_us = self.gap_us(None);
            let scope = self.scope(usual_scope(&book, gap_us), gap_us);
            let followers = pattern_profiles(&book.view(), Cut { scope, repeats: Repeats::Keep }, &pattern);
            book = book.select_set(&followers);
            everybody = format!("{everybody} whose journeys go {}", clean(text.trim()));
        }
        let mut groups = vec![Group { name: everybody, persona: None, book }];
        if !whose.persona.is_empty() {
            let personas = whose.persona.iter().map(|wanted| self.persona(wanted, &groups[0].book));
            groups = personas.collect::<anyhow::Result<_>>()?;
        }
        if let (Some(border), [group]) = (whose.before_after, groups.as_slice()) {
            let name = |word: &str| format!("{}, {word} {}", group.name, day(border));
            let part = |word: &str, book| Group { name: name(word), persona: group.persona.clone(), book };
            groups = vec![
                part("before", group.book.within(calendar, None, Some(Day(border.0 - 1)))),
                part("from", group.book.within(calendar, Some(border), None)),
            ];
        } else if let Some(period) = self.period() {
            for group in &mut groups {
                group.name.push_str(&period);
            }
        }
        Ok(groups)
    }

    fn period(&self) -> Option<String> {
        match (self.whose.since, self.whose.until) {
            (None, None) => None,
            (Some(since), None) => Some(format!(" since {}", day(since))),
            (None, Some(until)) => Some(format!(" until {}", day(until))),
            (Some(since), Some(until)) => Some(format!(" from {} to {}", day(since), day(until))),
        }
    }

    fn persona(&self, wanted: &str, book: &JourneyBook) -> anyhow::Result<Group> {
        let Some(personas) = &self.personas else {
            let what = "no personas have been looked for yet".to_owned();
            bail!(Usage { what, hint: "run `throng discover`".to_owned() });
        };
        let persona = find(personas, wanted)?;
        let numbers = self.numbers(&self.engine.members(&persona.id)?);
        Ok(Group { name: called(persona), persona: Some(persona.id.as_str().to_owned()), book: book.select(&numbers) })
    }

    /// Returns every persona with the numbers of its customers.
    ///
    /// # Errors
    /// [`Usage`] when there are no personas.
    pub(super) fn by_persona(&self) -> anyhow::Result<Vec<(String, Vec<u32>)>> {
        let personas = self.personas.as_ref().map(shown);
        let Some(personas) = personas.filter(|personas| !personas.is_empty()) else {
            let what = "there are no personas to break down by".to_owned();
            bail!(Usage { what, hint: "run `throng discover`".to_owned() });
        };
        let own = |persona: &&Persona| Ok((called(persona), self.numbers(&self.engine.members(&persona.id)?)));
        personas.iter().map(own).collect()
    }

    /// Returns the numbers of profiles by their ids.
    pub(super) fn numbers<T: AsRef<str>>(&self, ids: &[T]) -> Vec<u32> {
        // Profiles are numbered in the order of their ids.
        numbers(&self.profiles, ids)
    }
}

/// Returns how histories are cut where nobody says it: into sessions, or not at all where visits are
/// single events.
fn usual_scope(book: &JourneyBook, gap_us: i64) -> ScopeWanted {
    if sessions_have_steps(&book.view(), gap_us) { ScopeWanted::Session } else { ScopeWanted::History }
}

/// Names an error shows.
const NAMES_SHOWN_MAX: usize = 25;

fn called(persona: &Persona) -> String {
    format!("{} · {}", persona.id, clean(&persona.name))
}
