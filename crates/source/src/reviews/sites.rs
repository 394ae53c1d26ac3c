//! Tables of reviews: Trustpilot's, Google Play's, and others by what their columns say.
//!
//! Trustpilot writes its headers in more than one way, so names are compared by letters
//! and digits alone.

use throng_event::{Attributes, Value};

use super::Review;
use crate::fields::Fields;
use crate::rows::plain_name;

const ID: [&str; 2] = ["review id", "id"];
const AUTHOR: [&str; 13] = [
    "author id",
    "reviewer id",
    "customer id",
    "user id",
    "author",
    "author name",
    "reviewer",
    "reviewer name",
    "user name",
    "nickname",
    "customer name",
    "profile name",
    "name",
];
const EMAIL: [&str; 5] = ["author email", "reviewer email", "customer email", "user email", "email"];
const DATE: [&str; 12] = [
    "review date",
    "reviewed at",
    "review created",
    "review time",
    "created at",
    "published at",
    "submitted at",
    "date",
    "time",
    "timestamp",
    "posted at",
    "created",
];
const RATING: [&str; 8] =
    ["review rating", "star rating", "review stars", "rating", "stars", "score", "overall", "overall rating"];
const TITLE: [&str; 6] = ["review title", "title", "headline", "review headline", "summary", "subject"];
const BODY: [&str; 10] = [
    "review text",
    "review body",
    "review content",
    "review comment",
    "review",
    "text",
    "body",
    "comment",
    "content",
    "feedback",
];
const PRODUCT_ID: [&str; 7] = ["product id", "product handle", "sku", "asin", "item id", "clothing id", "app id"];
const PRODUCT_NAME: [&str; 5] = ["product name", "product title", "product", "item", "location name"];
const REPLY: [&str; 3] = ["reply", "response", "owner response"];

/// Returns why a table holds reviews, if it does.
pub(super) fn recognise(header: &[String]) -> Option<String> {
    let header: Vec<String> = header.iter().map(|name| plain_name(name)).collect();
    let has = |name: &str| header.contains(&plain_name(name));
    if has("Review Stars") && has("Review Content") && (has("Review Username") || has("Review Consumer User Id")) {
        return Some("its columns are those of Trustpilot's reviews".to_owned());
    }
    if has("Package Name") && has("Star Rating") && has("Review Submit Millis Since Epoch") {
        return Some("its columns are those of Google Play's reviews".to_owned());
    }
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    // One column must name reviews, for comments with scores and dates are many things.
    let named = header.iter().any(|name| name.contains("review"));
    (named && any(&RATING) && any(&BODY) && any(&DATE))
        .then(|| "its columns have a review, its rating and its date".to_owned())
}

/// Returns the review of a row.
pub(super) fn review(mut fields: Fields, content: Vec<u8>, source: &str) -> Review {
    if let Some(package) = fields.take(&["Package Name"]) {
        return google_play(package, fields, content);
    }
    if let Some(stars) = fields.take(&["Review Stars"]) {
        return trustpilot(stars, fields, content);
    }
    let mut review = Review {
        site: source.to_owned(),
        id: fields.take(&ID),
        content,
        author: fields.take(&AUTHOR),
        author_name: fields.take(&["author name", "reviewer name", "user name", "nickname", "customer name", "name"]),
        email: fields.take(&EMAIL),
        written_at: fields.take(&DATE),
        rating: fields.take(&RATING),
        product_id: fields.take(&PRODUCT_ID),
        product_name: fields.take(&PRODUCT_NAME),
        title: fields.take(&TITLE),
        body: fields.take(&BODY),
        channel: "web",
        ..Review::default()
    };
    keep(&mut review.properties, [("reply.text", fields.take(&REPLY))]);
    fields.rest_into(&mut review.properties);
    review
}

fn trustpilot(stars: String, mut fields: Fields, content: Vec<u8>) -> Review {
    let mut review = Review {
        site: "trustpilot".to_owned(),
        id: fields.take(&ID),
        content,
        author: fields.take(&["Review Consumer User Id"]),
        author_name: fields.take(&["Review Username"]),
        email: fields.take(&["Review User Email", "Consumer Email", "email"]),
        written_at: fields.take(&["Review Created (UTC)", "Review Created"]).map(|text| format!("{text} UTC")),
        rating: Some(stars),
        title: fields.take(&["Review Title"]),
        body: fields.take(&["Review Content"]),
        channel: "web",
        ..Review::default()
    };
    // The name of somebody without an account is all there is to tell them by.
    review.author = review.author.or_else(|| review.author_name.clone());
    let facts = [
        ("domain", fields.take(&["Domain Url"])),
        ("reference_id", fields.take(&["Reference Id"])),
        ("location", fields.take(&["Location Name"])),
        ("source_of_review", fields.take(&["Source Of Review"])),
        ("reply.at", fields.take(&["Business Reply Date (UTC)", "Company Reply Date (UTC)"])),
        ("reply.text", fields.take(&["Business Reply", "Company Reply", "Reply Content"])),
    ];
    keep(&mut review.properties, facts);
    fields.rest_into(&mut review.properties);
    review
}

fn google_play(package: String, mut fields: Fields, content: Vec<u8>) -> Review {
    let link = fields.take(&["Review Link"]);
    let id = link.as_deref().and_then(review_id).map(str::to_owned);
    let submitted = fields.take(&["Review Submit Millis Since Epoch"]);
    let changed = fields.take(&["Review Last Update Millis Since Epoch"]);
    let submitted_text = fields.take(&["Review Submit Date and Time"]);
    let changed_text = fields.take(&["Review Last Update Date and Time"]);
    let mut review = Review {
        site: "google-play".to_owned(),
        // Ratings without a word have no link; they are the one of their content.
        version: id.as_ref().and(changed.clone().or_else(|| submitted.clone())),
        id,
        content,
        written_at: changed.or(submitted).or(changed_text).or(submitted_text.clone()),
        rating: fields.take(&["Star Rating"]),
        title: fields.take(&["Review Title"]),
        body: fields.take(&["Review Text"]),
        product_id: Some(package),
        channel: "app",
        ..Review::default()
    };
    let context = [
        ("app.version", fields.take(&["App Version Name"])),
        ("locale", fields.take(&["Reviewer Language"])),
        ("device.model", fields.take(&["Device"])),
    ];
    keep(&mut review.context, context);
    let facts = [
        ("app_version_code", fields.take(&["App Version Code"])),
        ("first_written", submitted_text),
        ("reply.text", fields.take(&["Developer Reply Text"])),
        ("reply.at", fields.take(&["Developer Reply Date and Time"])),
    ];
    keep(&mut review.properties, facts);
    fields.rest_into(&mut review.properties);
    review
}

/// Returns the id in the address of a review on Google Play.
fn review_id(link: &str) -> Option<&str> {
    let (_, id) = link.split_once("reviewId=").or_else(|| link.split_once("reviewid="))?;
    let id = id.split(['&', '#']).next()?.trim();
    (!id.is_empty()).then_some(id)
}

fn keep<const N: usize>(attributes: &mut Attributes, facts: [(&str, Option<String>); N]) {
    for (name, text) in facts {
        attributes.extend(text.map(|text| (name.to_owned(), Value::text(text))));
    }
}
