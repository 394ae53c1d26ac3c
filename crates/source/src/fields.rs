//! The fields of a record, taken by the names they may have.
//!
//! Exports call one thing by many names (`Requester email`, `customer_email`), in
//! columns as in JSON. A field is taken once; what nobody took is kept as properties,
//! so that nothing a company wrote is lost.

use std::borrow::Cow;

use serde_json::value::RawValue;
use throng_event::{Attributes, Problem, ProblemKind, Value};

use crate::DecimalMark;
use crate::attributes::{Members, date_texts, members, scalar_text, value};
use crate::rows::{NamedRow, plain_name};
use crate::table::{is_absent, plain_number};

/// A JSON object whose members are found by the letters and digits of their names.
pub(crate) struct Object<'a>(Vec<(String, Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Returns the object a record is.
    pub(crate) fn parse(record: &'a [u8]) -> Result<Self, Problem> {
        let unreadable = |detail: &str| Problem::new(ProblemKind::Unreadable, detail);
        let text = str::from_utf8(record).map_err(|error| unreadable(&error.to_string()))?;
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| unreadable(&error.to_string()))?;
        Self::of(raw).ok_or_else(|| unreadable("the record is no JSON object"))
    }

    /// Returns the object a value is, `None` for any other value.
    pub(crate) fn of(raw: &'a RawValue) -> Option<Self> {
        let Members(members) = members(raw)?;
        let named = members.into_iter().map(|(name, raw)| (plain_name(&name), name, raw));
        Some(Self(named.collect()))
    }

    /// Returns the first of these members that is there and not `null`.
    pub(crate) fn get(&self, names: &[&str]) -> Option<&'a RawValue> {
        let find = |name: &&str| {
            let plain = plain_name(name);
            self.0.iter().find(|(own, _, raw)| *own == plain && raw.get() != "null").map(|(_, _, raw)| *raw)
        };
        names.iter().find_map(find)
    }

    /// Returns the text or number of the first of these members that says something.
    pub(crate) fn text(&self, names: &[&str]) -> Option<String> {
        let said = |name: &&str| {
            let text = scalar_text(self.get(&[name])?)?;
            let text = text.trim();
            (!is_absent(text)).then(|| text.to_owned())
        };
        names.iter().find_map(said)
    }

    /// Returns the first of these members that is an object.
    pub(crate) fn object(&self, names: &[&str]) -> Option<Self> {
        names.iter().find_map(|name| Self::of(self.get(&[name])?))
    }

    /// Returns the values of the first of these members that is a list.
    pub(crate) fn list(&self, names: &[&str]) -> Option<Vec<&'a RawValue>> {
        names.iter().find_map(|name| serde_json::from_str(self.get(&[name])?.get()).ok())
    }
}

/// Fields that are still to be taken, in the order of the record.
pub(crate) struct Fields(Vec<(String, String, Value)>);

impl Fields {
    /// Returns the members of an object but those named, which are read apart.
    pub(crate) fn of_object(object: &Object<'_>, but: &[&str]) -> Result<Self, Problem> {
        let mut fields = Vec::with_capacity(object.0.len());
        for (plain, name, raw) in &object.0 {
            let apart = but.iter().any(|name| plain_name(name) == *plain);
            if !apart && let Some(value) = value(*raw)? {
                fields.push((plain.clone(), name.clone().into_owned(), value));
            }
        }
        Ok(Self(fields))
    }

    /// Returns the cells of a row.
    pub(crate) fn of_row(row: &NamedRow<'_>) -> Self {
        let cells = row.cells().map(|(name, text)| (plain_name(name), name.to_owned(), Value::text(text)));
        Self(cells.collect())
    }

    /// Takes the first of these fields that says something.
    pub(crate) fn take(&mut self, names: &[&str]) -> Option<String> {
        for name in names {
            let plain = plain_name(name);
            let Some(idx) = self.0.iter().position(|(own, _, _)| *own == plain) else { continue };
            let (_, _, value) = self.0.remove(idx);
            let text = value.to_string();
            if !is_absent(text.trim()) {
                return Some(text.trim().to_owned());
            }
        }
        None
    }

    /// Adds what was not taken; plain numbers and truth values get their type.
    pub(crate) fn rest_into(self, attributes: &mut Attributes) {
        for (_, name, value) in self.0 {
            attributes.insert_if_absent(name, typed(value));
        }
        date_texts(attributes);
    }
}

fn typed(value: Value) -> Value {
    let Value::Text(text) = value else { return value };
    match text.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => plain_number(&text, DecimalMark::Point).map_or(Value::Text(text), Value::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::of_object(&Object::parse(json.as_bytes()).unwrap(), &["apart"]).unwrap()
    }

    #[test]
    fn a_field_is_taken_once_by_any_of_its_names() {
        let mut fields = fields(r#"{"Requester_Email":" a@b.de ","email":"null","id":7,"x":null}"#);
        assert_eq!(fields.take(&["email", "requester email"]).as_deref(), Some("a@b.de"));
        assert_eq!(fields.take(&["requesterEmail"]), None);
        assert_eq!(fields.take(&["ID"]).as_deref(), Some("7"));
        assert_eq!(fields.take(&["x"]), None);
    }

    #[test]
    fn what_nobody_took_is_kept_with_its_type() {
        let mut attributes = Attributes::new();
        fields(r#"{"apart":[1],"n":"2.50","code":"007","t":"true","list":[1, 2]}"#).rest_into(&mut attributes);
        let shown: Vec<String> = attributes.iter().map(|(name, value)| format!("{name} {value:?}")).collect();
        assert_eq!(shown, ["code Text(\"007\")", "list Json(\"[1,2]\")", "n Number(Decimal(2500000))", "t Bool(true)"]);
    }

    #[test]
    fn a_record_that_is_no_object_is_refused() {
        for record in [&b"[1]"[..], b"{", b"\"a\"", b"\xff", b""] {
            assert!(Object::parse(record).is_err());
        }
    }
}
