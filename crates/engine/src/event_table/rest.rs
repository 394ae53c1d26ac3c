//! The column `other`: what of an event has no column of its own, as one JSON object a row.
//!
//! Values are added row by row; a row's text is open until the next begins.

use arrow::array::{StringArray, StringBuilder};
use throng_event::Value;

use super::Part;

/// The column `other`: for each row a JSON object of the parts of the event, each of the
/// values that have no column of their own and type. Built in the order of rows, parts and names.
#[derive(Debug)]
pub(super) struct Rest {
    column: StringBuilder,
    n_rows: usize,
    /// The row that is being written, and the part its object is in.
    text: Vec<u8>,
    row: usize,
    open: Option<Part>,
}

impl Rest {
    /// Returns a column of so many rows.
    pub(super) fn new(n_rows: usize) -> Self {
        Self { column: StringBuilder::with_capacity(n_rows, 0), n_rows, text: Vec::new(), row: 0, open: None }
    }

    /// Begins a value of a row, `name` being a JSON text; returns where the value is to be written.
    pub(super) fn open(&mut self, row: usize, (part, name): (Part, &str)) -> &mut Vec<u8> {
        self.close_until(row);
        let text = &mut self.text;
        if self.open == Some(part) {
            text.push(b',');
        } else {
            text.extend_from_slice(if self.open.is_some() { b"},\"" } else { b"{\"" });
            text.extend_from_slice(part.key().as_bytes());
            text.extend_from_slice(b"\":{");
            self.open = Some(part);
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text
    }

    /// Ends the rows before one.
    fn close_until(&mut self, row: usize) {
        while self.row < row {
            let text = self.open.take().map(|_| {
                self.text.extend_from_slice(b"}}");
                // What was put together from texts is text.
                str::from_utf8(&self.text).unwrap_or_default()
            });
            self.column.append_option(text);
            self.text.clear();
            self.row += 1;
        }
    }

    pub(super) fn finish(mut self) -> StringArray {
        self.close_until(self.n_rows);
        self.column.finish()
    }
}

/// Writes a value as JSON: instants and nested JSON, which JSON has no scalar for, as
/// objects with one key, and numbers too, for a JSON number would pass through a float.
pub(super) fn write_json(json: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(flag) => json.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Number(number) => json.extend_from_slice(format!("{{\"$number\":\"{number}\"}}").as_bytes()),
        Value::Instant(instant) => json.extend_from_slice(format!("{{\"$instant\":{}}}", instant.0).as_bytes()),
        Value::Text(text) => write_text(json, text),
        Value::Json(text) => write_nested(json, text),
    }
}

pub(super) fn write_nested(json: &mut Vec<u8>, text: &str) {
    json.extend_from_slice(b"{\"$json\":");
    write_text(json, text);
    json.push(b'}');
}

/// Writes a text as JSON.
pub(super) fn write_text(json: &mut Vec<u8>, text: &str) {
    assert!(serde_json::to_writer(json, text).is_ok(), "writing a text to memory does not fail");
}
