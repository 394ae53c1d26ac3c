//! Writes a mapping as TOML text a person can check and change.

use std::fmt::Write;

use super::wire::{READINGS, usual_refund};
use super::{AmountPer, AmountUnit, ColumnType, Condition, DecimalMark, Mapping, PersonOf, Target, Term};

/// Returns the TOML text; a note (key, what is said) stands as comment above its key.
pub(super) fn write(mapping: &Mapping, notes: &[(String, String)]) -> String {
    let mut page = Page { text: String::new(), notes };
    page.heading("[table]");
    page.line("kind", &quoted(mapping.kind.as_str()));
    page.term("event", mapping.event.as_ref());
    page.name("sheet", mapping.sheet.as_ref());
    page.name("id", mapping.id.as_ref());
    if mapping.person == PersonOf::Row {
        page.line("person", &quoted("row"));
    }
    page.name("user_id", mapping.user_id.as_ref());
    page.name("anonymous_id", mapping.anonymous_id.as_ref());
    page.name("group_id", mapping.group_id.as_ref());
    match &mapping.time {
        Term::Constant(time) => page.line("time", &format!("{{ constant = {} }}", quoted(time))),
        Term::Column { column, .. } => page.line("time", &quoted(column)),
    }
    page.name("time_format", mapping.time_format.as_ref());
    page.name("time_zone", mapping.time_zone.as_ref());
    page.name("order", mapping.order.as_ref());
    match &mapping.refund {
        Some(name) => page.line("refund", &quoted(name)),
        // Absent means the usual pair of names, so "none" has to be said.
        None if mapping.event.as_ref().is_some_and(|event| usual_refund(event).is_some()) => {
            page.line("refund", "\"\"")
        }
        None => {}
    }
    page.term("currency", mapping.currency.as_ref());
    page.term("channel", mapping.channel.as_ref());
    page.name("rating", mapping.rating.as_ref());
    page.name("text", mapping.text.as_ref());
    if mapping.decimal == DecimalMark::Comma {
        page.line("decimal", &quoted(","));
    }
    write_amounts(mapping, &mut page);
    write_rules(mapping, &mut page);
    page.targets("properties", mapping.properties.iter());
    page.targets("traits", mapping.traits.iter());
    if let Some(answer) = &mapping.answer {
        page.heading("[table.answer]");
        page.line("question", &quoted(&answer.question));
        page.line("value", &quoted(&answer.value));
    }
    if !mapping.ignore.is_empty() {
        page.heading("[table.ignore]");
        let columns: Vec<String> = mapping.ignore.iter().map(|column| quoted(column)).collect();
        page.line("columns", &format!("[{}]", columns.join(", ")));
    }
    page.text
}

fn write_amounts(mapping: &Mapping, page: &mut Page<'_>) {
    if let Some(product) = &mapping.product {
        page.heading("[table.product]");
        page.name("id", product.id.as_ref());
        page.name("name", product.name.as_ref());
        page.name("category", product.category.as_ref());
        page.name("brand", product.brand.as_ref());
        page.name("quantity", product.quantity.as_ref());
        page.name("price", product.price.as_ref());
        page.name("amount", product.amount.as_ref());
        page.name("discount", product.discount.as_ref());
    }
    if let Some(amount) = &mapping.amount {
        page.heading("[table.amount]");
        page.line("column", &quoted(&amount.column));
        let unit = match amount.unit {
            AmountUnit::Major => "major",
            AmountUnit::Minor => "minor",
            AmountUnit::Micro => "micro",
        };
        page.line("unit", &quoted(unit));
        let per = match amount.per {
            AmountPer::Row => "row",
            AmountPer::Order => "order",
        };
        page.line("per", &quoted(per));
    }
}

fn write_rules(mapping: &Mapping, page: &mut Page<'_>) {
    for rule in &mapping.when {
        page.heading("[[table.when]]");
        page.line("column", &quoted(&rule.column));
        match &rule.condition {
            Condition::Equals(text) => page.line("equals", &quoted(text)),
            Condition::StartsWith(text) => page.line("starts_with", &quoted(text)),
            Condition::EndsWith(text) => page.line("ends_with", &quoted(text)),
            Condition::Contains(text) => page.line("contains", &quoted(text)),
            Condition::Below(number) => page.line("below", &number.to_string()),
            Condition::Above(number) => page.line("above", &number.to_string()),
        }
        page.line("event", &quoted(&rule.event));
    }
}

/// The text so far, and what is to be said beside it.
struct Page<'a> {
    text: String,
    notes: &'a [(String, String)],
}

impl Page<'_> {
    fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.say(heading.trim_matches(['[', ']']));
        self.text.push_str(heading);
        self.text.push('\n');
    }

    fn line(&mut self, key: &str, value: &str) {
        self.say(key);
        // Writing to a String cannot fail.
        writeln!(self.text, "{key} = {value}").unwrap_or_default();
    }

    fn say(&mut self, key: &str) {
        for (_, said) in self.notes.iter().filter(|(noted, _)| noted == key) {
            writeln!(self.text, "# unsure: {}", said.replace(['\n', '\r'], " ")).unwrap_or_default();
        }
    }

    fn name(&mut self, key: &str, name: Option<&String>) {
        if let Some(name) = name {
            self.line(key, &quoted(name));
        }
    }

    fn term(&mut self, key: &str, term: Option<&Term>) {
        match term {
            None => {}
            Some(Term::Constant(text)) => self.line(key, &quoted(text)),
            Some(Term::Column { column, prefix }) if prefix.is_empty() => {
                self.line(key, &format!("{{ column = {} }}", quoted(column)));
            }
            Some(Term::Column { column, prefix }) => {
                self.line(key, &format!("{{ column = {}, prefix = {} }}", quoted(column), quoted(prefix)));
            }
        }
    }

    fn targets<'t>(&mut self, heading: &str, targets: impl ExactSizeIterator<Item = (&'t String, &'t Target)>) {
        if targets.len() == 0 {
            return;
        }
        self.heading(&format!("[table.{heading}]"));
        for (column, target) in targets {
            let name = quoted(&target.name);
            let value = match READINGS.iter().find(|(_, reading)| *reading == target.reading) {
                Some((reading, kind)) if *kind != ColumnType::Auto => {
                    format!("{{ name = {name}, type = {} }}", quoted(reading))
                }
                _ => name,
            };
            self.line(&key(column), &value);
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Returns a column's name as a key: bare where TOML allows it.
fn key(column: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !column.is_empty() && column.bytes().all(bare) {
        return column.to_owned();
    }
    let mut text = String::from("\"");
    for character in column.chars() {
        match character {
            '"' | '\\' => {
                text.push('\\');
                text.push(character);
            }
            control if control.is_control() => write!(text, "\\u{:04X}", u32::from(control)).unwrap_or_default(),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}
