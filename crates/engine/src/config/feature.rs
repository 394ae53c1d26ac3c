//! The written form of a feature definition.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;
use throng_event::Field;
use throng_feature::{
    EventSet, FeatureDefinition, FeatureKind, Filter, JourneyScope, JourneyWords, KindName, Pace, Quantity,
    SESSION_GAP_MINUTES, SignalCategory, Term, ValueForm, ValueSource, Weekdays, WhenEmpty,
};
use throng_journey::Pattern;

use super::quoted;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeatureForm {
    name: String,
    kind: String,
    events: Option<EventsForm>,
    #[serde(default, rename = "where")]
    equals: BTreeMap<String, String>,
    #[serde(default = "all")]
    window: String,
    half_life: Option<String>,
    of: Option<String>,
    value: Option<String>,
    weight: Option<String>,
    form: Option<String>,
    gap_minutes: Option<NonZeroU32>,
    pace: Option<String>,
    longer: Option<String>,
    #[serde(default)]
    numerator: Vec<TermForm>,
    #[serde(default)]
    denominator: Vec<TermForm>,
    empty: Option<String>,
    from: Option<u8>,
    to: Option<u8>,
    #[serde(default)]
    days: Vec<String>,
    pattern: Option<String>,
    measure: Option<String>,
    touchpoint: Option<String>,
    within: Option<String>,
    description: Option<String>,
    phrase: Option<String>,
    unit: Option<String>,
    category: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermForm {
    quantity: String,
    of: Option<String>,
    events: Option<EventsForm>,
    #[serde(default, rename = "where")]
    equals: BTreeMap<String, String>,
    gap_minutes: Option<NonZeroU32>,
}

/// `events = "behaviour"`, `events = "every"` or a list of names.
#[derive(Deserialize)]
#[serde(untagged)]
enum EventsForm {
    Set(String),
    Named(Vec<String>),
}

fn all() -> String {
    "all".to_owned()
}

impl FeatureForm {
    /// Returns the definition, or what is wrong with it.
    pub(super) fn check(self) -> Result<FeatureDefinition, String> {
        let name = self.name.clone();
        self.definition().map_err(|reason| format!("feature {name:?}: {reason}"))
    }

    fn definition(self) -> Result<FeatureDefinition, String> {
        let kind = self.kind()?;
        let half_life_days = match &self.half_life {
            None => None,
            Some(text) => Some(
                text.strip_suffix('d')
                    .and_then(|days| days.parse().ok())
                    .ok_or_else(|| format!("half_life = {text:?} is no number of days such as 30d"))?,
            ),
        };
        let window = parse(&self.window)?;
        let words = kind.journey_words(window);
        let said =
            |own: Option<String>, of: fn(&JourneyWords) -> &str| own.or_else(|| Some(of(words.as_ref()?).to_owned()));
        let needed = |key: &str| format!("it needs `{key}`");
        let category = self
            .category
            .or_else(|| Some(SignalCategory::Behavioural.as_str().to_owned()).filter(|_| kind.of_journeys()));
        Ok(FeatureDefinition {
            filter: filter(self.events, self.equals)?,
            window,
            half_life_days,
            phrase: said(self.phrase, |words| &words.phrase).unwrap_or_else(|| self.name.replace('_', " ")),
            name: self.name,
            description: said(self.description, |words| &words.description).unwrap_or_default(),
            unit: said(self.unit, |words| words.unit).ok_or_else(|| needed("unit"))?,
            category: parse(&category.ok_or_else(|| needed("category"))?)?,
            kind,
        })
    }

    fn kind(&self) -> Result<FeatureKind, String> {
        let need = |key: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| format!("kind {:?} needs `{key}`", self.kind))
        };
        let field = || need("of", &self.of).and_then(|text| parse::<Field>(&text));
        let values = || need("of", &self.of).and_then(|text| parse::<ValueSource>(&text));
        let form = || match self.form.as_deref() {
            None | Some("text") => Ok(ValueForm::Text),
            Some("number") => Ok(ValueForm::Number),
            Some(other) => Err(format!("form = {other:?}; use text or number")),
        };
        let gap_minutes = self.gap_minutes.unwrap_or(SESSION_GAP_MINUTES);
        // Whoever writes `next-step` means `next_step`.
        Ok(match parse::<KindName>(&self.kind.replace('-', "_"))? {
            KindName::Pattern => self.pattern(need("pattern", &self.pattern)?)?,
            KindName::NextStep => {
                FeatureKind::NextStep { touchpoint: need("touchpoint", &self.touchpoint)?, within: self.extent()? }
            }
            KindName::Count => FeatureKind::Count,
            KindName::Sum => FeatureKind::Sum { of: field()? },
            KindName::Mean => FeatureKind::Mean { of: field()? },
            KindName::Min => FeatureKind::Min { of: field()? },
            KindName::Max => FeatureKind::Max { of: field()? },
            KindName::Distinct => FeatureKind::Distinct { of: values()? },
            KindName::MostFrequent => FeatureKind::MostFrequent { of: values()? },
            KindName::First => FeatureKind::First { of: field()?, form: form()? },
            KindName::Last => FeatureKind::Last { of: field()?, form: form()? },
            KindName::Recency => FeatureKind::Recency,
            KindName::Tenure => FeatureKind::Tenure,
            KindName::Span => FeatureKind::Span,
            KindName::Share => {
                let weight = self.weight.as_deref().map(parse::<Field>).transpose()?;
                FeatureKind::Share { of: field()?, value: need("value", &self.value)?, weight }
            }
            KindName::Entropy => FeatureKind::Entropy { of: values()? },
            KindName::Switches => FeatureKind::Switches { of: values()? },
            KindName::SwitchRate => FeatureKind::SwitchRate { of: values()? },
            KindName::Sessions => FeatureKind::Sessions { gap_minutes },
            KindName::SessionTime => FeatureKind::SessionTime { gap_minutes },
            KindName::SessionLengthMean => FeatureKind::SessionLengthMean { gap_minutes },
            KindName::SessionGapMean => FeatureKind::SessionGapMean { gap_minutes },
            KindName::Regularity => FeatureKind::Regularity { of: self.pace()? },
            KindName::Trend => FeatureKind::Trend { longer: parse(&need("longer", &self.longer)?)? },
            KindName::Ratio => self.ratio()?,
            KindName::HourShare => {
                let (Some(from), Some(to)) = (self.from, self.to) else {
                    return Err("kind \"hour_share\" needs `from` and `to`".to_owned());
                };
                FeatureKind::HourShare { from, to }
            }
            KindName::DayOfWeekShare => {
                let days =
                    Weekdays::from_names(self.days.iter().map(String::as_str)).map_err(|error| error.to_string())?;
                FeatureKind::DayOfWeekShare { days }
            }
            KindName::ActiveDays => FeatureKind::ActiveDays,
        })
    }

    fn pattern(&self, pattern: String) -> Result<FeatureKind, String> {
        // Whether there are such touchpoints is seen when there are events.
        Pattern::parse_with(&pattern, |_| Ok(0)).map_err(|error| {
            format!("pattern: {error}; `throng journeys pattern --help` says how patterns are written")
        })?;
        let measure = parse(self.measure.as_deref().unwrap_or("count")).map_err(|error| format!("measure: {error}"))?;
        Ok(FeatureKind::Pattern { pattern, measure, within: self.extent()? })
    }

    fn extent(&self) -> Result<JourneyScope, String> {
        let within = self.within.as_deref().unwrap_or("session");
        JourneyScope::parse(within, self.gap_minutes.unwrap_or(SESSION_GAP_MINUTES))
            .map_err(|error| format!("within: {error}"))
    }

    fn pace(&self) -> Result<Pace, String> {
        match self.pace.as_deref() {
            None | Some("active_days") => Ok(Pace::ActiveDays),
            Some("events") => Ok(Pace::Events),
            Some(other) => Err(format!("pace = {other:?}; use active_days or events")),
        }
    }

    fn ratio(&self) -> Result<FeatureKind, String> {
        let empty = match self.empty.as_deref() {
            None | Some("missing") => WhenEmpty::Missing,
            Some("zero") => WhenEmpty::Zero,
            Some("at_least_one") => WhenEmpty::AtLeastOne,
            Some(other) => return Err(format!("empty = {other:?}; use missing, zero or at_least_one")),
        };
        let terms = |forms: &[TermForm]| forms.iter().map(TermForm::term).collect::<Result<Vec<_>, _>>();
        Ok(FeatureKind::Ratio { numerator: terms(&self.numerator)?, denominator: terms(&self.denominator)?, empty })
    }
}

impl TermForm {
    fn term(&self) -> Result<Term, String> {
        let gap_minutes = self.gap_minutes.unwrap_or(SESSION_GAP_MINUTES);
        let quantity = match self.quantity.as_str() {
            "count" => Quantity::Count,
            "sum" => Quantity::Sum { of: parse(self.of.as_deref().ok_or("quantity \"sum\" needs `of`")?)? },
            "sessions" => Quantity::Sessions { gap_minutes },
            "session_time" => Quantity::SessionTime { gap_minutes },
            "active_days" => Quantity::ActiveDays,
            other => {
                return Err(format!("quantity = {other:?}; use count, sum, sessions, session_time or active_days"));
            }
        };
        let events = match &self.events {
            None => Some(EventsForm::Set("every".to_owned())),
            Some(EventsForm::Set(set)) => Some(EventsForm::Set(set.clone())),
            Some(EventsForm::Named(names)) => Some(EventsForm::Named(names.clone())),
        };
        Ok(Term { quantity, filter: filter(events, self.equals.clone())? })
    }
}

fn filter(events: Option<EventsForm>, equals: BTreeMap<String, String>) -> Result<Filter, String> {
    let events = match events {
        None => EventSet::Behaviour,
        Some(EventsForm::Named(names)) => EventSet::Named(names),
        Some(EventsForm::Set(set)) => match set.as_str() {
            "behaviour" => EventSet::Behaviour,
            "every" => EventSet::Every,
            name => EventSet::Named(vec![name.to_owned()]),
        },
    };
    let equals = equals.into_iter().map(|(field, value)| Ok((parse(&field)?, value)));
    Ok(Filter { events, equals: equals.collect::<Result<_, String>>()? })
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Returns a whole catalogue as the `[[feature]]` tables of a `throng.toml`.
#[must_use]
pub fn features_to_toml(features: &[FeatureDefinition]) -> String {
    let mut text = String::from(
        "# The feature catalogue: what is known of every customer, each computed the same way in\n\
         # batch and live. Edit, remove or add; `throng features list` shows what is in force.\n",
    );
    for feature in features {
        text.push('\n');
        text.push_str(&feature_to_toml(feature));
    }
    text
}

/// Returns one definition as a `[[feature]]` table.
#[must_use]
pub fn feature_to_toml(feature: &FeatureDefinition) -> String {
    let mut lines = vec![format!("name = {}", quoted(&feature.name)), format!("kind = \"{}\"", feature.kind.name())];
    lines.extend(parameters(&feature.kind));
    lines.extend(filter_pairs(&feature.filter, EventSet::Behaviour));
    lines.push(format!("window = \"{}\"", feature.window));
    lines.extend(feature.half_life_days.map(|days| format!("half_life = \"{days}d\"")));
    lines.push(format!("description = {}", quoted(&feature.description)));
    lines.push(format!("phrase = {}", quoted(&feature.phrase)));
    lines.push(format!("unit = {}", quoted(&feature.unit)));
    lines.push(format!("category = \"{}\"", feature.category));
    let mut text = String::from("[[feature]]\n");
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn parameters(kind: &FeatureKind) -> Vec<String> {
    let of = |text: String| format!("of = {}", quoted(&text));
    match kind {
        FeatureKind::Count
        | FeatureKind::Recency
        | FeatureKind::Tenure
        | FeatureKind::Span
        | FeatureKind::ActiveDays => Vec::new(),
        FeatureKind::Sum { of: field }
        | FeatureKind::Mean { of: field }
        | FeatureKind::Min { of: field }
        | FeatureKind::Max { of: field } => vec![of(field.to_string())],
        FeatureKind::Distinct { of: values }
        | FeatureKind::MostFrequent { of: values }
        | FeatureKind::Entropy { of: values }
        | FeatureKind::Switches { of: values }
        | FeatureKind::SwitchRate { of: values } => vec![of(values.to_string())],
        FeatureKind::First { of: field, form } | FeatureKind::Last { of: field, form } => {
            let form = if *form == ValueForm::Text { "text" } else { "number" };
            vec![of(field.to_string()), format!("form = \"{form}\"")]
        }
        FeatureKind::Share { of: field, value, weight } => {
            let mut lines = vec![of(field.to_string()), format!("value = {}", quoted(value))];
            lines.extend(weight.as_ref().map(|weight| format!("weight = {}", quoted(&weight.to_string()))));
            lines
        }
        FeatureKind::Sessions { gap_minutes }
        | FeatureKind::SessionTime { gap_minutes }
        | FeatureKind::SessionLengthMean { gap_minutes }
        | FeatureKind::SessionGapMean { gap_minutes } => vec![format!("gap_minutes = {gap_minutes}")],
        FeatureKind::Regularity { of: pace } => {
            vec![format!("pace = \"{}\"", if *pace == Pace::ActiveDays { "active_days" } else { "events" })]
        }
        FeatureKind::Trend { longer } => vec![format!("longer = \"{longer}\"")],
        FeatureKind::Ratio { numerator, denominator, empty } => {
            let empty = match empty {
                WhenEmpty::Missing => "missing",
                WhenEmpty::Zero => "zero",
                WhenEmpty::AtLeastOne => "at_least_one",
            };
            let side = |name: &str, terms: &[Term]| {
                let terms: Vec<String> = terms.iter().map(term_to_toml).collect();
                format!("{name} = [{}]", terms.join(", "))
            };
            vec![side("numerator", numerator), side("denominator", denominator), format!("empty = \"{empty}\"")]
        }
        FeatureKind::Pattern { pattern, measure, within } => {
            let mut lines = vec![format!("pattern = {}", quoted(pattern)), format!("measure = \"{measure}\"")];
            lines.extend(extent_pairs(*within));
            lines
        }
        FeatureKind::NextStep { touchpoint, within } => {
            let mut lines = vec![format!("touchpoint = {}", quoted(touchpoint))];
            lines.extend(extent_pairs(*within));
            lines
        }
        FeatureKind::HourShare { from, to } => vec![format!("from = {from}"), format!("to = {to}")],
        FeatureKind::DayOfWeekShare { days } => {
            let names: Vec<String> = days.names().into_iter().map(quoted).collect();
            vec![format!("days = [{}]", names.join(", "))]
        }
    }
}

/// How far a journey goes, in keys.
fn extent_pairs(within: JourneyScope) -> Vec<String> {
    let mut lines = vec![format!("within = \"{}\"", within.as_str())];
    if let JourneyScope::Session { gap_minutes } = within {
        lines.push(format!("gap_minutes = {gap_minutes}"));
    }
    lines
}

fn term_to_toml(term: &Term) -> String {
    let mut pairs = Vec::new();
    let quantity = match &term.quantity {
        Quantity::Count => "count",
        Quantity::Sum { of } => {
            pairs.push(format!("of = {}", quoted(&of.to_string())));
            "sum"
        }
        Quantity::Sessions { gap_minutes } => {
            pairs.push(format!("gap_minutes = {gap_minutes}"));
            "sessions"
        }
        Quantity::SessionTime { gap_minutes } => {
            pairs.push(format!("gap_minutes = {gap_minutes}"));
            "session_time"
        }
        Quantity::ActiveDays => "active_days",
    };
    pairs.insert(0, format!("quantity = \"{quantity}\""));
    pairs.extend(filter_pairs(&term.filter, EventSet::Every));
    format!("{{ {} }}", pairs.join(", "))
}

/// The keys of a filter that differ from what is taken when they are absent.
fn filter_pairs(filter: &Filter, default: EventSet) -> Vec<String> {
    let mut pairs = Vec::new();
    match &filter.events {
        events if *events == default => {}
        EventSet::Behaviour => pairs.push("events = \"behaviour\"".to_owned()),
        EventSet::Every => pairs.push("events = \"every\"".to_owned()),
        EventSet::Named(names) => {
            let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            pairs.push(format!("events = [{}]", names.join(", ")));
        }
    }
    if !filter.equals.is_empty() {
        let equals =
            filter.equals.iter().map(|(field, value)| format!("{} = {}", quoted(&field.to_string()), quoted(value)));
        pairs.push(format!("where = {{ {} }}", equals.collect::<Vec<_>>().join(", ")));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str) {
        let form: FeatureForm = toml::from_str(toml).unwrap();
        let definition = form.check().unwrap();
        let written = feature_to_toml(&definition);
        let again: FeatureForm = toml::from_str(written.strip_prefix("[[feature]]\n").unwrap()).unwrap();
        assert_eq!(again.check().unwrap(), definition, "{written}");
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let described =
            "window = \"90d\"\ndescription = \"d\"\nphrase = \"p\"\nunit = \"u\"\ncategory = \"behavioural\"\n";
        for own in [
            "name = \"a\"\nkind = \"count\"\nevents = [\"Order Completed\"]\nhalf_life = \"30d\"",
            "name = \"a\"\nkind = \"sum\"\nof = \"amount\"\nevents = \"every\"\nwhere = { channel = \"we\\\"b\" }",
            "name = \"a\"\nkind = \"last\"\nof = \"rating\"\nform = \"number\"",
            "name = \"a\"\nkind = \"share\"\nof = \"products.category\"\nvalue = \"x\"\nweight = \"products.amount\"",
            "name = \"a\"\nkind = \"regularity\"\npace = \"events\"",
            "name = \"a\"\nkind = \"trend\"\nlonger = \"365d\"",
            "name = \"a\"\nkind = \"hour_share\"\nfrom = 22\nto = 6",
            "name = \"a\"\nkind = \"day_of_week_share\"\ndays = [\"sunday\"]",
            "name = \"a\"\nkind = \"sessions\"\ngap_minutes = 20",
            "name = \"a\"\nkind = \"entropy\"\nof = \"hour_of_day\"",
            "name = \"a\"\nkind = \"pattern\"\npattern = '\"Product Added\" -> [^\"Order\"]* -> end'\nmeasure = \"share\"",
            "name = \"a\"\nkind = \"pattern\"\npattern = \"a\"\nmeasure = \"any\"\nwithin = \"day\"",
            "name = \"a\"\nkind = \"pattern\"\npattern = \"start -> a\"\nwithin = \"session\"\ngap_minutes = 5",
            "name = \"a\"\nkind = \"next_step\"\ntouchpoint = \"Order\"\nwithin = \"history\"",
            "name = \"a\"\nkind = \"next-step\"\ntouchpoint = \"Order\"",
            "name = \"a\"\nkind = \"ratio\"\nempty = \"zero\"\nnumerator = [{ quantity = \"sum\", of = \"amount\" }]\n\
             denominator = [{ quantity = \"count\", events = [\"x\"] }, { quantity = \"sessions\", gap_minutes = 5 }]",
        ] {
            check(&format!("{own}\n{described}"));
        }
    }

    #[test]
    fn journeys_need_few_words_and_are_behaviour() {
        let toml = "name = \"left\"\nkind = \"pattern\"\npattern = \"cart -> end\"\nwindow = \"30d\"";
        let definition = toml::from_str::<FeatureForm>(toml).unwrap().check().unwrap();
        assert_eq!(definition.category, SignalCategory::Behavioural);
        assert_eq!(definition.unit, "sessions");
        assert_eq!(definition.phrase, "sessions in the last 30 days that follow cart → end");
        let own = format!("{toml}\nphrase = \"carts left\"\ncategory = \"transactional\"");
        let definition = toml::from_str::<FeatureForm>(&own).unwrap().check().unwrap();
        assert_eq!((definition.phrase.as_str(), definition.category), ("carts left", SignalCategory::Transactional));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_key_the_place_and_what_to_do() {
        fn check(own: &str, parts: &[&str]) {
            let form: FeatureForm = toml::from_str(&format!("name = \"a\"\n{own}")).unwrap();
            let reason = form.check().unwrap_err();
            for part in ["\"a\""].iter().chain(parts) {
                assert!(reason.contains(part), "{reason} should say {part}");
            }
        }
        check("kind = \"sum\"\nunit = \"u\"\ncategory = \"behavioural\"", &["`of`"]);
        check("kind = \"count\"\ncategory = \"behavioural\"", &["`unit`"]);
        check("kind = \"count\"\nunit = \"u\"", &["`category`"]);
        check("kind = \"pattern\"", &["`pattern`"]);
        check("kind = \"next_step\"", &["`touchpoint`"]);
        let broken = ["pattern:", "\"cart -> (end\"", "character 13", "\")\" was expected", "journeys pattern --help"];
        check("kind = \"pattern\"\npattern = \"cart -> (end\"", &broken);
        let named = "kind = \"pattern\"\npattern = \"cart\"";
        check(&format!("{named}\nmeasure = \"most\""), &["measure:", "\"most\"", "share"]);
        check(&format!("{named}\nwithin = \"week\""), &["within:", "\"week\"", "history"]);
    }
}
