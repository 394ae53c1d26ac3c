//! Tickets as help desks export them.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::shown;

const READER: shown::Reader = |input, import, sink| read_tickets(input, import, sink);

const TICKET: &str = r#"{"id":7,"created_at":"2024-03-01T10:00:00Z","updated_at":"2024-03-03T10:00:00Z","subject":"Late","description":"Where is it?","status":"solved","priority":"high","type":null,"tags":["order","late"],"requester_id":35,"organization_id":9,"via":{"channel":"email"},"satisfaction_rating":{"score":"bad","comment":"Too slow"},"custom_fields":[{"id":11,"value":"gold"},{"id":12,"value":null}],"fields":[{"id":11,"value":"gold"}],"has_incidents":false}"#;

fn check(input: &str, expected: &Expect) {
    expected.assert_eq(&shown::show(READER, input.as_bytes()));
}

fn ids(input: &str) -> Vec<String> {
    shown::events(READER, input.as_bytes()).into_iter().map(|event| event.id.0).collect()
}

#[test]
fn a_ticket_of_zendesk_was_opened_solved_and_rated() {
    check(
        &format!("{{\"tickets\":[{TICKET}],\"after_url\":null,\"end_of_stream\":true}}"),
        &expect![[r#"
        track "Ticket Opened" at 2024-03-01T10:00:00Z by desk/ticket/7/opened
          user 35
          group 9
          channel e-mail
          id x:desk:35
          property custom.11 = gold
          property has_incidents = false
          property priority = high
          property status = solved
          property subject = Late
          property tags = ["order","late"]
          property ticket_id = 7
          property via = email
          text "Late\n\nWhere is it?"
        track "Ticket Solved" at 2024-03-03T10:00:00Z by desk/ticket/7/solved
          user 35
          group 9
          channel e-mail
          id x:desk:35
          property custom.11 = gold
          property has_incidents = false
          property priority = high
          property status = solved
          property subject = Late
          property tags = ["order","late"]
          property ticket_id = 7
          property via = email
        track "Ticket Rated" at 2024-03-03T10:00:00Z by desk/ticket/7/rated/bad
          user 35
          group 9
          channel e-mail
          id x:desk:35
          property custom.11 = gold
          property has_incidents = false
          property priority = high
          property score = bad
          property status = solved
          property subject = Late
          property tags = ["order","late"]
          property ticket_id = 7
          property via = email
          text "Too slow"
    "#]],
    );
}

#[test]
fn comments_of_the_requester_in_public_are_events() {
    check(
        r#"{"id":7,"created_at":"2024-03-01T10:00:00Z","subject":"Late","description":"Where?","status":"open","requester":{"id":35,"name":"Ann","email":"Ann@Example.com","external_id":"c-1"},"comments":[{"id":1,"author_id":35,"body":"Where?","public":true,"created_at":"2024-03-01T10:00:00Z"},{"id":2,"author_id":99,"body":"Soon.","public":true,"created_at":"2024-03-01T11:00:00Z"},{"id":3,"author_id":35,"plain_body":"Thanks","public":true,"created_at":"2024-03-01T12:00:00Z","via":{"channel":"web"}},{"id":4,"author_id":35,"body":"hidden","public":false,"created_at":"2024-03-01T13:00:00Z"}]}"#,
        &expect![[r#"
            track "Ticket Opened" at 2024-03-01T10:00:00Z by desk/ticket/7/opened
              user c-1
              channel support
              id e:ann@example.com
              id x:desk:35
              property status = open
              property subject = Late
              property ticket_id = 7
              trait email = Ann@Example.com
              trait name = Ann
              text "Late\n\nWhere?"
            track "Ticket Commented" at 2024-03-01T12:00:00Z by desk/ticket/7/comment/3
              user c-1
              channel web
              id e:ann@example.com
              id x:desk:35
              property status = open
              property subject = Late
              property ticket_id = 7
              trait email = Ann@Example.com
              trait name = Ann
              text "Thanks"
        "#]],
    );
}

#[test]
fn a_table_of_tickets_is_read_whatever_its_headers() {
    check(
        "Ticket ID,Subject,Status,Source,Created time,Resolved time,Full name,Email,Contact ID,Company Name,Survey results,Agent\n\
         12,Broken,Closed,Phone,2024-03-01 10:00:00,2024-03-02 09:00:00,Ann Lee,ann@example.com,,Acme,4,Bob\n\
         13,Hello,Open,,2024-03-01 10:00:00,,Ann Lee,,,,,\n\
         14,When,Open,,soon,,Ann Lee,,,,,\n\
         15,Nobody,Open,,2024-03-01 10:00:00,,,,,,,\n",
        &expect![[r#"
            track "Ticket Opened" at 2024-03-01T09:00:00Z by desk/ticket/12/opened
              anonymous e:ann@example.com
              group Acme
              channel phone
              id e:ann@example.com
              property Agent = Bob
              property status = Closed
              property subject = Broken
              property ticket_id = 12
              property via = Phone
              trait email = ann@example.com
              trait name = Ann Lee
              text "Broken"
            track "Ticket Solved" at 2024-03-02T08:00:00Z by desk/ticket/12/solved/1709366400000000
              anonymous e:ann@example.com
              group Acme
              channel phone
              id e:ann@example.com
              property Agent = Bob
              property status = Closed
              property subject = Broken
              property ticket_id = 12
              property via = Phone
              trait email = ann@example.com
              trait name = Ann Lee
            track "Ticket Rated" at 2024-03-02T08:00:00Z by desk/ticket/12/rated/4
              anonymous e:ann@example.com
              group Acme
              channel phone
              id e:ann@example.com
              property Agent = Bob
              property score = 4
              property status = Closed
              property subject = Broken
              property ticket_id = 12
              property via = Phone
              trait email = ann@example.com
              trait name = Ann Lee
              rating 4
            track "Ticket Opened" at 2024-03-01T09:00:00Z by desk/ticket/13/opened
              anonymous desk/Ann Lee
              channel support
              property status = Open
              property subject = Hello
              property ticket_id = 13
              trait name = Ann Lee
              text "Hello"
            row 3: invalid-time: soon <- {"Ticket ID":"14","Subject":"When","Status":"Open","Source":null,"Created time":"soon","Resolved time":null,"Full name":"Ann Lee","Email":null,"Contact ID":null,"Company Name":null,"Survey results":null,"Agent":null}
            row 4: missing-identity: neither a user id nor an anonymous id <- {"Ticket ID":"15","Subject":"Nobody","Status":"Open","Source":null,"Created time":"2024-03-01 10:00:00","Resolved time":null,"Full name":null,"Email":null,"Contact ID":null,"Company Name":null,"Survey results":null,"Agent":null}
        "#]],
    );
}

#[test]
fn a_ticket_that_changes_is_opened_and_solved_once() {
    let later = TICKET.replace("2024-03-03", "2024-03-09").replace("\"solved\"", "\"closed\"");
    assert_eq!(ids(TICKET), ids(&later));
    let good = TICKET.replace("\"bad\"", "\"good\"");
    assert_eq!(ids(TICKET)[..2], ids(&good)[..2]);
    assert_ne!(ids(TICKET)[2], ids(&good)[2]);
}

#[test]
fn a_ticket_solved_again_at_a_known_time_is_solved_twice() {
    let solved =
        |at: &str| ids(&TICKET.replace("\"type\":null", &format!("\"metric_set\":{{\"solved_at\":\"{at}\"}}")));
    assert_ne!(solved("2024-03-02T10:00:00Z")[1], solved("2024-03-04T10:00:00Z")[1]);
}

#[test]
fn nobody_who_was_only_asked_has_rated() {
    for score in ["offered", "unoffered"] {
        assert_eq!(ids(&TICKET.replace("bad", score)).len(), 2);
    }
}

#[test]
fn pages_lines_and_lists_of_tickets_say_the_same() {
    let page = |tickets: &str| format!("{{\n\"tickets\": [{tickets}],\n\"end_of_stream\": false}}\n");
    let other = TICKET.replace("\"id\":7", "\"id\":8");
    let lines = ids(&format!("{TICKET}\n{other}\n"));
    assert_eq!(lines.len(), 6);
    assert_eq!(lines, ids(&format!("[{TICKET},\n{other}]")));
    assert_eq!(lines, ids(&page(&format!("{TICKET},{other}"))));
    assert_eq!(lines, ids(&format!("{}{}", page(TICKET), page(&other))));
}

#[test]
fn records_that_are_no_tickets_are_put_aside_with_their_text() {
    check(
        "{\"id\":1,\"status\":\"open\",\"requester_id\":3}\n{\"tickets\":7}\n{\"tickets\":[8]}\n{\n[1]\n{\"id\":1,\"created_at\":\"x\",\"requester_id\":3}",
        &expect![[r#"
            row 1: missing-time: no time of occurrence <- {"id":1,"status":"open","requester_id":3}
            row 2: unreadable: the tickets of the page are no list <- {"tickets":7}
            row 3: unreadable: the ticket is no JSON object <- 8
            row 4: unreadable: EOF while parsing an object at line 1 column 1 <- {
            row 5: unreadable: the record is no JSON object <- [1]
            row 6: invalid-time: x <- {"id":1,"created_at":"x","requester_id":3}
        "#]],
    );
}

#[test]
fn what_was_put_aside_is_read_again() {
    shown::check_raw_is_readable(READER, b"{\"tickets\":[{\"id\":1,\"requester_id\":3}]}");
    shown::check_raw_is_readable(READER, b"Ticket ID,Subject,Status,Created at,Email\n1,a,open,soon,a@b.de\n");
}

#[test]
fn a_row_is_the_same_ticket_as_table_and_as_json() {
    let table = "Id,Subject,Status,Created at,Requester,Score,Level,Rating\n,a,Solved,2024-03-01 10:00,Ann,x,2,5\n";
    let json = r#"{"Id":null,"Subject":"a","Status":"Solved","Created at":"2024-03-01 10:00","Requester":"Ann","Score":"x","Level":"2","Rating":"5"}"#;
    assert_eq!(shown::events(READER, table.as_bytes()), shown::events(READER, json.as_bytes()));
}

#[test]
fn tickets_are_recognised_and_other_tables_are_not() {
    let recognised = |text: &str| Head::read(text.as_bytes()).ok().and_then(|head| recognise(&head)).is_some();
    for text in [
        TICKET,
        "{\"tickets\":[],\"end_of_stream\":true}",
        "Ticket ID,Subject,Status,Created time,Email\n",
        "Id,Requester,Subject,Status,Created at\n",
    ] {
        assert!(recognised(text), "{text}");
    }
    for text in ["{\"id\":1,\"status\":\"open\"}", "id,title,status,created,email\n", "{\"type\":\"track\"}", ""] {
        assert!(!recognised(text), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_accounted_for(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        // An input that is no table is an error; everything else adds up.
        if let Ok((_, tally)) = shown::collect("", "UTC", None, |import, sink| READER(&bytes, import, sink)) {
            prop_assert_eq!(tally.rows_read, tally.rows_in_events + tally.rows_quarantined);
        }
    }

    #[test]
    fn any_json_like_text_is_accounted_for(text in r#"\{(\{|\}|\[|\]|"|:|,|\n|tickets|comments|"id"|"created_at"|custom_fields|1|null|\\| ){0,60}"#) {
        shown::read(READER, text.as_bytes(), None);
    }
}
