//! A chunk of events on its way to the table: what several threads took apart, put in order.
//!
//! The parts of a chunk stand as they came. Only here is it known which of their events are
//! new, which type the values of an attribute mostly have, and whether it gets a column of
//! its own; each value is copied once, to the place it has in the sorted rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Decimal128Type, Field as ArrowField, Int64Type, Schema, TimestampMicrosecondType};
use arrow::error::ArrowError;
use serde_json::Value as Json;
use throng_event::{Instant, Value};

use super::read::{decimal, usize_of};
use super::rest::{Rest, write_json, write_nested, write_text};
use super::{DECIMAL, PROMOTED_COLUMNS_MAX, Part, Promoted, canonical_fields, column_name, timestamp};

/// Events taken apart, in the order of arrival.
#[derive(Debug)]
pub(crate) struct EventColumns {
    pub(super) n_rows: usize,
    pub(super) weight: usize,
    pub(super) n_bytes: usize,
    /// In the order of [`canonical_fields`], without `other`.
    pub(super) canonical: Vec<ArrayRef>,
    pub(super) attributes: Vec<AttributeValues>,
}

/// One attribute's values, those of each type together.
#[derive(Debug)]
pub(super) struct AttributeValues {
    pub(super) part: Part,
    pub(super) name: String,
    pub(super) lists: Vec<Values>,
}

/// Values of one type, and the rows they belong to, ascending.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) kind: Kind,
    pub(super) rows: Vec<u32>,
    pub(super) values: ArrayRef,
}

/// The types values have; of two that are as frequent the later is the column's, for text
/// holds anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Number,
    Instant,
    Text,
    Json,
}

impl Kind {
    /// Those that columns are of.
    const OF_COLUMNS: [Self; 4] = [Self::Bool, Self::Number, Self::Instant, Self::Text];

    /// Returns the type of a column of such values, `None` for those that get none.
    fn data_type(self) -> Option<DataType> {
        match self {
            Self::Bool => Some(DataType::Boolean),
            Self::Number => Some(DECIMAL),
            Self::Instant => Some(timestamp()),
            Self::Text => Some(DataType::Utf8),
            Self::Json => None,
        }
    }
}

/// Where a row goes that is none of the chunk's.
const NOWHERE: u32 = u32::MAX;

/// Events that are written together.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// With, where not all of them are the chunk's, which events are.
    parts: Vec<(EventColumns, Option<Vec<bool>>)>,
    weight: usize,
    n_bytes: usize,
}

/// One attribute's values of all parts.
struct Group<'a> {
    part: Part,
    name: &'a str,
    /// With the number of their part.
    lists: Vec<(usize, &'a Values)>,
}

/// A value that goes to the JSON column.
struct Leftover<'a> {
    rank: u32,
    group: usize,
    list: &'a Values,
    place: usize,
}

impl Chunk {
    /// Adds events, of which those are the chunk's that are new.
    pub(crate) fn push(&mut self, events: EventColumns, new: Vec<bool>) {
        if !new.contains(&true) {
            return;
        }
        self.weight += events.weight;
        self.n_bytes += events.n_bytes;
        let some = new.contains(&false).then_some(new);
        self.parts.push((events, some));
    }

    /// Adds events that are all new.
    pub(crate) fn push_all(&mut self, events: EventColumns) {
        let new = vec![true; events.n_rows];
        self.push(events, new);
    }

    /// Returns how much there is: events, product lines and names of attributes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Returns about how many bytes the texts take.
    pub(crate) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Returns the events as one batch of rows, promoting attributes on the way.
    ///
    /// Rows are sorted by person and time, so that a person's events lie together.
    /// `promoted` holds the table's columns before and after.
    pub(crate) fn finish(&self, promoted: &mut Promoted) -> Result<RecordBatch, ArrowError> {
        let order = self.order();
        let ranks = self.ranks(&order);
        let groups = self.groups();
        promote(&groups, &ranks, promoted);
        let n_canonical = self.parts.first().map_or(0, |(events, _)| events.canonical.len());
        let mut columns = Vec::with_capacity(n_canonical + promoted.0.len() + 1);
        for idx in 0..n_canonical {
            let sources: Vec<&dyn Array> =
                self.parts.iter().map(|(events, _)| events.canonical[idx].as_ref()).collect();
            columns.push(placed(&sources, &order)?);
        }
        let mut leftovers = Vec::new();
        let mut own: BTreeMap<String, ArrayRef> = BTreeMap::new();
        for (number, group) in groups.iter().enumerate() {
            let column = column_name(group.part, group.name);
            let data_type = column.as_ref().and_then(|column| promoted.0.get(column));
            let array = group.place((number, data_type), &ranks, order.len(), &mut leftovers)?;
            own.extend(column.zip(array));
        }
        let mut fields = canonical_fields();
        for (column, data_type) in &promoted.0 {
            fields.push(ArrowField::new(column, data_type.clone(), true));
            columns.push(own.remove(column).unwrap_or_else(|| new_null_array(data_type, order.len())));
        }
        columns.insert(n_canonical, Arc::new(rest(&groups, leftovers, order.len())));
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }

    /// Returns the events of the chunk by person and time, each by its part and its row; the
    /// first bytes of a person's id decide almost always, and comparing them as a number costs
    /// a tenth of comparing texts.
    fn order(&self) -> Vec<(usize, usize)> {
        let keys: Vec<Keys<'_>> = self.parts.iter().map(|(events, _)| Keys::of(&events.canonical)).collect();
        let mut order = Vec::with_capacity(self.parts.iter().map(|(events, _)| events.n_rows).sum());
        for (part, (events, new)) in self.parts.iter().enumerate() {
            let rows = (0..events.n_rows).filter(|row| new.as_ref().is_none_or(|new| new[*row]));
            order.extend(rows.map(|row| (beginning(text(keys[part].users, row)), (part, row))));
        }
        order.sort_unstable_by(|(beginning_a, a), (beginning_b, b)| {
            beginning_a.cmp(beginning_b).then_with(|| Keys::compare((&keys[a.0], a.1), (&keys[b.0], b.1)))
        });
        order.into_iter().map(|(_, place)| place).collect()
    }

    /// Returns for each row of each part its place in the order.
    fn ranks(&self, order: &[(usize, usize)]) -> Vec<Vec<u32>> {
        let mut ranks: Vec<Vec<u32>> = self.parts.iter().map(|(events, _)| vec![NOWHERE; events.n_rows]).collect();
        for (rank, (part, row)) in (0..).zip(order) {
            ranks[*part][*row] = rank;
        }
        ranks
    }

    /// Returns the attributes by part and name, for `other` to be the same text whatever came first.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: BTreeMap<(&str, &str), Group<'_>> = BTreeMap::new();
        for (number, (events, _)) in self.parts.iter().enumerate() {
            for AttributeValues { part, name, lists } in &events.attributes {
                let group = groups.entry((part.key(), name)).or_insert(Group { part: *part, name, lists: Vec::new() });
                group.lists.extend(lists.iter().map(|list| (number, list)));
            }
        }
        groups.into_values().collect()
    }
}

/// The columns rows are sorted by.
struct Keys<'a> {
    users: &'a StringArray,
    devices: &'a StringArray,
    times: &'a TimestampMicrosecondArray,
    keys: &'a Int64Array,
    ids: &'a StringArray,
}

impl<'a> Keys<'a> {
    /// The places are those of [`canonical_fields`].
    fn of(columns: &'a [ArrayRef]) -> Self {
        Self {
            ids: columns[0].as_string(),
            keys: columns[1].as_primitive::<Int64Type>(),
            users: columns[4].as_string(),
            devices: columns[5].as_string(),
            times: columns[9].as_primitive::<TimestampMicrosecondType>(),
        }
    }

    fn compare((left, a): (&Self, usize), (right, b): (&Self, usize)) -> std::cmp::Ordering {
        let order = text(left.users, a).cmp(&text(right.users, b));
        let order = order.then_with(|| text(left.devices, a).cmp(&text(right.devices, b)));
        let order = order.then_with(|| left.times.value(a).cmp(&right.times.value(b)));
        let order = order.then_with(|| left.keys.value(a).cmp(&right.keys.value(b)));
        order.then_with(|| left.ids.value(a).cmp(right.ids.value(b)))
    }
}

fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

/// Returns the first bytes of a text as a number that is ordered as they are.
fn beginning(id: Option<&str>) -> u64 {
    let mut bytes = [0; 8];
    let id = id.unwrap_or_default().as_bytes();
    let n_bytes = id.len().min(8);
    bytes[..n_bytes].copy_from_slice(&id[..n_bytes]);
    u64::from_be_bytes(bytes)
}

/// Returns the values at these places as one column.
fn placed(sources: &[&dyn Array], places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
    if let Some(first) = sources.first()
        && sources.iter().all(|source| source.null_count() == source.len())
    {
        return Ok(new_null_array(first.data_type(), places.len()));
    }
    if let Some(text) = same(sources) {
        let offsets = OffsetBuffer::from_repeated_length(text.len(), places.len());
        return Ok(Arc::new(StringArray::try_new(offsets, text.repeat(places.len()).into_bytes().into(), None)?));
    }
    interleave(sources, places)
}

/// Returns the text that stands everywhere in these columns, `None` where one differs or there is
/// none: the kind, the source or a library are often the same in all of a file.
fn same<'a>(sources: &[&'a dyn Array]) -> Option<&'a str> {
    let first: &'a dyn Array = sources.first().copied()?;
    let text = first.as_string_opt::<i32>()?.iter().next()??;
    let length = i32::try_from(text.len()).ok().filter(|length| *length > 0)?;
    let is_same = |source: &&dyn Array| {
        let Some(texts) = source.as_string_opt::<i32>().filter(|texts| texts.null_count() == 0) else { return false };
        let bytes = &texts.value_data()[usize_of(texts.value_offsets()[0])..];
        texts.value_offsets().windows(2).all(|place| place[1] - place[0] == length)
            && bytes.chunks_exact(text.len()).take(texts.len()).all(|bytes| bytes == text.as_bytes())
    };
    sources.iter().all(is_same).then_some(text)
}

impl<'a> Group<'a> {
    /// Returns how many values of a kind the chunk has.
    fn n_values(&self, kind: Kind, ranks: &[Vec<u32>]) -> usize {
        let lists = self.lists.iter().filter(|(_, list)| list.kind == kind);
        lists.map(|(part, list)| list.rows.iter().filter(|row| ranks[*part][**row as usize] != NOWHERE).count()).sum()
    }

    /// Returns how many values there are that a column can hold, and their most frequent type.
    fn usual_type(&self, ranks: &[Vec<u32>]) -> Option<(usize, DataType)> {
        let counts = Kind::OF_COLUMNS.map(|kind| (self.n_values(kind, ranks), kind));
        let n_values = counts.iter().map(|(n_values, _)| n_values).sum();
        let (_, kind) = counts.into_iter().max_by_key(|(n_values, _)| *n_values)?;
        (n_values > 0).then_some((n_values, kind.data_type()?))
    }

    /// Returns the values of the type as a column of so many rows; values of other types are
    /// left over. The group has a number.
    fn place(
        &self,
        (number, data_type): (usize, Option<&DataType>),
        ranks: &[Vec<u32>],
        n_rows: usize,
        leftovers: &mut Vec<Leftover<'a>>,
    ) -> Result<Option<ArrayRef>, ArrowError> {
        let fits = |list: &Values| data_type.is_some() && list.kind.data_type().as_ref() == data_type;
        let n_fitting = self.lists.iter().filter(|(_, list)| fits(list)).count();
        let mut sources: Vec<&dyn Array> = Vec::with_capacity(n_fitting + 1);
        // What has no value takes it from nothing, which stands behind the lists.
        let mut places = if n_fitting > 0 { vec![(n_fitting, 0); n_rows] } else { Vec::new() };
        let mut n_placed = 0;
        for (part, list) in &self.lists {
            let ranked = list.rows.iter().map(|row| ranks[*part][*row as usize]).enumerate();
            let ranked = ranked.filter(|(_, rank)| *rank != NOWHERE);
            if fits(list) {
                for (place, rank) in ranked {
                    places[rank as usize] = (sources.len(), place);
                    n_placed += 1;
                }
                sources.push(list.values.as_ref());
            } else {
                leftovers.extend(ranked.map(|(place, rank)| Leftover { rank, group: number, list, place }));
            }
        }
        let Some(data_type) = data_type.filter(|_| n_fitting > 0) else { return Ok(None) };
        let nothing = new_null_array(data_type, 1);
        if n_placed < n_rows {
            sources.push(nothing.as_ref());
        }
        placed(&sources, &places).map(Some)
    }
}

/// Gives columns to the attributes, the most frequent first.
fn promote(groups: &[Group<'_>], ranks: &[Vec<u32>], promoted: &mut Promoted) {
    let candidate = |group: &Group<'_>| {
        let column = column_name(group.part, group.name)?;
        let (n_values, data_type) = group.usual_type(ranks)?;
        Some((n_values, column, data_type))
    };
    let mut candidates: Vec<(usize, String, DataType)> = groups.iter().filter_map(candidate).collect();
    candidates.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    for (_, column, data_type) in candidates {
        let room = promoted.0.len() < PROMOTED_COLUMNS_MAX;
        if room && !promoted.contains(&column) && !promoted.collides(&column) {
            promoted.0.insert(column, data_type);
        }
    }
}

/// Returns the column of what has none of its own.
fn rest(groups: &[Group<'_>], mut leftovers: Vec<Leftover<'_>>, n_rows: usize) -> StringArray {
    // The sort is stable: the values of a row stay in the order of the groups.
    leftovers.sort_by_key(|leftover| leftover.rank);
    let names: Vec<String> = groups.iter().map(|group| Json::from(group.name).to_string()).collect();
    let mut rest = Rest::new(n_rows);
    for Leftover { rank, group, list, place } in leftovers {
        let json = rest.open(rank as usize, (groups[group].part, &names[group]));
        let values = &list.values;
        match list.kind {
            Kind::Bool => write_json(json, &Value::Bool(values.as_boolean().value(place))),
            Kind::Number => {
                write_json(json, &Value::Number(decimal(values.as_primitive::<Decimal128Type>().value(place))));
            }
            Kind::Instant => {
                let us = values.as_primitive::<TimestampMicrosecondType>().value(place);
                write_json(json, &Value::Instant(Instant(us)));
            }
            Kind::Text => write_text(json, values.as_string::<i32>().value(place)),
            Kind::Json => write_nested(json, values.as_string::<i32>().value(place)),
        }
    }
    rest.finish()
}
