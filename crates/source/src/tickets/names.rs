//! The names that exports give to the fields of a ticket, the most telling first.
//!
//! Compared by letters and digits alone. Zendesk's come from its ticket API and views,
//! the others from the exports of Freshdesk, Intercom and Help Scout.

pub(super) const ID: [&str; 6] = ["ticket id", "ticket number", "conversation id", "case number", "id", "display id"];
pub(super) const CREATED_AT: [&str; 9] = [
    "created at",
    "created time",
    "created date",
    "date created",
    "created",
    "opened at",
    "conversation started at",
    "started at",
    "requested",
];
pub(super) const UPDATED_AT: [&str; 6] =
    ["updated at", "last updated time", "last updated at", "last updated", "updated", "modified at"];
pub(super) const SOLVED_AT: [&str; 11] = [
    "solved at",
    "resolved at",
    "resolved time",
    "date solved",
    "solved",
    "resolved",
    "closed at",
    "closed time",
    "closed date",
    "date closed",
    "last closed at",
];
pub(super) const EXTERNAL_ID: [&str; 2] = ["requester external id", "user external id"];
pub(super) const USER_ID: [&str; 4] = ["requester id", "contact id", "customer id", "user id"];
pub(super) const EMAIL: [&str; 6] =
    ["requester email", "customer email", "contact email", "user email", "email", "email address"];
pub(super) const PHONE: [&str; 4] = ["requester phone", "customer phone", "contact phone", "phone"];
pub(super) const NAME: [&str; 6] =
    ["requester name", "requester", "customer name", "contact name", "full name", "user name"];
pub(super) const ACCOUNT: [&str; 7] = [
    "organization id",
    "company id",
    "account id",
    "requester organization",
    "organization",
    "company name",
    "company",
];
pub(super) const SUBJECT: [&str; 3] = ["subject", "ticket subject", "title"];
pub(super) const DESCRIPTION: [&str; 5] = ["description", "ticket description", "first message", "message", "body"];
pub(super) const STATUS: [&str; 3] = ["status", "ticket status", "state"];
pub(super) const PRIORITY: [&str; 2] = ["priority", "ticket priority"];
pub(super) const TYPE: [&str; 2] = ["type", "ticket type"];
pub(super) const CHANNEL: [&str; 4] = ["channel", "ticket channel", "via", "source"];
pub(super) const TAGS: [&str; 2] = ["tags", "labels"];
pub(super) const SCORE: [&str; 10] = [
    "satisfaction score",
    "satisfaction rating",
    "customer satisfaction rating",
    "csat score",
    "csat rating",
    "csat",
    "conversation rating",
    "rating",
    "survey results",
    "satisfaction",
];
pub(super) const SCORE_COMMENT: [&str; 6] = [
    "satisfaction comment",
    "csat comment",
    "rating comment",
    "conversation rating remark",
    "rating remark",
    "feedback",
];
