//! Input that is too much, in sizes that a test can wait for.
//!
//! The sizes are those at which a bound is at its worst: a record just short of the
//! longest, and one just beyond it. `examples/hostile.rs` reads larger ones.

#![expect(clippy::unwrap_used, reason = "the helpers of tests")]

#[path = "support/hostile.rs"]
#[expect(dead_code, reason = "the example of the same name uses the rest")]
mod hostile;

use std::io::Cursor;

use hostile::{Hostile, good};
use throng_event::{Calendar, Instant, Limits, PersonalData, ProblemKind};
use throng_source::{Form, Import, Quarantined, Taken, Tally, sample_table};

/// A record of the longest kind, less what stands around it.
const NEARLY_TOO_LONG: u64 = 15 << 20;
/// More than any record may have.
const TOO_LONG: u64 = 17 << 20;

/// Reads an input as a form; returns the account and the reasons of what was put aside.
fn read(form: Form, input: impl std::io::Read + std::io::Seek) -> (Tally, Vec<ProblemKind>) {
    let limits = Limits {
        source: "hostile".to_owned(),
        earliest: Instant(0),
        latest: Instant(4_000_000_000_000_000),
        personal: PersonalData::default(),
    };
    let calendar = Calendar::utc();
    let mut reasons = Vec::new();
    let import = Import { limits: &limits, calendar: &calendar, currency: None };
    let tally = form.read(input, import, &mut |taken| {
        if let Taken::Quarantined(Quarantined { problem, .. }) = taken {
            reasons.push(problem.kind);
        }
        Ok(())
    });
    (tally.unwrap(), reasons)
}

/// One bad record between two copies of the good ones costs itself and nothing else.
fn check_between(form: Form, kind: Hostile, n_bytes: u64, reason: ProblemKind) {
    let (alone, _) = read(form, Cursor::new(good(form)));
    let (tally, reasons) = read(form, kind.input(form, n_bytes));
    assert_eq!(tally.events, alone.events * 2, "{form:?} {kind:?}: {tally:?}");
    assert_eq!(reasons, [reason], "{form:?} {kind:?}");
}

#[test]
fn a_record_longer_than_any_costs_itself() {
    for form in [Form::Segment, Form::Ga4, Form::Mixpanel, Form::Amplitude, Form::PostHog, Form::Tickets] {
        check_between(form, Hostile::LongText, TOO_LONG, ProblemKind::TooLarge);
    }
}

#[test]
fn an_object_of_a_million_members_costs_itself() {
    for form in [Form::Ga4, Form::PostHog, Form::Tickets, Form::Shopify, Form::Transcripts] {
        check_between(form, Hostile::ManyMembers, NEARLY_TOO_LONG, ProblemKind::Unreadable);
    }
}

#[test]
fn a_million_parts_of_one_record_are_too_large() {
    for form in [Form::Segment, Form::Ga4, Form::Ga360, Form::PostHog, Form::Shopify, Form::Tickets, Form::Transcripts]
    {
        check_between(form, Hostile::Inner, NEARLY_TOO_LONG, ProblemKind::TooLarge);
    }
}

/// Without the bound, 300,000 parts would each repeat seven megabytes.
#[test]
fn what_the_parts_of_a_record_share_is_too_large() {
    for form in [Form::Segment, Form::Ga360, Form::Tickets, Form::Transcripts] {
        check_between(form, Hostile::Shared, NEARLY_TOO_LONG, ProblemKind::TooLarge);
    }
}

#[test]
fn brackets_in_brackets_cost_their_record() {
    for form in [Form::Segment, Form::PostHog, Form::Tickets, Form::Transcripts] {
        let (tally, _) = read(form, Hostile::DeepObjects.input(form, 6_000_000));
        assert!(tally.rows_quarantined > 0, "{form:?}: {tally:?}");
    }
}

#[test]
fn no_bytes_at_all_are_more_than_a_reader_can_take() {
    for kind in [Hostile::Garbage, Hostile::Nul, Hostile::OneLine, Hostile::CarriageReturns, Hostile::Packed] {
        for form in [Form::Segment, Form::PostHog, Form::AccessLog, Form::Transcripts] {
            let (tally, _) = read(form, kind.input(form, 2 << 20));
            assert_eq!(tally.rows_in_events, 0, "{form:?} {kind:?}");
        }
    }
}

#[test]
fn a_header_of_a_hundred_thousand_columns_is_refused() {
    let error = sample_table(Hostile::ManyColumns.input(Form::Table, 900_000)).unwrap_err();
    assert!(error.to_string().contains("header"), "{error}");
}
