//! One ticket, whatever form it came in, and what it says that happened.

use throng_event::{
    Attributes, Decimal, Draft, EventKind, Identity, IdentityKind, Instant, Problem, ProblemKind, Value,
};

use super::names;
use crate::attributes::insert;
use crate::fields::{Fields, Object};
use crate::import::check_drafts;
use crate::table::Clock;

/// Words for a ticket that is done with.
const SOLVED: [&str; 3] = ["solved", "closed", "resolved"];
/// Scores that only say that nobody was asked, or nobody answered.
const UNRATED: [&str; 4] = ["offered", "unoffered", "not offered", "no response"];

/// What an export says of one ticket.
#[derive(Default)]
pub(super) struct Ticket {
    id: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    solved_at: Option<String>,
    requester: Requester,
    account: Option<String>,
    subject: Option<String>,
    description: Option<String>,
    status: Option<String>,
    via: Option<String>,
    score: Option<String>,
    score_comment: Option<String>,
    comments: Vec<Comment>,
    properties: Attributes,
}

#[derive(Default)]
struct Requester {
    /// The id of the company's own systems.
    external_id: Option<String>,
    /// The id of the help desk.
    user_id: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    name: Option<String>,
}

/// What the requester said later, in public.
struct Comment {
    id: Option<String>,
    created_at: Option<String>,
    text: Option<String>,
    via: Option<String>,
}

impl Ticket {
    /// Returns the ticket of a row, or the plain members of a JSON object.
    pub(super) fn of_fields(mut fields: Fields) -> Self {
        let requester = Requester {
            external_id: fields.take(&names::EXTERNAL_ID),
            user_id: fields.take(&names::USER_ID),
            email: fields.take(&names::EMAIL),
            phone: fields.take(&names::PHONE),
            name: fields.take(&names::NAME),
        };
        let mut ticket = Self {
            id: fields.take(&names::ID),
            created_at: fields.take(&names::CREATED_AT),
            updated_at: fields.take(&names::UPDATED_AT),
            solved_at: fields.take(&names::SOLVED_AT),
            requester,
            account: fields.take(&names::ACCOUNT),
            subject: fields.take(&names::SUBJECT),
            description: fields.take(&names::DESCRIPTION),
            status: fields.take(&names::STATUS),
            via: fields.take(&names::CHANNEL),
            score: fields.take(&names::SCORE),
            score_comment: fields.take(&names::SCORE_COMMENT),
            ..Self::default()
        };
        let facts = [("priority", fields.take(&names::PRIORITY)), ("type", fields.take(&names::TYPE))];
        let tags = [("tags", fields.take(&names::TAGS))];
        for (name, text) in facts.into_iter().chain(tags) {
            ticket.properties.extend(text.map(|text| (name.to_owned(), Value::text(text))));
        }
        fields.rest_into(&mut ticket.properties);
        ticket
    }

    /// Returns the ticket of a JSON object, the nested parts of Zendesk's included.
    pub(super) fn of_object(object: &Object<'_>) -> Result<Self, Problem> {
        // `fields` says again what `custom_fields` says.
        let apart = ["via", "comments", "requester", "satisfaction_rating", "custom_fields", "fields", "metric_set"];
        let mut ticket = Self::of_fields(Fields::of_object(object, &apart)?);
        let nested = |name: &str, member: &str| {
            let own = object.text(&[name]);
            own.or_else(|| object.object(&[name])?.text(&[member]))
        };
        ticket.via = ticket.via.or(nested("via", "channel"));
        ticket.score = ticket.score.or(nested("satisfaction_rating", "score"));
        if let Some(rating) = object.object(&["satisfaction_rating"]) {
            ticket.score_comment = ticket.score_comment.or(rating.text(&["comment"]));
        }
        if let Some(metrics) = object.object(&["metric_set"]) {
            ticket.solved_at = ticket.solved_at.or(metrics.text(&["solved_at"]));
        }
        ticket.requester.name = ticket.requester.name.take().or(nested("requester", "name"));
        if let Some(requester) = object.object(&["requester"]) {
            let own = &mut ticket.requester;
            own.user_id = own.user_id.take().or(requester.text(&["id"]));
            own.external_id = own.external_id.take().or(requester.text(&["external_id"]));
            own.email = own.email.take().or(requester.text(&["email"]));
            own.phone = own.phone.take().or(requester.text(&["phone"]));
        }
        for field in object.list(&["custom_fields"]).unwrap_or_default() {
            let Some(field) = Object::of(field) else { continue };
            if let (Some(id), Some(value)) = (field.text(&["id"]), field.get(&["value"])) {
                insert(format!("custom.{id}"), value, &mut ticket.properties)?;
            }
        }
        ticket.read_comments(object);
        Ok(ticket)
    }

    /// Keeps what the requester said in public; the first comment is the description again.
    fn read_comments(&mut self, object: &Object<'_>) {
        for (idx, comment) in object.list(&["comments"]).unwrap_or_default().into_iter().enumerate() {
            let Some(comment) = Object::of(comment) else { continue };
            let author = comment.text(&["author_id"]);
            let public = comment.get(&["public"]).is_none_or(|public| public.get() == "true");
            let text = comment.text(&["plain_body", "body", "html_body"]);
            let opening = idx == 0 && (text == self.description || self.description.is_none());
            if opening {
                self.description = self.description.take().or(text);
            } else if public && author.is_some() && author == self.requester.user_id {
                let via = comment.object(&["via"]).and_then(|via| via.text(&["channel"]));
                let (id, created_at) = (comment.text(&["id"]), comment.text(&["created_at"]));
                self.comments.push(Comment { id, created_at, text, via });
            }
        }
    }

    /// Returns what happened, in its order, and what could not be read beside it.
    pub(super) fn drafts(self, source: &str, clock: &Clock) -> (Vec<Draft>, Vec<Problem>) {
        let mut mended = Vec::new();
        let mut lenient = |text: &Option<String>| {
            let instant = clock.read_usual(text.as_deref()?);
            if instant.is_none() {
                mended.push(Problem::new(ProblemKind::InvalidTime, text.as_deref().unwrap_or_default()));
            }
            instant
        };
        let (updated_at, solved_at) = (lenient(&self.updated_at), lenient(&self.solved_at));
        let base = self.base(source);
        if let Err(problem) = check_drafts(&base, self.comments.len()) {
            return (vec![Draft { problems: vec![problem], ..Draft::default() }], mended);
        }
        let mut drafts = vec![self.opened(&base, source, clock)];
        for comment in &self.comments {
            drafts.push(self.commented(comment, &base, source, clock));
        }
        let done =
            self.status.as_deref().is_some_and(|status| SOLVED.iter().any(|word| status.eq_ignore_ascii_case(word)));
        if done || solved_at.is_some() {
            let what = solved_at.map_or_else(|| "solved".to_owned(), |instant| format!("solved/{}", instant.0));
            let occurred_at = solved_at.or(updated_at);
            drafts.push(self.draft("Ticket Solved", &what, occurred_at, (&base, source)));
        }
        let rated = |score: &&String| !UNRATED.iter().any(|word| score.eq_ignore_ascii_case(word));
        if let Some(score) = self.score.as_ref().filter(rated) {
            let occurred_at = updated_at.or(solved_at).or(drafts[0].occurred_at);
            let mut draft = self.draft("Ticket Rated", &format!("rated/{score}"), occurred_at, (&base, source));
            draft.rating = Decimal::parse(score);
            draft.text.clone_from(&self.score_comment);
            draft.properties.insert("score", Value::text(score.clone()));
            drafts.push(draft);
        }
        (drafts, mended)
    }

    fn opened(&self, base: &Draft, source: &str, clock: &Clock) -> Draft {
        let said: Vec<&str> = [&self.subject, &self.description].into_iter().flatten().map(String::as_str).collect();
        let mut draft = self.draft("Ticket Opened", "opened", None, (base, source));
        read_time(self.created_at.as_deref(), clock, &mut draft);
        draft.text = (!said.is_empty()).then(|| said.join("\n\n"));
        draft
    }

    fn commented(&self, comment: &Comment, base: &Draft, source: &str, clock: &Clock) -> Draft {
        // A comment without an id is the one of its time and words.
        let words = || {
            let hash = blake3::hash(comment.text.as_deref().unwrap_or_default().as_bytes()).to_hex();
            format!("{}/{}", comment.created_at.as_deref().unwrap_or_default(), &hash[..16])
        };
        let id = comment.id.clone().unwrap_or_else(words);
        let mut draft = self.draft("Ticket Commented", &format!("comment/{id}"), None, (base, source));
        read_time(comment.created_at.as_deref(), clock, &mut draft);
        draft.text.clone_from(&comment.text);
        if let Some(via) = &comment.via {
            draft.channel = Some(channel(via).to_owned());
        }
        draft
    }

    /// Returns the draft of one thing that happened to this ticket.
    fn draft(&self, name: &str, what: &str, occurred_at: Option<Instant>, (base, source): (&Draft, &str)) -> Draft {
        let mut draft = base.clone();
        draft.name = Some(name.to_owned());
        draft.occurred_at = occurred_at;
        match &self.id {
            Some(id) => draft.id = Some(format!("{source}/ticket/{id}/{what}")),
            None => draft.content = self.content(what),
        }
        draft
    }

    /// Returns what makes a ticket without id the one it is: who opened it, when, with
    /// which words. What changes later is no part of it.
    fn content(&self, what: &str) -> Vec<u8> {
        let requester = &self.requester;
        let parts = [
            &Some(what.to_owned()),
            &self.created_at,
            &requester.user_id,
            &requester.email,
            &requester.name,
            &self.subject,
            &self.description,
        ];
        let mut content = Vec::new();
        for part in parts.map(|part| part.as_deref().unwrap_or_default()) {
            content.extend_from_slice(&(part.len() as u64).to_le_bytes());
            content.extend_from_slice(part.as_bytes());
        }
        content
    }

    /// Returns what every event of this ticket has in common.
    fn base(&self, source: &str) -> Draft {
        let Requester { external_id, user_id, email, phone, name } = &self.requester;
        let mut draft = Draft { kind: Some(EventKind::Track), group_id: self.account.clone(), ..Draft::default() };
        draft.user_id = external_id.clone().or_else(|| user_id.clone());
        // Pages that know the company's own id and pages that do not name one person.
        let own = user_id.as_ref().map(|id| Identity::new(IdentityKind::External, &format!("{source}:{id}")));
        let email_id = email.as_ref().map(|email| Identity::new(IdentityKind::Email, email));
        let phone_id = phone.as_ref().map(|phone| Identity::new(IdentityKind::Phone, phone));
        draft.external_ids.extend(own.into_iter().chain(email_id).chain(phone_id));
        if draft.user_id.is_none() && draft.external_ids.is_empty() {
            draft.anonymous_id = name.as_ref().map(|name| format!("{source}/{name}"));
        }
        draft.channel = Some(self.via.as_deref().map_or("support", channel).to_owned());
        draft.properties.clone_from(&self.properties);
        let facts = [("ticket_id", &self.id), ("status", &self.status), ("via", &self.via), ("subject", &self.subject)];
        for (name, text) in facts {
            draft.properties.extend(text.clone().map(|text| (name.to_owned(), Value::text(text))));
        }
        for (trait_name, text) in [("name", name), ("email", email), ("phone", phone)] {
            draft.traits.extend(text.clone().map(|text| (trait_name.to_owned(), Value::text(text))));
        }
        draft
    }
}

fn read_time(text: Option<&str>, clock: &Clock, draft: &mut Draft) {
    let Some(text) = text else { return };
    draft.occurred_at = clock.read_usual(text);
    if draft.occurred_at.is_none() {
        draft.problems.push(Problem::new(ProblemKind::InvalidTime, text));
    }
}

/// Returns the channel by the help desk's name for it.
fn channel(via: &str) -> &'static str {
    let via = via.to_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| via.contains(word));
    match () {
        () if names(&["mail"]) => "e-mail",
        () if names(&["chat", "messaging", "whatsapp", "messenger", "sms"]) => "chat",
        () if names(&["mobile", "sdk", "app"]) => "app",
        () if names(&["voice", "phone", "call"]) => "phone",
        () if names(&["web", "portal", "form", "help"]) => "web",
        () => "support",
    }
}
