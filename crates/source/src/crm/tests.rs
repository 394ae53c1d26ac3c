//! Records as systems export them, and as they should not.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::Head;
use crate::rows::shown;
use crate::shown::Reader;

const DEALS: Reader = |input, import, sink| read_crm_deals(input, import, sink);
const ACCOUNTS: Reader = |input, import, sink| read_crm_accounts(input, import, sink);
const CONTACTS: Reader = |input, import, sink| read_crm_contacts(input, import, sink);
const LEADS: Reader = |input, import, sink| read_crm_leads(input, import, sink);

fn check(shown: &str, expected: &Expect) {
    expected.assert_eq(shown);
}

const HUBSPOT_DEALS: &str = "Record ID,Deal Name,Deal Stage,Pipeline,Amount,Currency,Create Date,Close Date,Deal owner,\
    Is Closed Won,\"Date entered \"\"Qualified (Sales)\"\"\",Associated Company IDs,Associated Company,Associated Contact\n";
const SALESFORCE_DEALS: &str = "Id,Name,StageName,Amount,CloseDate,CreatedDate,IsWon,IsClosed,OwnerId,AccountId,ContactId,LeadSource,Probability\n";
const HUBSPOT_ACCOUNTS: &str =
    "Record ID,Company name,Industry,Annual Revenue,Number of Employees,Website URL,Country/Region,Create Date\n";
const SALESFORCE_ACCOUNTS: &str =
    "Id,Name,Industry,AnnualRevenue,NumberOfEmployees,Website,BillingCountry,CreatedDate\n";
const HUBSPOT_CONTACTS: &str = "Record ID,First Name,Last Name,Email,Phone Number,Lifecycle Stage,Associated Company,Create Date,Last Modified Date\n";
const SALESFORCE_LEADS: &str =
    "Id,FirstName,LastName,Email,Company,Status,LeadSource,CreatedDate,IsConverted,ConvertedDate,ConvertedContactId\n";

#[test]
fn a_won_deal_tells_how_it_was_won() {
    let row = "9,Big one,Closed won,Sales,\"1,200.50\",EUR,2024-03-01 10:00,2024-04-01 12:00,Bo,true,2024-03-05 09:00,\
        77;78,Acme,Ann Smith (ann@example.com)\n";
    check(
        &shown::show(DEALS, &format!("{HUBSPOT_DEALS}{row}")),
        &expect![[r#"
        track "Deal Created" at 2024-03-01T10:00:00Z (crm/test/deal/9#created)
          anonymous e:ann@example.com
          group 77
          id e:ann@example.com
          property account_name = Acme
          property deal_id = 9
          property deal_name = Big one
          property pipeline = Sales
        track "Deal Stage Changed" at 2024-03-05T09:00:00Z (crm/test/deal/9#stage/Qualified)
          anonymous e:ann@example.com
          group 77
          id e:ann@example.com
          property account_name = Acme
          property deal_id = 9
          property deal_name = Big one
          property pipeline = Sales
          property stage = Qualified
        of 0 rows
        track "Deal Won" at 2024-04-01T12:00:00Z (crm/test/deal/9#won)
          anonymous e:ann@example.com
          group 77
          id e:ann@example.com
          property account_name = Acme
          property amount = 1200.5
          property currency = EUR
          property deal_id = 9
          property deal_name = Big one
          property deal_owner = Bo
          property pipeline = Sales
          property stage = Closed won
          money 120050 EUR
        of 0 rows
    "#]],
    );
}

#[test]
fn an_open_deal_of_an_account_is_told_of_the_account() {
    let row = "006A,Small one,Negotiation,500,3/14/2030,3/14/2024 3:04 PM,false,false,005B,001C,,Web,60\n";
    check(
        &shown::show(DEALS, &format!("{SALESFORCE_DEALS}{row}")),
        &expect![[r#"
        track "Deal Created" at 2024-03-14T15:04:00Z (crm/test/deal/006A#created)
          anonymous x:account:001C
          group 001C
          id x:account:001C
          property amount = 500
          property close_date = 3/14/2030
          property deal_id = 006A
          property deal_name = Small one
          property lead_source = Web
          property owner_id = 005B
          property probability = 60
          property stage = Negotiation
    "#]],
    );
}

#[test]
fn a_deal_closed_on_the_day_it_was_opened_is_closed_behind_it() {
    let row = "006A,,Closed Lost,500,2024-03-14,2024-03-14T10:00:00.000+0000,,,,,003D,,\n";
    check(
        &shown::show(DEALS, &format!("{SALESFORCE_DEALS}{row}")),
        &expect![[r#"
        track "Deal Created" at 2024-03-14T10:00:00Z (crm/test/deal/006A#created)
          anonymous x:contact:003D
          id x:contact:003D
          property deal_id = 006A
        track "Deal Lost" at 2024-03-14T10:00:00.000001Z (crm/test/deal/006A#lost)
          anonymous x:contact:003D
          id x:contact:003D
          property amount = 500
          property deal_id = 006A
          property stage = Closed Lost
        of 0 rows
    "#]],
    );
}

#[test]
fn a_deal_without_a_date_or_anybody_is_put_aside() {
    let rows = "1,,Open,,,,,,,,003,,\n2,,Open,,,soon,,,,,003,,\n3,,Open,,,2024-03-14,,,,,,,\n";
    check(
        &shown::show(DEALS, &format!("{SALESFORCE_DEALS}{rows}")),
        &expect![[r#"
        row 1: missing-time: no time of occurrence <- {"Id":"1","Name":null,"StageName":"Open","Amount":null,"CloseDate":null,"CreatedDate":null,"IsWon":null,"IsClosed":null,"OwnerId":null,"AccountId":null,"ContactId":"003","LeadSource":null,"Probability":null}
        row 2: invalid-time: soon <- {"Id":"2","Name":null,"StageName":"Open","Amount":null,"CloseDate":null,"CreatedDate":"soon","IsWon":null,"IsClosed":null,"OwnerId":null,"AccountId":null,"ContactId":"003","LeadSource":null,"Probability":null}
        row 3: missing-identity: neither a user id nor an anonymous id <- {"Id":"3","Name":null,"StageName":"Open","Amount":null,"CloseDate":null,"CreatedDate":"2024-03-14","IsWon":null,"IsClosed":null,"OwnerId":null,"AccountId":null,"ContactId":null,"LeadSource":null,"Probability":null}
    "#]],
    );
}

#[test]
fn an_amount_without_a_currency_is_no_money() {
    let row = "006A,,Closed Won,500,2024-03-15,2024-03-14,true,true,,,003D,,\n";
    let shown = shown::show(DEALS, &format!("{SALESFORCE_DEALS}{row}"));
    assert!(shown.contains("invalid-currency: 500 without a currency"), "{shown}");
    assert!(shown.contains("property amount = 500") && !shown.contains("money"), "{shown}");
}

#[test]
fn numbers_with_comma_decimals_are_read_in_a_file_of_them() {
    let table = "Record ID;Deal Stage;Amount;Currency;Close Date;Create Date;Contact ID\n\
        1;Won;1.200,50;EUR;01.04.2024;01.03.2024;7\n2;Won;80,25;EUR;01.04.2024;01.03.2024;7\n";
    let shown = shown::show(DEALS, table);
    assert!(shown.contains("money 120050 EUR") && shown.contains("money 8025 EUR"), "{shown}");
}

#[test]
fn accounts_are_groups_with_traits() {
    let row = "77,Acme,Retail,\"1,000,000\",120,acme.example,Germany,2024-01-02 09:00\n";
    check(
        &shown::show(ACCOUNTS, &format!("{HUBSPOT_ACCOUNTS}{row}")),
        &expect![[r#"
        group "Account Joined" at 2024-01-02T09:00:00Z (content-a2529e4b2c44a8f58fccb9cf896addf5)
          anonymous x:account:77
          group 77
          id x:account:77
          trait annual_revenue = 1000000
          trait country = Germany
          trait industry = Retail
          trait name = Acme
          trait number_of_employees = 120
          trait website = acme.example
    "#]],
    );
    let rows = "001C,Acme,Retail,1000000,120,acme.example,Germany,2024-01-02T09:00:00Z\n,,Retail,,,,,2024-01-02\n5,Beta,,,,,,\n";
    check(
        &shown::show(ACCOUNTS, &format!("{SALESFORCE_ACCOUNTS}{rows}")),
        &expect![[r#"
        group "Account Joined" at 2024-01-02T09:00:00Z (content-0153ac00a97b2f9d98459d4d7386e99f)
          anonymous x:account:001C
          group 001C
          id x:account:001C
          trait annual_revenue = 1000000
          trait country = Germany
          trait industry = Retail
          trait name = Acme
          trait number_of_employees = 120
          trait website = acme.example
        row 2: missing-identity: neither a user id nor an anonymous id <- {"Id":null,"Name":null,"Industry":"Retail","AnnualRevenue":null,"NumberOfEmployees":null,"Website":null,"BillingCountry":null,"CreatedDate":"2024-01-02"}
        row 3: missing-time: no time of occurrence <- {"Id":"5","Name":"Beta","Industry":null,"AnnualRevenue":null,"NumberOfEmployees":null,"Website":null,"BillingCountry":null,"CreatedDate":null}
    "#]],
    );
}

#[test]
fn contacts_are_people_with_traits() {
    let row = "101,Ann,Smith,Ann@Example.com,+49 30 1234567,Customer,Acme,2024-01-02,2024-02-03 10:00\n";
    check(
        &shown::show(CONTACTS, &format!("{HUBSPOT_CONTACTS}{row}")),
        &expect![[r#"
        identify "Identified" at 2024-02-03T10:00:00Z (content-ac57391a2a3dc8ec820602f9bb49bfe7)
          anonymous e:ann@example.com
          group Acme
          id e:ann@example.com
          id p:+49301234567
          id x:contact:101
          trait company = Acme
          trait create_date = 2024-01-02
          trait email = Ann@Example.com
          trait first_name = Ann
          trait last_name = Smith
          trait lifecycle_stage = Customer
          trait name = Ann Smith
          trait phone = +49 30 1234567
    "#]],
    );
}

#[test]
fn leads_are_created_and_converted() {
    let rows = "00Q1,Ann,Smith,ann@example.com,Acme,Converted,Web,2024-01-02,true,2024-02-03,003D\n\
        00Q2,Bo,,bo@example.com,,New,Web,2024-01-02,false,,\n";
    check(
        &shown::show(LEADS, &format!("{SALESFORCE_LEADS}{rows}")),
        &expect![[r#"
        track "Lead Created" at 2024-01-02T00:00:00Z (crm/test/lead/00Q1#created)
          anonymous e:ann@example.com
          id e:ann@example.com
          id x:lead:00Q1
          property lead_id = 00Q1
          property lead_source = Web
          trait company = Acme
          trait email = ann@example.com
          trait first_name = Ann
          trait last_name = Smith
          trait name = Ann Smith
        track "Lead Converted" at 2024-02-03T00:00:00Z (crm/test/lead/00Q1#converted)
          anonymous e:ann@example.com
          id e:ann@example.com
          id x:contact:003D
          id x:lead:00Q1
          property is_converted = true
          property lead_id = 00Q1
          property lead_source = Web
          property status = Converted
          trait company = Acme
          trait email = ann@example.com
          trait first_name = Ann
          trait last_name = Smith
          trait name = Ann Smith
        of 0 rows
        track "Lead Created" at 2024-01-02T00:00:00Z (crm/test/lead/00Q2#created)
          anonymous e:bo@example.com
          id e:bo@example.com
          id x:lead:00Q2
          property is_converted = false
          property lead_id = 00Q2
          property lead_source = Web
          property status = New
          trait email = bo@example.com
          trait first_name = Bo
          trait name = Bo
    "#]],
    );
}

#[test]
fn the_funnel_of_olist_is_one_person_from_contact_to_deal() {
    let lead = "mql_id,first_contact_date,landing_page_id,origin\ndac3,25-02-2018,88740,social\n";
    check(
        &shown::show(LEADS, lead),
        &expect![[r#"
        track "Lead Created" at 2018-02-25T00:00:00Z (crm/test/lead/dac3#created)
          user dac3
          property landing_page_id = 88740
          property lead_id = dac3
          property lead_source = social
    "#]],
    );
    let deal = "mql_id,seller_id,sdr_id,won_date,business_segment,lead_type,has_company,declared_monthly_revenue\n\
        dac3,2c43,a838,26-02-2018 19:58,pet,online_medium,TRUE,5000\n";
    check(
        &shown::show(DEALS, deal),
        &expect![[r#"
        track "Deal Won" at 2018-02-26T19:58:00Z (crm/test/deal/dac3#won)
          user dac3
          group 2c43
          property business_segment = pet
          property deal_id = dac3
          property declared_monthly_revenue = 5000
          property has_company = true
          property lead_type = online_medium
          property sdr_id = a838
    "#]],
    );
}

#[test]
fn what_was_put_aside_is_read_again() {
    let rows = "1,,Open,,,,,,,,003,,\n2,,Open,,,soon,,,,,003,,\n";
    let (first, again) = shown::twice(DEALS, &format!("{SALESFORCE_DEALS}{rows}"));
    assert_eq!((first.rows_quarantined, again.rows_read), (2, 2));
    assert_eq!(first.quarantined, again.quarantined);
}

#[test]
fn each_table_is_recognised_as_what_it_is() {
    let olist_leads = "mql_id,first_contact_date,landing_page_id,origin\n";
    let olist_deals = "mql_id,seller_id,won_date\n";
    for (table, expected) in [
        (HUBSPOT_DEALS, "deals"),
        (SALESFORCE_DEALS, "deals"),
        (olist_deals, "deals"),
        (HUBSPOT_ACCOUNTS, "accounts"),
        (SALESFORCE_ACCOUNTS, "accounts"),
        (HUBSPOT_CONTACTS, "contacts"),
        (SALESFORCE_LEADS, "leads"),
        (olist_leads, "leads"),
        ("id,name,country\n", ""),
        ("Name,Email,Total,Created at\n", ""),
        ("InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n", ""),
        ("{\"id\":1,\"subject\":\"Help\",\"status\":\"open\",\"created_at\":\"2024-01-01\"}", ""),
    ] {
        let head = Head::read(table.as_bytes()).unwrap();
        let tried = [
            ("deals", deals::recognise(&head)),
            ("accounts", accounts::recognise(&head)),
            ("contacts", contacts::recognise(&head)),
            ("leads", leads::recognise(&head)),
        ];
        let told: Vec<&str> = tried.iter().filter(|(_, why)| why.is_some()).map(|(name, _)| *name).collect();
        assert_eq!(told.join(" "), expected, "{table}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_rows_add_up(cells in prop::collection::vec(prop::collection::vec("[a1, .\"@\n;-]{0,6}|13/01/2024|a@b.de|Closed Won", 14), 0..6)) {
        let rows: String = cells.iter().map(|cells| cells.join(",") + "\n").collect();
        for header in [HUBSPOT_DEALS, SALESFORCE_DEALS, HUBSPOT_ACCOUNTS, HUBSPOT_CONTACTS, SALESFORCE_LEADS] {
            for read in [DEALS, ACCOUNTS, CONTACTS, LEADS] {
                let tally = shown::take(read, format!("{header}{rows}").as_bytes()).unwrap().1;
                prop_assert_eq!(tally.rows_read, tally.rows_in_events + tally.rows_quarantined);
            }
        }
    }
}
