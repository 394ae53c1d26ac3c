//! The map of customers: written with a discovery, counted in squares, and asked who is in a rectangle.
//!
//! Table `map` has a place for everybody who has features, table `map_axes` what the two directions
//! mean. A place is a linear function of a customer's features, so everybody's is computed batch by batch, and
//! a picture of any number of customers is as many numbers as it has squares.

use std::num::NonZeroU32;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_event::Day;
use throng_persona::{AlongAxis, Map, MapAxis, PersonaId};
use throng_profile::ProfileId;

use crate::context::{collect, session};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rows::{Rows, batch, counts, numbers, texts};
use crate::scoring::{Scoring, external};
use crate::store::Store;
use crate::tables::{MAP, MAP_AXES};

/// The columns of a place.
const PLACE: [&str; 2] = ["x", "y"];

/// Everybody on a map, counted in squares.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerMap {
    /// The day whose end the features are of.
    pub as_of: Day,
    /// Everybody who has a place.
    pub n_customers: u64,
    /// To the right, and upwards.
    pub axes: [MapAxis; 2],
    /// Squares along each axis.
    pub n_squares: NonZeroU32,
    /// Those where anybody is, by column and row from the lower left; whoever lies beyond the map is at its
    /// edge.
    pub squares: Vec<MapSquare>,
    /// Where the customers of each persona lie on average; of none last.
    pub middles: Vec<MapMiddle>,
}

/// How many of one persona are in one square.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapSquare {
    /// From the left, the first is 0.
    pub column: u32,
    /// From below, the first is 0.
    pub row: u32,
    /// Whom they count for.
    pub persona: Option<PersonaId>,
    /// How many there are.
    pub n_customers: u64,
}

/// Where the customers of a persona lie on average.
#[derive(Debug, Clone, PartialEq)]
pub struct MapMiddle {
    /// Whom they count for.
    pub persona: Option<PersonaId>,
    /// How many there are.
    pub n_customers: u64,
    /// Along the two axes.
    pub place: [f64; 2],
}

/// A rectangle on the map, its sides in it: the lower left corner and the upper right one. A side may be
/// infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapArea {
    /// Along the two axes.
    pub low: [f64; 2],
    /// Along the two axes.
    pub high: [f64; 2],
}

/// Who is in a part of the map.
#[derive(Debug, Clone, PartialEq)]
pub struct MapPart {
    /// How many there are of each persona, the most first.
    pub personas: Vec<(Option<PersonaId>, u64)>,
    /// Who they are, the first of them by id.
    pub customers: Vec<ProfileId>,
}

impl Engine {
    /// Returns the map of the newest discovery that found personas, counted in squares.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where there is none.
    pub fn map(&self, n_squares: NonZeroU32) -> Result<CustomerMap, EngineError> {
        self.runtime.block_on(async {
            let context = self.mapped().await?;
            let (as_of, axes) = read_axes(&context).await?;
            let place = |axis_idx: usize| {
                let MapAxis { low, high, .. } = axes[axis_idx];
                let name = PLACE[axis_idx];
                let last = n_squares.get() - 1;
                // Numbers that a computer wrote are read again exactly.
                format!(
                    "CAST(least(greatest(floor(({name} - ({low:?})) / ({:?}) * {n_squares}), 0), {last}) AS BIGINT)",
                    high - low
                )
            };
            let query = format!(
                "SELECT {} AS c, {} AS r, persona_id, count(*) AS n FROM map \
                 JOIN memberships USING (profile_id) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 NULLS LAST",
                place(0),
                place(1)
            );
            let rows = collect(&context, &query).await?;
            let squares = squares(&rows).map_err(unreadable)?;
            let query = "SELECT persona_id, count(*) AS n, avg(x) AS x, avg(y) AS y FROM map \
                         JOIN memberships USING (profile_id) GROUP BY 1 ORDER BY 1 NULLS LAST";
            let middles = middles(&collect(&context, query).await?).map_err(unreadable)?;
            let n_customers = middles.iter().map(|middle| middle.n_customers).sum();
            Ok(CustomerMap { as_of, n_customers, axes, n_squares, squares, middles })
        })
    }

    /// Returns who is in a part of that map, at most so many by name.
    ///
    /// # Errors
    /// As [`Engine::map`].
    pub fn on_map(&self, area: MapArea, n_named_max: usize) -> Result<MapPart, EngineError> {
        self.runtime.block_on(async {
            let context = self.mapped().await?;
            let side = |axis_idx: usize| {
                let (low, high, name) = (area.low[axis_idx], area.high[axis_idx], PLACE[axis_idx]);
                let finite = [(low, ">="), (high, "<=")].into_iter().filter(|(end, _)| end.is_finite());
                finite.map(|(end, than)| format!("{name} {than} ({end:?})")).collect::<Vec<_>>()
            };
            let sides = [side(0), side(1)].concat();
            let within = if sides.is_empty() { "true".to_owned() } else { sides.join(" AND ") };
            let query = format!(
                "SELECT persona_id, count(*) AS n FROM map JOIN memberships USING (profile_id) WHERE {within} \
                 GROUP BY 1 ORDER BY 2 DESC, 1 NULLS LAST"
            );
            let rows = collect(&context, &query).await?;
            let ids = persona_ids(&rows).map_err(unreadable)?;
            let n = Rows(&rows).counts("n").map_err(unreadable)?;
            let query = format!("SELECT profile_id FROM map WHERE {within} ORDER BY 1 LIMIT {n_named_max}");
            let named = collect(&context, &query).await?;
            let customers = Rows(&named).words("profile_id").map_err(unreadable)?;
            Ok(MapPart {
                personas: ids.into_iter().zip(n).collect(),
                customers: customers.iter().filter_map(|id| ProfileId::parse(id)).collect(),
            })
        })
    }

    async fn mapped(&self) -> Result<SessionContext, EngineError> {
        let context = session(&self.store, self.threads.get()).await?;
        if [MAP, MAP_AXES].into_iter().any(|table| !context.table_exist(table).unwrap_or(false)) {
            return Err(EngineError::Missing {
                what: "there is no map of the customers yet".to_owned(),
                todo: "run `throng discover`; a map is drawn where it finds personas".to_owned(),
            });
        }
        Ok(context)
    }
}

/// Writes the map of everybody who has features.
pub(crate) async fn write(
    store: &Store,
    context: &SessionContext,
    scoring: Arc<Scoring>,
    (map, as_of): (Map, Day),
) -> Result<(), EngineError> {
    let rows = axis_rows(&map.axes, as_of).map_err(|error| EngineError::table("write", MAP_AXES, error))?;
    let fields: Vec<Field> = PLACE.iter().map(|name| Field::new(*name, DataType::Float64, true)).collect();
    let fields = Fields::from(fields);
    let own = fields.clone();
    let places = scoring.columns_of(context, ("throng_place", fields), move |scoring, population| {
        let places = map.places(&scoring.model, population).map_err(external)?;
        let along = |axis_idx: usize| -> ArrayRef {
            Arc::new(places.iter().map(|place| Some(f64::from(place[axis_idx]))).collect::<Float64Array>())
        };
        Ok(StructArray::try_new(own.clone(), vec![along(0), along(1)], None)?)
    });
    store.replace_from(MAP, context, places.await?).await?;
    store.replace(MAP_AXES, vec![rows]).await
}

fn axis_rows(axes: &[MapAxis; 2], as_of: Day) -> Result<RecordBatch, ArrowError> {
    // An axis that nothing goes with closely has a row all the same.
    let nothing = AlongAxis { feature: String::new(), level: None, correlation: 0.0 };
    let mut rows: Vec<(&str, &MapAxis, AlongAxis)> = Vec::new();
    for (name, axis) in PLACE.into_iter().zip(axes) {
        rows.push((name, axis, nothing.clone()));
        rows.extend(axis.features.iter().map(|along| (name, axis, along.clone())));
    }
    let named = |along: &AlongAxis| Some(along.feature.clone()).filter(|name| !name.is_empty());
    batch(vec![
        ("position", counts((0_u64..).take(rows.len()))),
        ("as_of", crate::book::day_column(rows.iter().map(|_| as_of))),
        ("axis", texts(rows.iter().map(|(name, ..)| Some(*name)))),
        ("share", numbers(rows.iter().map(|(_, axis, _)| Some(axis.share)))),
        ("low", numbers(rows.iter().map(|(_, axis, _)| Some(axis.low)))),
        ("high", numbers(rows.iter().map(|(_, axis, _)| Some(axis.high)))),
        ("feature", texts(rows.iter().map(|(.., along)| named(along)))),
        ("level", texts(rows.iter().map(|(.., along)| along.level.clone()))),
        ("correlation", numbers(rows.iter().map(|(.., along)| named(along).map(|_| along.correlation)))),
    ])
}

async fn read_axes(context: &SessionContext) -> Result<(Day, [MapAxis; 2]), EngineError> {
    let query = "SELECT *, CAST(as_of AS INT) AS day FROM map_axes ORDER BY position";
    let rows = collect(context, query).await?;
    let read = || -> Result<(Day, [MapAxis; 2]), ArrowError> {
        let rows = Rows(&rows);
        let axes = rows.words("axis")?;
        let [share, low, high, correlation] = ["share", "low", "high", "correlation"].map(|name| rows.numbers(name));
        let (share, low, high, correlation) = (share?, low?, high?, correlation?);
        let (features, levels) = (rows.texts("feature")?, rows.texts("level")?);
        let day = rows.integers("day")?.first().copied().flatten().and_then(|day| i32::try_from(day).ok());
        let axis = |name: &str| {
            let own: Vec<usize> = (0..axes.len()).filter(|row| axes[*row] == name).collect();
            let first = |values: &[Option<f64>]| own.first().and_then(|row| values[*row]).unwrap_or(0.0);
            let along = |row: &usize| {
                let feature = features[*row].clone()?;
                Some(AlongAxis { feature, level: levels[*row].clone(), correlation: correlation[*row].unwrap_or(0.0) })
            };
            let features = own.iter().filter_map(along).collect();
            MapAxis { share: first(&share), low: first(&low), high: first(&high), features }
        };
        Ok((Day(day.unwrap_or(0)), PLACE.map(axis)))
    };
    read().map_err(|error| EngineError::table("read", MAP_AXES, error))
}

fn squares(rows: &RecordBatch) -> Result<Vec<MapSquare>, ArrowError> {
    let number = |name: &str| -> Result<Vec<u32>, ArrowError> {
        let found = Rows(rows).counts(name)?;
        Ok(found.into_iter().map(|number| u32::try_from(number).unwrap_or(u32::MAX)).collect())
    };
    let (columns, lines) = (number("c")?, number("r")?);
    let ids = persona_ids(rows)?;
    let each = columns.into_iter().zip(lines).zip(ids).zip(Rows(rows).counts("n")?);
    Ok(each.map(|(((column, row), persona), n_customers)| MapSquare { column, row, persona, n_customers }).collect())
}

fn middles(rows: &RecordBatch) -> Result<Vec<MapMiddle>, ArrowError> {
    let (x, y) = (Rows(rows).numbers("x")?, Rows(rows).numbers("y")?);
    let each = persona_ids(rows)?.into_iter().zip(Rows(rows).counts("n")?).zip(x.into_iter().zip(y));
    Ok(each
        .map(|((persona, n_customers), (x, y))| MapMiddle {
            persona,
            n_customers,
            place: [x.unwrap_or(0.0), y.unwrap_or(0.0)],
        })
        .collect())
}

fn persona_ids(rows: &RecordBatch) -> Result<Vec<Option<PersonaId>>, ArrowError> {
    let ids = Rows(rows).texts("persona_id")?;
    Ok(ids.into_iter().map(|id| id.and_then(|id| id.parse().ok())).collect())
}

fn unreadable(error: ArrowError) -> EngineError {
    EngineError::table("read", MAP, error)
}
