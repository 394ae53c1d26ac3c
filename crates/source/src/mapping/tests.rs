//! Mappings that are read, written and refused.

use proptest::prelude::*;

use super::*;

const ORDERS: &str = r#"
[table]
kind = "track"
event = "Order Completed"
user_id = "CustomerID"
time = "InvoiceDate"
order = "InvoiceNo"
currency = { column = "Cur" }

[table.product]
id = "StockCode"
quantity = "Quantity"
price = "UnitPrice"

[[table.when]]
column = "InvoiceNo"
starts_with = "C"
event = "Order Refunded"

[[table.when]]
column = "Quantity"
below = -10
event = "Bulk Return"

[table.properties]
Country = "country"
"a b" = { name = "x", type = "number" }

[table.ignore]
columns = ["row"]
"#;

fn check_refused(text: &str, expected: &str) {
    let error = Mapping::parse(text).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_mapping_is_read() {
    let mapping = Mapping::parse(ORDERS).unwrap();
    assert_eq!(mapping.refund.as_deref(), Some("Order Refunded"));
    assert_eq!(mapping.time, Term::column("InvoiceDate"));
    assert_eq!(mapping.when[1].condition, Condition::Below(throng_event::Decimal(-10_000_000)));
    assert_eq!(mapping.properties["a b"], Target { name: "x".to_owned(), reading: ColumnType::Number });
    let columns = mapping.columns();
    for column in ["CustomerID", "InvoiceDate", "Cur", "StockCode", "UnitPrice", "InvoiceNo", "Country", "a b"] {
        assert!(columns.contains(&column), "{column}");
    }
}

#[test]
fn a_mapping_survives_being_written() {
    let mapping = Mapping::parse(ORDERS).unwrap();
    assert_eq!(Mapping::parse(&mapping.to_toml()).unwrap(), mapping);
    let by_row = Mapping { person: PersonOf::Row, user_id: None, order: None, ..mapping.clone() };
    assert_eq!(Mapping::parse(&by_row.to_toml()).unwrap(), by_row);
    let silent = Mapping { refund: None, decimal: DecimalMark::Comma, ..mapping };
    assert_eq!(Mapping::parse(&silent.to_toml()).unwrap(), silent);
}

/// The documentation shows every key; this keeps it from going stale.
#[test]
fn the_documented_mapping_is_one() {
    let lines = include_str!("../mapping.rs").lines().filter_map(|line| line.strip_prefix("///"));
    let shown: Vec<&str> =
        lines.skip_while(|line| *line != " ```toml").skip(1).take_while(|line| *line != " ```").collect();
    let mapping = Mapping::parse(&shown.join("\n")).unwrap();
    assert_eq!(Mapping::parse(&mapping.to_toml()).unwrap(), mapping);
    assert_eq!(mapping.columns().len(), 23);
}

#[test]
fn a_wrong_mapping_says_what_is_wrong() {
    let without = |line: &str| ORDERS.replace(line, "");
    check_refused("", "missing field `table`");
    check_refused(&without("event = \"Order Completed\"\n"), "table.event is missing");
    check_refused(&without("user_id = \"CustomerID\"\n"), "table.user_id is missing");
    check_refused(&without("time = \"InvoiceDate\"\n"), "missing field `time`");
    check_refused(&ORDERS.replace("\"track\"", "\"click\""), "table.kind is \"click\"");
    check_refused(&ORDERS.replace("user_id", "userid"), "unknown field `userid`");
    check_refused(&ORDERS.replace("type = \"number\"", "type = \"float\""), "\"float\"; use \"auto\" or");
    check_refused(&ORDERS.replace("starts_with = \"C\"", ""), "needs one of equals");
    check_refused(&ORDERS.replace("{ column = \"Cur\" }", "\"Pounds\""), "three-letter code");
    check_refused(&ORDERS.replace("order =", "time_zone = \"Mars/Olympus\"\norder ="), "unknown time zone");
    check_refused(&ORDERS.replace("time = \"InvoiceDate\"", "time = 5"), "table.time must be");
    check_refused(&ORDERS.replace("order =", "person = \"column\"\norder ="), "use \"columns\" or \"row\"");
    let by_row = ORDERS.replace("order =", "person = \"row\"\norder =");
    check_refused(&by_row, "no column can name the person");
    check_refused(&by_row.replace("user_id = \"CustomerID\"\n", ""), "cannot be put together to orders");
}

proptest! {
    #[test]
    fn any_column_name_survives_being_written(column in "\\PC{0,12}", name in ".{0,8}") {
        let mut mapping = Mapping::parse(ORDERS).unwrap();
        mapping.user_id = Some(column.clone());
        mapping.event = Some(Term::Column { column: column.clone(), prefix: name.clone() });
        mapping.traits.insert(column, Target { name, reading: ColumnType::Auto });
        prop_assert_eq!(Mapping::parse(&mapping.to_toml()).unwrap(), mapping);
    }
}
