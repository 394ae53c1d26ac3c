//! Reviews of the App Store, as documents of JSON.
//!
//! The public feed (`…/rss/customerreviews/id=…/json`) has `feed.entry`, a list or a
//! single entry, whose members carry their text in `label`; older feeds begin with an
//! entry about the app itself, which is no review. App Store Connect answers
//! `data[].attributes`. Pages may follow one another, and a review may stand alone.

use std::io::BufRead;

use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use throng_event::{Problem, ProblemKind, Value};

use super::Review;
use crate::SourceError;
use crate::fields::Object;
use crate::frames::{Frame, Frames};
use crate::import::{Intake, raw_text};
use crate::table::Clock;

/// Bytes of the address of a feed; browsers stop at as many.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// Whether input begins with one of the App Store's documents.
///
/// Only the beginning is at hand, so the names of the members it opens with decide.
pub(super) fn is_document(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let open = text.trim_start_matches('\u{feff}').trim_start();
    let open = open.strip_prefix('[').map_or(open, str::trim_start);
    let Some(members) = open.strip_prefix('{') else { return false };
    let first = members.trim_start();
    first.starts_with("\"feed\"") || first.starts_with("\"data\"") || members.contains("\"reviewerNickname\"")
}

/// Returns why an object is a document of the App Store's reviews, if it is one.
pub(super) fn recognise(object: &Map<String, Json>) -> Option<String> {
    let entry = object.get("feed").and_then(|feed| feed.get("entry"));
    let entries = entry.map(|entry| entry.as_array().map_or(std::slice::from_ref(entry), Vec::as_slice));
    if entries.is_some_and(|entries| entries.iter().any(|entry| entry.get("im:rating").is_some())) {
        return Some("its feed has entries with im:rating, as the App Store's reviews".to_owned());
    }
    let review = |review: &Json| {
        let attributes = review.get("attributes");
        attributes.is_some_and(|own| own.get("reviewerNickname").is_some() && own.get("rating").is_some())
    };
    let listed = object.get("data").and_then(Json::as_array).is_some_and(|data| data.iter().any(review));
    let alone = object.get("attributes").is_some_and(|own| own.get("reviewerNickname").is_some());
    (listed || alone)
        .then(|| "its data have attributes with reviewerNickname, as App Store Connect's reviews".to_owned())
}

pub(super) fn read(input: impl BufRead, clock: &Clock, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let mut frames = Frames::new(input).map_err(|error| intake.read_error(error))?;
    while let Some(frame) = frames.next().map_err(|error| intake.read_error(error))? {
        match frame {
            Frame::Whole(record) => take_document(record, clock, intake)?,
            Frame::TooLong(beginning) => {
                let problem = Problem::new(ProblemKind::TooLarge, "a document longer than any may be");
                put_aside(problem, raw_text(beginning), intake)?;
            }
        }
    }
    Ok(())
}

/// Takes the reviews of one document; the document itself is no row.
fn take_document(record: &[u8], clock: &Clock, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let raw = || raw_text(record);
    let object = match Object::parse(record) {
        Ok(object) => object,
        Err(problem) => return put_aside(problem, raw(), intake),
    };
    if let Some(feed) = object.object(&["feed"]) {
        return take_feed(&feed, clock, intake);
    }
    let Some(data) = object.get(&["data"]) else {
        return take_connect(&object, raw, clock, intake);
    };
    for review in one_or_many(data) {
        match Object::of(review) {
            Some(object) => take_connect(&object, || raw_text(review.get().as_bytes()), clock, intake)?,
            None => put_aside(no_review(), raw_text(review.get().as_bytes()), intake)?,
        }
    }
    Ok(())
}

fn take_feed(feed: &Object<'_>, clock: &Clock, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    // A longer one is no address, and would be repeated with every review.
    let address = feed.object(&["id"]).and_then(|id| id.text(&["label"])).filter(|id| id.len() <= ADDRESS_BYTES_MAX);
    let app = address.as_deref().and_then(app_id);
    for entry in feed.get(&["entry"]).map(one_or_many).unwrap_or_default() {
        // The feed's address names the app, so the record goes aside with it.
        let raw = || {
            let address = Json::from(address.as_deref().unwrap_or_default());
            raw_text(format!("{{\"feed\":{{\"id\":{{\"label\":{address}}},\"entry\":{}}}}}", entry.get()).as_bytes())
        };
        let Some(object) = Object::of(entry) else {
            put_aside(no_review(), raw(), intake)?;
            continue;
        };
        if object.get(&["im:rating"]).is_none() && object.get(&["im:name"]).is_some() {
            continue;
        }
        let label = |name: &str| object.object(&[name]).and_then(|member| member.text(&["label"]));
        let updated = label("updated");
        let author = object.object(&["author"]).and_then(|author| author.object(&["name"]));
        let mut review = Review {
            site: "app-store".to_owned(),
            id: label("id"),
            content: entry.get().as_bytes().to_vec(),
            author: author.and_then(|name| name.text(&["label"])),
            rating: label("im:rating"),
            title: label("title"),
            body: label("content"),
            product_id: app.map(str::to_owned),
            channel: "app",
            ..Review::default()
        };
        review.version = review.id.as_ref().and(updated.clone());
        review.written_at = updated;
        review.context.extend(label("im:version").map(|text| ("app.version".to_owned(), Value::text(text))));
        let row = intake.next_row();
        intake.take(row, review.draft(clock), Vec::new(), raw)?;
    }
    Ok(())
}

fn take_connect(
    object: &Object<'_>,
    raw: impl FnOnce() -> String,
    clock: &Clock,
    intake: &mut Intake<'_>,
) -> Result<(), SourceError> {
    let Some(attributes) = object.object(&["attributes"]) else {
        return put_aside(no_review(), raw(), intake);
    };
    let text = |name: &str| attributes.text(&[name]);
    let mut review = Review {
        site: "app-store".to_owned(),
        id: object.text(&["id"]),
        author: text("reviewerNickname"),
        written_at: text("createdDate"),
        rating: text("rating"),
        title: text("title"),
        body: text("body"),
        channel: "app",
        ..Review::default()
    };
    if review.id.is_none() {
        review.content = [&review.author, &review.written_at, &review.title, &review.body]
            .map(|part| part.as_deref().unwrap_or_default())
            .join("\0")
            .into_bytes();
    }
    review.context.extend(text("territory").map(|text| ("location.country".to_owned(), Value::text(text))));
    let row = intake.next_row();
    intake.take(row, review.draft(clock), Vec::new(), raw)
}

fn no_review() -> Problem {
    Problem::new(ProblemKind::Unreadable, "neither an entry of a feed nor a review with attributes")
}

fn put_aside(problem: Problem, raw: String, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let row = intake.next_row();
    intake.put_aside(row, vec![problem], raw)
}

/// Returns the values of a list, or the value itself where it is none.
fn one_or_many(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| vec![raw])
}

/// Returns the app an address of the feed is about: `…/customerreviews/id=389801252/…`.
fn app_id(address: &str) -> Option<&str> {
    let (_, behind) = address.split_once("id=")?;
    let end = behind.find(|character: char| !character.is_ascii_digit()).unwrap_or(behind.len());
    (end > 0).then_some(&behind[..end])
}
