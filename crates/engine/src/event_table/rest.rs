//! The column `other`: what of an event has no column of its own, as one JSON object a row.
//!
//! Values are added attribute by attribute, so a row's text is open until the last.

use arrow::array::{StringArray, StringBuilder};
use throng_event::Value;

use super::Part;

/// The column `other`: for each row a JSON object of the parts of the event, each of the
/// values that have no column of their own and type. Built in the order of parts and names.
#[derive(Debug)]
pub(super) struct Rest(Vec<(Vec<u8>, Option<Part>)>);

impl Rest {
    pub(super) fn new(n_rows: usize) -> Self {
        Self(vec![(Vec::new(), None); n_rows])
    }

    /// Begins a value of a row, about so many bytes long, `name` being a JSON text; returns
    /// where the value is to be written.
    pub(super) fn open(&mut self, row: usize, (part, name): (Part, &str), n_bytes: usize) -> &mut Vec<u8> {
        /// What stands around a value: the part, brackets and the key of nested JSON.
        const AROUND_BYTES: usize = 40;
        let (text, open) = &mut self.0[row];
        text.reserve(name.len() + n_bytes + n_bytes / 8 + AROUND_BYTES);
        if *open == Some(part) {
            text.push(b',');
        } else {
            text.extend_from_slice(if open.is_some() { b"},\"" } else { b"{\"" });
            text.extend_from_slice(part.key().as_bytes());
            text.extend_from_slice(b"\":{");
            *open = Some(part);
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text
    }

    pub(super) fn finish(self) -> StringArray {
        let n_bytes = self.0.iter().map(|(text, _)| text.len() + 2).sum();
        let mut column = StringBuilder::with_capacity(self.0.len(), n_bytes);
        for (mut text, open) in self.0 {
            text.extend_from_slice(b"}}");
            // What was put together from texts is text.
            column.append_option(open.and_then(|_| str::from_utf8(&text).ok()));
        }
        column.finish()
    }
}

/// Writes a value as JSON: instants and nested JSON, which JSON has no scalar for, as
/// objects with one key, and numbers too, for a JSON number would pass through a float.
pub(super) fn write_json(json: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(flag) => json.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Number(number) => json.extend_from_slice(format!("{{\"$number\":\"{number}\"}}").as_bytes()),
        Value::Instant(instant) => json.extend_from_slice(format!("{{\"$instant\":{}}}", instant.0).as_bytes()),
        Value::Text(text) => write_json_text(json, text),
        Value::Json(text) => write_nested(json, text),
    }
}

pub(super) fn write_nested(json: &mut Vec<u8>, text: &str) {
    json.extend_from_slice(b"{\"$json\":");
    write_json_text(json, text);
    json.push(b'}');
}

fn write_json_text(json: &mut Vec<u8>, text: &str) {
    assert!(serde_json::to_writer(json, text).is_ok(), "writing a text to memory does not fail");
}
