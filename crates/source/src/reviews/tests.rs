//! Reviews as sites export them.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::shown;

const READER: shown::Reader = |input, import, sink| read_reviews(input, import, sink);

fn check(input: &str, expected: &Expect) {
    expected.assert_eq(&shown::show(READER, input.as_bytes()));
}

const TRUSTPILOT: &str = "Review ID,Review Created (UTC),Review Stars,Review Title,Review Content,Review Username,Review Consumer User Id,Reference Id,Domain URL\n\
    r1,2024-03-01 10:00:00,5,Great,Came fast,Ann,u1,o-7,shop.example\n\
    r2,,1,Bad,Never came,Bob,,,shop.example\n";

const GOOGLE_PLAY: &str = "Package Name,App Version Code,App Version Name,Reviewer Language,Device,Review Submit Date and Time,Review Submit Millis Since Epoch,Review Last Update Date and Time,Review Last Update Millis Since Epoch,Star Rating,Review Title,Review Text,Developer Reply Date and Time,Developer Reply Millis Since Epoch,Developer Reply Text,Review Link\n\
    com.shop,12,1.2,en,pixel,2024-03-01T10:00:00Z,1709287200000,2024-03-02T10:00:00Z,1709373600000,2,,Crashes,2024-03-03T10:00:00Z,1709460000000,Sorry,https://play.google.com/console/x?reviewId=g1&corpus=PUBLIC\n\
    com.shop,12,1.2,en,pixel,2024-03-01T10:00:00Z,1709287200000,,,4,,,,,,\n";

const RSS: &str = r#"{"feed":{"author":{"name":{"label":"iTunes Store"}},"entry":[{"im:name":{"label":"Shop"},"id":{"label":"x"}},{"author":{"uri":{"label":"https://itunes.apple.com/us/reviews/id1"},"name":{"label":"ann77"}},"updated":{"label":"2024-03-01T03:00:00-07:00"},"im:rating":{"label":"4"},"im:version":{"label":"2.0"},"id":{"label":"a1"},"title":{"label":"Fine"},"content":{"label":"Works.","attributes":{"type":"text"}}},{"id":{"label":"a2"},"im:rating":{"label":"1"}}],"id":{"label":"https://itunes.apple.com/us/rss/customerreviews/id=389801252/json"}}}"#;

const CONNECT: &str = r#"{"data":[{"type":"customerReviews","id":"b1","attributes":{"rating":5,"title":"Love","body":"it","reviewerNickname":"ann77","createdDate":"2024-03-01T10:00:00-08:00","territory":"USA"}},{"type":"customerReviews","id":"b2","attributes":{"rating":5}},7],"links":{}}"#;

#[test]
fn reviews_of_trustpilot_are_read() {
    check(
        TRUSTPILOT,
        &expect![[r#"
            track "Product Reviewed" at 2024-03-01T10:00:00Z by trustpilot/r1
              anonymous trustpilot/u1
              channel web
              property domain = shop.example
              property reference_id = o-7
              property review_id = r1
              trait name = Ann
              text "Great\n\nCame fast"
              rating 5
            row 2: missing-time: no time of occurrence <- {"Review ID":"r2","Review Created (UTC)":null,"Review Stars":"1","Review Title":"Bad","Review Content":"Never came","Review Username":"Bob","Review Consumer User Id":null,"Reference Id":null,"Domain URL":"shop.example"}
        "#]],
    );
}

#[test]
fn reviews_of_google_play_are_read() {
    check(
        GOOGLE_PLAY,
        &expect![[r#"
        track "Product Reviewed" at 2024-03-02T10:00:00Z by google-play/g1/1709373600000
          anonymous google-play/g1
          channel app
          context app.version = 1.2
          context device.model = pixel
          context locale = en
          property Developer Reply Millis Since Epoch = 1709460000000
          property app_version_code = 12
          property first_written = 2024-03-01T10:00:00Z
          property reply.at = 2024-03-03T10:00:00Z
          property reply.text = Sorry
          property review_id = g1
          product com.shop
          text "Crashes"
          rating 2
        track "Product Reviewed" at 2024-03-01T10:00:00Z by google-play/2d7e1ba4cb0887323f15cbd9608c370b
          anonymous google-play/2d7e1ba4cb0887323f15cbd9608c370b
          channel app
          context app.version = 1.2
          context device.model = pixel
          context locale = en
          property app_version_code = 12
          property first_written = 2024-03-01T10:00:00Z
          product com.shop
          rating 4
    "#]],
    );
}

#[test]
fn the_table_is_utf_16_as_google_writes_it() {
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(GOOGLE_PLAY.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(shown::events(READER, &utf16), shown::events(READER, GOOGLE_PLAY.as_bytes()));
}

#[test]
fn reviews_of_the_app_stores_feed_are_read() {
    check(
        RSS,
        &expect![[r#"
        track "Product Reviewed" at 2024-03-01T10:00:00Z by app-store/a1/2024-03-01T03:00:00-07:00
          anonymous app-store/ann77
          channel app
          context app.version = 2.0
          property review_id = a1
          trait name = ann77
          product 389801252
          text "Fine\n\nWorks."
          rating 4
        row 2: missing-time: no time of occurrence <- {"feed":{"id":{"label":"https://itunes.apple.com/us/rss/customerreviews/id=389801252/json"},"entry":{"id":{"label":"a2"},"im:rating":{"label":"1"}}}}
    "#]],
    );
}

#[test]
fn reviews_of_app_store_connect_are_read() {
    check(
        CONNECT,
        &expect![[r#"
        track "Product Reviewed" at 2024-03-01T18:00:00Z by app-store/b1
          anonymous app-store/ann77
          channel app
          context location.country = USA
          property review_id = b1
          trait name = ann77
          text "Love\n\nit"
          rating 5
        row 2: missing-time: no time of occurrence <- {"type":"customerReviews","id":"b2","attributes":{"rating":5}}
        row 3: unreadable: neither an entry of a feed nor a review with attributes <- 7
    "#]],
    );
}

#[test]
fn reviews_of_any_table_are_read() {
    check(
        "product_id;review date;stars;review;author;email;Verified\np1;2024-03-01;★★★★☆;Nice;ann;a@b.de;true\np1;2024-03-01;4/5;Nice;;;\np1;2024-03-01;so-so;;;;\np1;;5;Nice;;;\n",
        &expect![[r#"
            track "Product Reviewed" at 2024-02-29T23:00:00Z by desk/e21ace77a2828e7724ed1533ae4ac90d
              anonymous desk/ann
              channel web
              id e:a@b.de
              property Verified = true
              trait email = a@b.de
              trait name = ann
              product p1
              text "Nice"
              rating 4
            track "Product Reviewed" at 2024-02-29T23:00:00Z by desk/443a6ab2b8675c43f941b174c2fdf0c9
              anonymous desk/443a6ab2b8675c43f941b174c2fdf0c9
              channel web
              product p1
              text "Nice"
              rating 4
            track "Product Reviewed" at 2024-02-29T23:00:00Z by desk/cff85082dd4bc11ca581a2f43babcbe6
              anonymous desk/cff85082dd4bc11ca581a2f43babcbe6
              channel web
              property rating = so-so
              product p1
            row 4: missing-time: no time of occurrence <- {"product_id":"p1","review date":null,"stars":"5","review":"Nice","author":null,"email":null,"Verified":null}
        "#]],
    );
}

#[test]
fn ratings_are_read_as_sites_write_them() {
    let read = |text: &str| stars(text).map(|rating| rating.to_string());
    for (text, expected) in
        [("4", "4"), ("4,5", "4.5"), ("4/5", "4"), ("4 out of 5", "4"), ("3 Stars", "3"), ("★★☆", "2")]
    {
        assert_eq!(read(text).as_deref(), Some(expected), "{text}");
    }
    for text in ["", "good", "4 apples", "/5"] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn months_that_repeat_a_review_count_it_once() {
    let ids = |text: &str| -> Vec<String> {
        shown::events(READER, text.as_bytes()).into_iter().map(|event| event.id.0).collect()
    };
    assert_eq!(ids(GOOGLE_PLAY), ids(GOOGLE_PLAY));
    let changed = ids(&GOOGLE_PLAY.replace("1709373600000", "1709373600001"));
    assert_ne!(ids(GOOGLE_PLAY)[0], changed[0]);
    assert_eq!(ids(GOOGLE_PLAY)[1], changed[1]);
}

#[test]
fn documents_may_be_spread_over_lines_and_follow_one_another() {
    let page = CONNECT.replace(",\"links\"", ",\n\"links\"").replacen('{', "{\n", 1);
    let (_, tally) = shown::read(READER, format!("{page}\n{page}").as_bytes(), None);
    assert_eq!((tally.rows_read, tally.events), (6, 2));
}

#[test]
fn what_was_put_aside_is_read_again() {
    for input in [TRUSTPILOT, RSS] {
        shown::check_raw_is_readable(READER, input.as_bytes());
    }
    let without_time = CONNECT.replace(",7]", "]");
    shown::check_raw_is_readable(READER, without_time.as_bytes());
}

#[test]
fn reviews_are_recognised_and_other_tables_are_not() {
    let recognised = |text: &str| Head::read(text.as_bytes()).ok().and_then(|head| recognise(&head));
    for text in [TRUSTPILOT, GOOGLE_PLAY, RSS, CONNECT, "Review Text,Rating,Date\n"] {
        assert!(recognised(text).is_some(), "{text}");
    }
    // Reviews without a date need a mapping, and comments with scores are many things.
    for text in [
        "Clothing ID,Age,Title,Review Text,Rating\n",
        "comment,score,date\n",
        "{\"data\":[{\"id\":1}]}",
        "{\"feed\":{}}",
        "",
    ] {
        assert_eq!(recognised(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn any_json_like_text_is_accounted_for(text in r#"\{"(feed|data)"(\{|\}|\[|\]|"|:|,|\n|"entry"|"label"|"attributes"|1|null|\\| ){0,60}"#) {
        shown::read(READER, text.as_bytes(), None);
    }

    #[test]
    fn any_rows_are_accounted_for(rows in "(a|4|★|,|;|\"|\n|2024-03-01|é){0,60}") {
        shown::read(READER, format!("review,rating,date\n{rows}").as_bytes(), None);
    }
}
