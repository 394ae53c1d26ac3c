//! Reviews: Trustpilot, Google Play, the App Store, and tables of any other place.
//!
//! | form | id of the review | its person |
//! |---|---|---|
//! | Trustpilot's table | Review Id | Review Consumer User Id, else Review Username |
//! | Google Play's monthly table (UTF-16) | `reviewId` of Review Link, and its last change | the review |
//! | App Store, RSS as JSON (`feed.entry`) | `id`, and its last change | the author's nickname |
//! | App Store Connect (`data[].attributes`) | `id` | the reviewer's nickname |
//! | any table with rating, text and date | its id | the author |
//!
//! Google's months repeat reviews; a review that was changed is a new event, one that
//! was not is the same. Reviews without an id are the one of their content. Nicknames
//! hold within their site only. Whoever gives no name is a person of their own, made
//! from the review, so that what was said counts.
//!
//! A review without any date is put aside: where a whole table has none, a mapping
//! with a constant date is the way to read it.

mod app_store;
mod sites;

use std::io::{Cursor, Read};

use throng_event::{Attributes, Decimal, Draft, EventKind, Instant, Problem, ProblemKind, ProductLine, Value};

use crate::fields::Fields;
use crate::head::Head;
use crate::import::Intake;
use crate::rows::NamedRows;
use crate::table::Clock;
use crate::{Import, SourceError, StopReason, Taken, Tally, decompress};

/// Bytes looked at to tell the App Store's documents from tables.
const HEAD_BYTES: u64 = 1 << 16;

/// What a site says of one review.
#[derive(Default)]
struct Review {
    /// The site, in the ids it gives: `trustpilot`.
    site: String,
    id: Option<String>,
    /// Distinguishes the states of a review that was changed.
    version: Option<String>,
    /// What makes a review without id the one it is.
    content: Vec<u8>,
    author: Option<String>,
    /// The author's name, where it is another than the id.
    author_name: Option<String>,
    email: Option<String>,
    written_at: Option<String>,
    rating: Option<String>,
    title: Option<String>,
    body: Option<String>,
    product_id: Option<String>,
    product_name: Option<String>,
    channel: &'static str,
    context: Attributes,
    properties: Attributes,
}

/// Reads reviews, packed or plain, in whichever of the known forms they come.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_reviews(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let clock = Clock::new(None, import.calendar.zone().clone());
    let mut input = decompress(input).map_err(|error| intake.read_error(error))?;
    let mut head = Vec::new();
    input.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| intake.read_error(error))?;
    let of_app_store = app_store::is_document(&head);
    let whole = Cursor::new(head).chain(input);
    if of_app_store {
        app_store::read(whole, &clock, &mut intake)?;
        return Ok(intake.finish());
    }
    let mut rows = NamedRows::new(whole)?;
    while let Some(row) = rows.next(&mut intake)? {
        let review = sites::review(Fields::of_row(&row), row.canonical(), &import.limits.source);
        let draft = review.draft(&clock);
        intake.take(row.number, draft, row.mended(), || row.raw())?;
    }
    Ok(intake.finish())
}

/// Returns why a file holds reviews, if it does.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    match &head.object {
        Some(object) => app_store::recognise(object),
        None => sites::recognise(&head.header),
    }
}

impl Review {
    /// Returns the draft of this review; what is fatal stands in the draft's problems.
    fn draft(self, clock: &Clock) -> Draft {
        let mut draft = Draft {
            kind: Some(EventKind::Track),
            name: Some("Product Reviewed".to_owned()),
            channel: Some(self.channel.to_owned()),
            context: self.context,
            properties: self.properties,
            ..Draft::default()
        };
        let own = match &self.id {
            Some(id) => id.clone(),
            None => blake3::hash(&self.content).to_hex()[..32].to_owned(),
        };
        draft.id = Some(match &self.version {
            Some(version) => format!("{}/{own}/{version}", self.site),
            None => format!("{}/{own}", self.site),
        });
        draft.anonymous_id = Some(format!("{}/{}", self.site, self.author.as_ref().unwrap_or(&own)));
        if let Some(email) = self.email {
            draft.traits.insert("email", Value::text(email));
        }
        let name = self.author_name.or(self.author);
        draft.traits.extend(name.map(|name| ("name".to_owned(), Value::text(name))));
        if let Some(text) = self.written_at {
            draft.occurred_at = read_time(&text, clock);
            if draft.occurred_at.is_none() {
                draft.problems.push(Problem::new(ProblemKind::InvalidTime, &text));
            }
        }
        draft.rating = self.rating.as_deref().and_then(stars);
        if let Some(rating) = self.rating.filter(|_| draft.rating.is_none()) {
            draft.properties.insert("rating", Value::text(rating));
        }
        draft.properties.extend(self.id.map(|id| ("review_id".to_owned(), Value::text(id))));
        let said: Vec<String> = [self.title, self.body].into_iter().flatten().collect();
        draft.text = (!said.is_empty()).then(|| said.join("\n\n"));
        if let Some(product_id) = self.product_id.or_else(|| self.product_name.clone()) {
            let quantity = Decimal(Decimal::ONE);
            draft.products.push(ProductLine {
                product_id,
                name: self.product_name,
                quantity,
                ..ProductLine::default()
            });
        }
        draft
    }
}

/// Returns the time of a review. A column's UTC is written behind its times, which some
/// of them say themselves in another way.
fn read_time(text: &str, clock: &Clock) -> Option<Instant> {
    clock.read_usual(text).or_else(|| clock.read_usual(text.strip_suffix(" UTC")?))
}

/// Returns a rating however it is written: `4`, `4.5`, `4/5`, `4 out of 5`, `4 stars`, `★★★★☆`.
fn stars(text: &str) -> Option<Decimal> {
    let n_stars = text.chars().filter(|character| matches!(character, '★' | '⭐')).count();
    if n_stars > 0 {
        return Decimal::from_integer(i64::try_from(n_stars).ok()?);
    }
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(text.len());
    let (number, behind) = text.split_at(end);
    let behind = behind.trim_start().to_lowercase();
    let scale = ["/", "out of", "of ", "star"].iter().any(|word| behind.starts_with(word));
    if behind.is_empty() || scale { Decimal::parse(&number.replace(',', ".")) } else { None }
}

#[cfg(test)]
mod tests;
