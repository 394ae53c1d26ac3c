//! Proposals for small tables; those for real ones are in `tests/it.rs`.

use expect_test::{Expect, expect};

use super::*;
use crate::sample_table;

const TODAY: Day = Day(20_000);

fn check(table: &str, expected: &Expect) {
    let sample = sample_table(table.as_bytes()).unwrap();
    let shown = match propose_mapping(&sample, TODAY) {
        Ok(proposal) => {
            let text = proposal.to_toml("a table");
            assert_eq!(Mapping::parse(&text).unwrap(), proposal.mapping);
            text
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn orders_of_a_german_shop_are_recognised() {
    check(
        "Bestellnummer;Bestelldatum;Kundennummer;Artikelnummer;Bezeichnung;Menge;Einzelpreis;Währung\n\
         1001;31.12.2023 10:00;501;A-1;Tasse;2;3,50;EUR\n\
         1001;31.12.2023 10:00;501;A-2;Teller;1;7,25;EUR\n\
         1002;02.01.2024 11:30;502;A-1;Tasse;1;3,50;EUR\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            event = "Order Completed"
            user_id = "Kundennummer"
            time = "Bestelldatum"
            order = "Bestellnummer"
            refund = "Order Refunded"
            currency = { column = "Währung" }
            decimal = ","

            [table.product]
            id = "Artikelnummer"
            name = "Bezeichnung"
            quantity = "Menge"
            price = "Einzelpreis"
        "##]],
    );
}

#[test]
fn days_before_months_are_recognised() {
    check(
        "email,when,action\na@x.org,01/02/2024 10:00,open\na@x.org,13/02/2024 10:00,click\nb@x.org,02/03/2024 09:00,open\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            event = { column = "action" }
            user_id = "email"
            time = "when"
            time_format = "%d/%m/%Y %H:%M"
        "##]],
    );
}

#[test]
fn a_total_of_the_order_counts_once() {
    check(
        "order_id,customer_id,created_at,sku,total\n1,a,2024-01-01T00:00:00Z,x,12.50\n1,a,2024-01-01T00:00:00Z,y,12.50\n2,b,2024-01-02T00:00:00Z,x,3.00\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            event = "Order Completed"
            user_id = "customer_id"
            time = "created_at"
            order = "order_id"
            refund = "Order Refunded"
            # unsure: no column names a currency; check that the amounts are in it
            currency = "USD"

            [table.product]
            id = "sku"

            # unsure: "total" is the same in all rows of an order, so it counts once
            [table.amount]
            column = "total"
            unit = "major"
            per = "order"
        "##]],
    );
}

#[test]
fn rows_of_one_person_are_of_the_column_that_says_so() {
    let rows: String =
        (10..80).map(|minute| format!("u1,2024-01-01 {:02}:{:02}:00,view\n", minute / 60, minute % 60)).collect();
    check(
        &format!("user_id,timestamp,event\n{rows}u1,2024-01-02 00:00:00,order\n"),
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            event = { column = "event" }
            # unsure: only its name says that "user_id" tells people apart: it has one value in the rows seen
            user_id = "user_id"
            time = "timestamp"
        "##]],
    );
}

#[test]
fn a_table_without_people_or_times_is_taken_row_by_row() {
    check(
        "text,category\nhello,a\nworld,b\n",
        &expect![[r##"
        # Proposed from a table. Check the lines marked "unsure".
        [table]
        # unsure: every row is another person, so the columns are taken as traits of the person
        kind = "identify"
        # unsure: no column tells people apart, so each row is a person of its own
        person = "row"
        # unsure: no column says when; all rows get the day of the import: set the right one
        time = { constant = "2024-10-04" }

        [table.traits]
        category = "category"
        text = "text"
    "##]],
    );
    check(
        "customer_id,colour\n1,red\n2,blue\n",
        &expect![[r##"
        # Proposed from a table. Check the lines marked "unsure".
        [table]
        # unsure: every row is another person, so the columns are taken as traits of the person
        kind = "identify"
        user_id = "customer_id"
        # unsure: no column says when; all rows get the day of the import: set the right one
        time = { constant = "2024-10-04" }

        [table.traits]
        colour = "colour"
    "##]],
    );
    check(
        "VisitorType,date\nnew,2024-01-01\nnew,2024-01-02\n",
        &expect![[r##"
        # Proposed from a table. Check the lines marked "unsure".
        [table]
        kind = "track"
        # unsure: no column says what happened, so every row is called "Activity Recorded"
        event = "Activity Recorded"
        # unsure: no column tells people apart, so each row is a person of its own
        person = "row"
        time = "date"

        [table.properties]
        VisitorType = "visitor_type"
    "##]],
    );
}

#[test]
fn orders_of_nobody_are_told_apart_by_their_number() {
    check(
        "invoice_no,date,sku,quantity,price\n1,2024-01-01,x,1,2.50\n1,2024-01-01,y,1,3.50\n2,2024-01-02,x,2,2.50\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            event = "Order Completed"
            # unsure: no column tells people apart, so whoever ordered is known by the order alone
            anonymous_id = "invoice_no"
            time = "date"
            order = "invoice_no"
            refund = "Order Refunded"
            # unsure: no column names a currency; check that the amounts are in it
            currency = "USD"

            [table.product]
            id = "sku"
            quantity = "quantity"
            price = "price"
        "##]],
    );
}

#[test]
fn an_id_of_what_happened_is_no_person() {
    check(
        "id,created_at,subject,message\n1,2024-01-01,Hello,Where is my parcel with the tea?\n\
         2,2024-01-02,Hi,The tea is here now and it is good.\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "track"
            # unsure: no column says what happened, so every row is called "Message Received"
            event = "Message Received"
            id = "id"
            # unsure: no column tells people apart, so each row is a person of its own
            person = "row"
            time = "created_at"
            text = "message"

            [table.properties]
            subject = "subject"
        "##]],
    );
}

#[test]
fn surveys_are_recognised_by_row_and_by_column() {
    check(
        "respondent_id,submitted_at,question,answer,survey\nr1,2024-01-01,Colour?,blue,A\n\
         r1,2024-01-01,Size?,10,A\nr2,2024-01-02,Colour?,red,A\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            kind = "identify"
            user_id = "respondent_id"
            time = "submitted_at"

            [table.properties]
            survey = "survey"

            # unsure: each row is an answer, kept as a trait of the person and named after its question
            [table.answer]
            question = "question"
            value = "answer"
        "##]],
    );
    check(
        "respondent_id,submitted_at,favourite_colour,age\nr1,2024-01-01,blue,33\nr2,2024-01-02,red,44\n",
        &expect![[r##"
            # Proposed from a table. Check the lines marked "unsure".
            [table]
            # unsure: every row is another person, so the columns are taken as traits of the person
            kind = "identify"
            user_id = "respondent_id"
            time = "submitted_at"

            [table.traits]
            age = { name = "stated.age", type = "number" }
            favourite_colour = "stated.favourite_colour"
        "##]],
    );
}

#[test]
fn a_list_of_products_is_refused() {
    check(
        "sku,name,price\na,Cup,1.50\nb,Plate,2.50\n",
        &expect![[
            r#"no mapping can be proposed: the table is a list of products, one a row, and says of nobody what they did; import the table of orders or visits that names these products; its columns are "sku", "name", "price""#
        ]],
    );
}

#[test]
fn a_column_of_times_written_in_too_many_ways_is_named() {
    let table = "who,date\na,2024-03-01\nb,1 Mar 2024\na,the first\nb,03-2024\n";
    let proposal = propose_mapping(&sample_table(table.as_bytes()).unwrap(), TODAY).unwrap();
    assert_eq!(proposal.mapping.time, crate::Term::Constant("2024-10-04".to_owned()));
    let note = proposal.notes.iter().find(|note| note.key == "time").unwrap();
    assert!(note.said.starts_with("\"date\" is called so, but only 50 % of its values"), "{note}");
}
