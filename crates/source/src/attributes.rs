//! Free-form JSON, flattened into [`Attributes`].
//!
//! Objects are followed two levels down with dots in the name; lists, and objects
//! below that, are kept as compact JSON text. Values are read from the text they
//! stand in (`RawValue`), for a tree of values would cost several times the reading.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use compact_str::CompactString;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use throng_event::{Attributes, Decimal, Instant, Problem, ProblemKind, Value};

use crate::plain_json::{Json, Scan};

/// Levels of objects that become dotted names.
const FLATTENED_LEVELS: usize = 2;
/// Brackets inside brackets; deeper text is an attack or an accident, and readers
/// that recurse would fall over it.
const DEPTH_MAX: usize = 32;

/// Members of one object, and attributes of one record: ten times what admission keeps. Each
/// costs many times the six bytes that are enough to write it.
pub(crate) const MEMBERS_MAX: usize = 10_000;

/// Values that there is room for before any is read: objects of a context have two or three.
const VALUES_A_MEMBER: usize = 3;

/// Refuses an object of more members than any may have.
fn too_many<E: serde::de::Error>() -> E {
    E::custom(format!("an object of more than {MEMBERS_MAX} members"))
}

/// The members of an object, in their order, each with the text of its value.
#[derive(Debug)]
pub(crate) struct Members<'a, T = &'a RawValue>(pub(crate) Vec<(Cow<'a, str>, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Members<'de, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while members.len() <= MEMBERS_MAX
                    && let Some((Name(name), value)) = map.next_entry()?
                {
                    members.push((name, value));
                }
                if members.len() > MEMBERS_MAX { Err(too_many()) } else { Ok(Members(members)) }
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// The facts of a message: an object, or something else where an object belongs.
#[derive(Debug)]
pub(crate) enum Facts<'a> {
    Members(Members<'a, Json<'a>>),
    Other(Value),
    Nothing,
}

impl<'a> Facts<'a> {
    /// Returns the members of an object, `None` for all else.
    pub(crate) fn members(self) -> Option<Members<'a, Json<'a>>> {
        match self {
            Self::Members(members) => Some(members),
            Self::Other(_) | Self::Nothing => None,
        }
    }

    /// Adds the members, nested ones under dotted names. What is no object is kept under
    /// `value`, so that nothing is lost.
    pub(crate) fn flatten(self, attributes: &mut Attributes) -> Result<(), Problem> {
        match self {
            Self::Members(members) => return flatten_members_of(members, attributes),
            Self::Other(value) => drop(attributes.insert_if_absent("value", value)),
            Self::Nothing => {}
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Facts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Facts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Members::deserialize(MapAccessDeserializer::new(map)).map(Facts::Members)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items: Vec<&RawValue> = Vec::new();
                while items.len() <= MEMBERS_MAX
                    && let Some(item) = list.next_element()?
                {
                    items.push(item);
                }
                if items.len() > MEMBERS_MAX {
                    return Err(too_many());
                }
                let items: Vec<&str> = items.into_iter().map(RawValue::get).collect();
                let text = compact(&format!("[{}]", items.join(","))).map_err(serde::de::Error::custom)?;
                Ok(Facts::Other(Value::Json(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(if text.is_empty() { Facts::Nothing } else { Facts::Other(Value::text(text)) })
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Facts::Other(Value::Bool(flag)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Facts::Other(
                    Decimal::from_integer(number).map_or_else(|| Value::text(number.to_string()), Value::Number),
                ))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                let decimal = i64::try_from(number).ok().and_then(Decimal::from_integer);
                Ok(Facts::Other(decimal.map_or_else(|| Value::text(number.to_string()), Value::Number)))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Facts::Other(
                    Decimal::from_f64(number).map_or_else(|| Value::text(number.to_string()), Value::Number),
                ))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Facts::Nothing)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A member's name, borrowed where it stands without escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// Returns the members of an object, `None` for any other value.
pub(crate) fn members(raw: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// Returns the members of an object, `None` for any other value.
pub(crate) fn members_of(json: Json<'_>) -> Option<Members<'_, Json<'_>>> {
    Scan::object(json.get()).or_else(|| serde_json::from_str(json.get()).ok())
}

/// Returns what a JSON string or number says as text, `None` for all else.
pub(crate) fn scalar_text<'a>(raw: impl Into<Json<'a>>) -> Option<Cow<'a, str>> {
    let json = raw.into();
    if let Some(text) = json.plain_text() {
        return Some(Cow::Borrowed(text));
    }
    let text = json.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok().map(Cow::Owned),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(text)),
        _ => None,
    }
}

/// Adds the members of an object, nested ones under dotted names. What is no
/// object is kept under `value`, so that nothing is lost.
pub(crate) fn flatten<'a>(raw: impl Into<Json<'a>>, attributes: &mut Attributes) -> Result<(), Problem> {
    let json = raw.into();
    match members_of(json) {
        Some(members) => flatten_members_of(members, attributes),
        None => insert("value", json, attributes),
    }
}

/// Adds members, nested ones under dotted names; the first of two of one name wins.
pub(crate) fn flatten_members_of<'a, T: Into<Json<'a>>>(
    members: Members<'a, T>,
    attributes: &mut Attributes,
) -> Result<(), Problem> {
    let mut values = Vec::with_capacity(VALUES_A_MEMBER * members.0.len());
    let gathered = gather(members, "", FLATTENED_LEVELS, &mut values);
    let within = attributes.len() + values.len() <= MEMBERS_MAX;
    attributes.extend_absent(values);
    gathered.and_then(|()| if within { Ok(()) } else { Err(too_many_attributes()) })
}

fn too_many_attributes() -> Problem {
    Problem::new(ProblemKind::TooLarge, &format!("more than {MEMBERS_MAX} attributes"))
}

fn gather<'a, T: Into<Json<'a>>>(
    members: Members<'a, T>,
    prefix: &str,
    levels: usize,
    values: &mut Vec<(CompactString, Value)>,
) -> Result<(), Problem> {
    for (name, raw) in members.0 {
        let json = raw.into();
        let mut name = match prefix {
            "" => CompactString::new(name),
            prefix => concat(&[prefix, &name]),
        };
        if levels > 0 && json.get().starts_with('{') {
            name.push('.');
            let n_before = values.len();
            if gather_plain(&mut Scan::new(json.get()), &name, levels - 1, values).is_some() {
                continue;
            }
            values.truncate(n_before);
            name.pop();
        }
        let nested = if levels > 0 && json.get().starts_with('{') { members_of(json) } else { None };
        if let Some(nested) = nested {
            name.push('.');
            gather(nested, &name, levels - 1, values)?;
        } else if let Some(value) = value(json)? {
            if values.len() >= MEMBERS_MAX {
                return Err(too_many_attributes());
            }
            values.push((name, value));
        }
    }
    Ok(())
}

/// Gathers the members of an object of plain JSON as [`gather`] would, in one pass. `None` leaves
/// them to it: what is not plain, and all that is wrong with them.
fn gather_plain(
    scan: &mut Scan<'_>,
    prefix: &str,
    levels: usize,
    values: &mut Vec<(CompactString, Value)>,
) -> Option<()> {
    let mut more = scan.open()?;
    let mut n_members = 0;
    while more {
        n_members += 1;
        let mut name = concat(&[prefix, scan.name()?]);
        if levels > 0 && scan.peek()? == b'{' {
            name.push('.');
            gather_plain(scan, &name, levels - 1, values)?;
        } else if let Some(value) = value(scan.value()?).ok()? {
            values.push((name, value));
        }
        if n_members.max(values.len()) > MEMBERS_MAX {
            return None;
        }
        more = scan.another()?;
    }
    Some(())
}

fn concat(parts: &[&str]) -> CompactString {
    let mut text = CompactString::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// Adds one value; the first of two members of one name wins.
pub(crate) fn insert<'a>(
    name: impl Into<CompactString>,
    raw: impl Into<Json<'a>>,
    attributes: &mut Attributes,
) -> Result<(), Problem> {
    if let Some(value) = value(raw)? {
        if attributes.len() >= MEMBERS_MAX {
            return Err(too_many_attributes());
        }
        attributes.insert_if_absent(name, value);
    }
    Ok(())
}

/// Returns the value a JSON text writes; `null` and the empty text are none.
pub(crate) fn value<'a>(raw: impl Into<Json<'a>>) -> Result<Option<Value>, Problem> {
    let json = raw.into();
    let text = json.get();
    Ok(match text.as_bytes().first() {
        Some(b't') => Some(Value::Bool(true)),
        Some(b'f') => Some(Value::Bool(false)),
        Some(b'{' | b'[') => Some(Value::Json(compact(text)?)),
        Some(b'"') => scalar_text(json).filter(|text| !text.is_empty()).map(|text| Value::text(&*text)),
        Some(b'-' | b'0'..=b'9') => {
            // What has no place among decimals keeps its digits as text.
            Some(Decimal::parse(text).map_or_else(|| Value::text(text), Value::Number))
        }
        _ => None,
    })
}

/// Makes instants of the texts that are a full date and time with its offset.
pub(crate) fn date_texts(attributes: &mut Attributes) {
    for value in attributes.values_mut() {
        let Value::Text(text) = value else { continue };
        let bytes = text.as_bytes();
        let dated = (20..=40).contains(&bytes.len()) && bytes[4] == b'-' && bytes[7] == b'-' && bytes[10] == b'T';
        if dated && let Some(instant) = Instant::parse_rfc3339(text) {
            *value = Value::Instant(instant);
        }
    }
}

/// Returns JSON text without the space between its parts.
pub(crate) fn compact(text: &str) -> Result<String, Problem> {
    let mut compacted = String::with_capacity(text.len());
    // Where what is not yet taken over begins: all that counts here is ASCII.
    let mut start = 0;
    let mut depth = 0_usize;
    let (mut quoted, mut escaped) = (false, false);
    for (idx, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b' ' | b'\t' | b'\r' | b'\n' => {
                compacted.push_str(&text[start..idx]);
                start = idx + 1;
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(Problem::new(ProblemKind::Unreadable, &format!("JSON nested deeper than {DEPTH_MAX} levels")));
        }
    }
    compacted.push_str(&text[start..]);
    Ok(compacted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(json: &str, expected: &Expect) {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let mut attributes = Attributes::new();
        let shown = match flatten(raw, &mut attributes) {
            Ok(()) => {
                date_texts(&mut attributes);
                attributes.iter().map(|(name, value)| format!("{name} = {value:?}\n")).collect()
            }
            Err(problem) => problem.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn objects_are_flattened_two_levels_down() {
        check(
            r#"{"a": {"b": {"c": {"d": [1, "x y"]}}}, "list": [1, 2], "e": {}}"#,
            &expect![[r#"
                a.b.c = Json("{\"d\":[1,\"x y\"]}")
                list = Json("[1,2]")
            "#]],
        );
    }

    #[test]
    fn values_keep_their_type() {
        check(
            r#"{"n": 12.50, "big": 1e300, "t": true, "at": "2024-03-01T10:00:00Z", "x": "a\"b", "none": null, "empty": ""}"#,
            &expect![[r#"
                at = Instant(Instant(1709287200000000))
                big = Text("1e300")
                n = Number(Decimal(12500000))
                t = Bool(true)
                x = Text("a\"b")
            "#]],
        );
        check(
            "[1,2]",
            &expect![[r#"
            value = Json("[1,2]")
        "#]],
        );
    }

    #[test]
    fn text_nested_too_deep_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        check(&deep, &expect!["unreadable: JSON nested deeper than 32 levels"]);
    }
}
