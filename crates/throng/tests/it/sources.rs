//! Files as companies have them: told by their beginning, imported whole, accounted for.

use std::fs;

use serde_json::Value;

use crate::support::{Shop, provided, simulated_events};

/// A small file of a form and how many rows and events it holds.
struct Sample {
    name: &'static str,
    form: &'static str,
    content: &'static str,
    n_rows: u64,
    n_events: u64,
}

const SAMPLES: [Sample; 9] = [
    Sample {
        name: "mixpanel.jsonl",
        form: "mixpanel",
        content: "{\"event\":\"Signed Up\",\"properties\":{\"time\":1704103200,\"distinct_id\":\"u1\",\"$insert_id\":\"i1\"}}\n\
                  {\"event\":\"Signed Up\",\"properties\":{\"distinct_id\":\"u2\",\"$insert_id\":\"i2\"}}\n",
        n_rows: 2,
        n_events: 1,
    },
    Sample {
        name: "amplitude.json",
        form: "amplitude",
        content: "{\"uuid\":\"a1\",\"user_id\":\"u1\",\"device_id\":\"d1\",\"amplitude_id\":7,\"event_type\":\"Opened\",\
                  \"event_time\":\"2024-01-01 10:00:00.000000\",\"event_properties\":{},\"user_properties\":{}}\n",
        n_rows: 1,
        n_events: 1,
    },
    Sample {
        name: "posthog.jsonl",
        form: "posthog",
        content: "{\"uuid\":\"018f\",\"event\":\"$pageview\",\"distinct_id\":\"u1\",\"timestamp\":\"2024-01-01T10:00:00Z\",\
                  \"properties\":{\"$current_url\":\"https://shop.example/a\",\"$lib\":\"web\"}}\n",
        n_rows: 1,
        n_events: 1,
    },
    Sample {
        name: "ga4.json",
        form: "ga4",
        content: "{\"event_date\":\"20240101\",\"event_timestamp\":\"1704103200000000\",\"event_name\":\"page_view\",\
                  \"event_params\":[],\"user_pseudo_id\":\"1.2\",\"stream_id\":\"3\",\"platform\":\"WEB\"}\n",
        n_rows: 1,
        n_events: 1,
    },
    Sample {
        name: "shopify.csv",
        form: "shopify",
        content: "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,\
                  Lineitem name,Lineitem price,Lineitem sku,Id\n\
                  #1,ann@example.com,paid,2024-01-01 10:00:00 +0100,EUR,30.00,0,0,30.00,2024-01-01 10:00:00 +0100,1,Mug,10.00,M,77\n\
                  #1,ann@example.com,,,,,,,,2024-01-01 10:00:00 +0100,2,Cup,10.00,C,\n",
        n_rows: 2,
        n_events: 1,
    },
    Sample {
        name: "tickets.json",
        form: "tickets",
        content: "{\"tickets\":[{\"id\":1,\"created_at\":\"2024-01-01T10:00:00Z\",\"updated_at\":\"2024-01-01T10:00:00Z\",\
                  \"subject\":\"Help\",\"description\":\"It broke\",\"status\":\"open\",\"requester_id\":9}],\"end_of_stream\":true}",
        n_rows: 1,
        n_events: 1,
    },
    Sample {
        name: "chat.txt",
        form: "transcripts",
        content: "[01/02/24, 10:00:00] Ann: Hello\n[01/02/24, 10:01:00] Ben: Hi Ann\n[01/02/24, 10:02:00] Ann: Bye\n",
        n_rows: 3,
        n_events: 3,
    },
    Sample {
        name: "reviews.csv",
        form: "reviews",
        content: "Review Id,Review Created (UTC),Review Stars,Review Title,Review Content,Review Username,Reference Id\n\
                  r1,2024-01-01 10:00:00,5,Good,Very good,Ann,1\n",
        n_rows: 1,
        n_events: 1,
    },
    Sample {
        name: "access.log",
        form: "access-log",
        content: "10.0.0.1 - - [01/Jan/2024:10:00:00 +0000] \"GET /a.html HTTP/1.1\" 200 12 \"-\" \"Mozilla/5.0\"\n\
                  10.0.0.1 - - [01/Jan/2024:10:00:01 +0000] \"GET /b.html HTTP/1.1\" 200 12 \"-\" \"Mozilla/5.0\"\n",
        n_rows: 2,
        n_events: 2,
    },
];

#[test]
fn a_folder_of_exports_is_told_apart_and_accounted_for() {
    let shop = Shop::empty();
    let folder = shop.folder().join("exports");
    fs::create_dir(&folder).unwrap();
    for sample in &SAMPLES {
        fs::write(folder.join(sample.name), sample.content).unwrap();
    }
    for round in 0..2 {
        let document = shop.json(["import", "auto", folder.to_str().unwrap()]);
        let imports = document["imports"].as_array().unwrap();
        assert_eq!(imports.len(), SAMPLES.len());
        for sample in &SAMPLES {
            let of_sample = |import: &&Value| import["path"].as_str().unwrap().ends_with(sample.name);
            let import = imports.iter().find(of_sample).unwrap();
            let count = |key: &str| import[key].as_u64().unwrap();
            assert_eq!(import["form"], sample.form, "{}", sample.name);
            assert_eq!(count("rows_read"), sample.n_rows, "{}", sample.name);
            let accounted = count("rows_new") + count("rows_repeated") + count("rows_quarantined");
            assert_eq!(accounted, sample.n_rows, "{}", sample.name);
            let n_new = if round == 0 { sample.n_events } else { 0 };
            assert_eq!(count("events_new"), n_new, "{}", sample.name);
        }
    }
}

#[test]
fn one_bad_file_of_a_folder_keeps_no_other_out() {
    let shop = Shop::empty();
    let folder = shop.folder().join("exports");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("bad.csv.gz"), b"\x1f\x8b\x08\x00half").unwrap();
    fs::write(folder.join("good.jsonl"), SAMPLES[2].content).unwrap();
    let complaint = shop.fail(1, ["import", "auto", folder.to_str().unwrap()]);
    assert!(complaint.contains("bad.csv.gz"), "{complaint}");
    assert_eq!(shop.number("SELECT count(*) FROM events"), 1);
}

#[test]
fn exported_events_give_the_same_features_in_another_home() {
    let (shop, other) = (Shop::empty(), Shop::empty());
    shop.run(["import", "segment", simulated_events().to_str().unwrap(), "--source", "shop"]);
    shop.run(["features", "propose"]);
    let file = shop.folder().join("events.ndjson");
    shop.run(["export", "-o", file.to_str().unwrap()]);
    other.run(["import", "auto", file.to_str().unwrap(), "--source", "shop"]);
    fs::copy(shop.home().join("throng.toml"), other.home().join("throng.toml")).unwrap();
    let features = [&shop, &other].map(|shop| {
        let path = shop.folder().join("features.parquet");
        shop.run(["features", "export", "-o", path.to_str().unwrap()]);
        fs::read(path).unwrap()
    });
    assert!(features[0] == features[1], "features differ after the round trip");
}

/// Two users, of whom one also is a visitor, and a device that both use.
const PEOPLE: &str = r#"{"type":"identify","userId":"1","anonymousId":"c1","traits":{"email":"Ann@Example.com"},"timestamp":"2024-01-01T10:00:00Z","messageId":"message-number-1"}
{"type":"track","event":"Visited","anonymousId":"c1","timestamp":"2024-01-01T09:00:00Z","messageId":"message-number-2"}
{"type":"track","event":"Visited","userId":"2","anonymousId":"c1","timestamp":"2024-01-02T09:00:00Z","messageId":"message-number-3"}
{"type":"group","userId":"1","groupId":"acme","timestamp":"2024-01-02T10:00:00Z","messageId":"message-number-4"}
"#;

#[test]
fn people_are_linked_explained_merged_and_split() {
    let shop = Shop::empty();
    let file = shop.file("people.ndjson", PEOPLE);
    shop.run(["import", "auto", file.to_str().unwrap()]);
    let why = shop.json(["identity", "why", "ann@example.com", "c1"]);
    assert_eq!(why["one_person"], true, "{why:#}");
    assert_eq!(why["profile_id"], "u:1");
    assert_eq!(why["links"][0]["event_id"], "message-number-1", "{why:#}");
    let strangers = shop.json(["identity", "why", "1", "2"]);
    assert_eq!(strangers["one_person"], false, "{strangers:#}");
    let people = |shop: &Shop| shop.json(["identity", "list"])["n_profiles"].as_u64().unwrap();
    assert_eq!(people(&shop), 2);
    shop.run(["identity", "merge", "u:1", "u:2"]);
    assert_eq!(people(&shop), 1);
    shop.run(["identity", "split", "u:1", "u:2"]);
    assert_eq!(people(&shop), 2);
    let complaint = shop.fail(1, ["identity", "split", "u:1", "u:2"]);
    assert!(complaint.contains("two people already"), "{complaint}");
    shop.run(["identity", "split", "u:1", "a:c1"]);
    assert_eq!(shop.json(["identity", "why", "u:1", "a:c1"])["one_person"], false);
}

#[test]
fn accounts_have_members_and_features() {
    let shop = Shop::empty();
    let file = shop.file("people.ndjson", PEOPLE);
    shop.run(["import", "auto", file.to_str().unwrap()]);
    shop.run(["features", "propose"]);
    shop.run(["discover"]);
    assert_eq!(shop.number("SELECT count(*) FROM account_members WHERE account_id = 'acme' AND profile_id = 'u:1'"), 1);
    // Three events of the member, of which one names the account.
    assert_eq!(shop.number("SELECT n_events FROM accounts WHERE account_id = 'acme'"), 3);
    assert_eq!(shop.number("SELECT count(*) FROM account_features"), 1);
}

#[test]
fn no_address_is_in_the_home_where_personal_data_is_hashed() {
    let shop = Shop::empty();
    let config = shop.home().join("throng.toml");
    let text = fs::read_to_string(&config).unwrap().replace("# hash_personal_data", "hash_personal_data");
    fs::write(&config, text).unwrap();
    // The last line has no time.
    let aside = r#"{"type":"track","event":"Ann@Example.com","userId":"1","context":{"ip":"192.0.2.7"}}"#;
    let first =
        PEOPLE.replacen("\"traits\":{", "\"context\":{\"ip\":\"192.0.2.7\"},\"traits\":{\"name\":\"Ann Lee\",", 1);
    let file = shop.file("people.ndjson", format!("{first}{aside}\n"));
    shop.run(["import", "auto", file.to_str().unwrap()]);
    for table in ["events", "quarantine"] {
        let rows = shop.json(["sql", &format!("SELECT * FROM {table}")]).to_string();
        let (hashed, lower) = (rows.contains("hash-") || rows.contains("sealed-"), rows.to_lowercase());
        let plain = ["ann@example", "ann lee", "192.0.2.7"].into_iter().find(|text| lower.contains(text));
        assert!(hashed && plain.is_none(), "{plain:?} in {rows}");
    }
    let listed = shop.json(["quarantine", "list"]);
    assert_eq!(listed["rows"][0]["raw"], aside, "who has the key sees what was put aside");
    // Who knows the address still finds the person.
    assert_eq!(shop.json(["identity", "why", "ann@example.com", "c1"])["one_person"], true);
}

/// Every table of the public data sets that is about people.
#[test]
fn every_public_table_goes_in_whole_with_nothing_but_auto() {
    let Some(datasets) = provided("THRONG_TEST_DATASETS") else {
        eprintln!("skipped: THRONG_TEST_DATASETS is not set");
        return;
    };
    let shop = Shop::empty();
    let rows = [
        ("ga_merchandise_sessions/all_sessions.csv.zst", 15_134),
        ("ga4_schema_sample/ga4_event_20210128.json", 1),
        ("hillstrom/hillstrom.csv.zst", 64_000),
        ("marketing_campaign/marketing_campaign.csv", 2_240),
        ("online_shoppers/online_shoppers_intention.csv", 12_330),
        ("olist_funnel/olist_marketing_qualified_leads_dataset.csv", 8_000),
        ("olist_funnel/olist_closed_deals_dataset.csv", 842),
        ("process_journeys/helpdesk.csv", 13_710),
        ("womens_clothing/Womens Clothing E-Commerce Reviews.csv.zst", 23_486),
        ("banking77/train.csv", 10_003),
    ];
    for (file, n_rows) in rows {
        let path = datasets.join(file);
        let document = shop.json(["import", "auto", path.to_str().unwrap()]);
        let import = &document["imports"][0];
        let count = |key: &str| import[key].as_u64().unwrap();
        assert_eq!(count("rows_read"), n_rows, "{file}");
        assert_eq!(count("rows_new") + count("rows_repeated") + count("rows_quarantined"), n_rows, "{file}");
        assert_eq!(count("rows_quarantined"), 0, "{file}: {import:#}");
    }
}
