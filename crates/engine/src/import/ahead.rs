//! Reading ahead: a file is read and its records are judged in a thread of their own, while
//! what was read before is deduplicated and written. The order of the outcomes stays.

use std::sync::mpsc::{channel, sync_channel};

use throng_event::{Event, Value};
use throng_source::{SourceError, StopReason, Taken, Tally};

use crate::error::EngineError;

/// Outcomes handed over together, so that handing over costs nothing beside reading.
const OUTCOMES_MAX: usize = 256;
/// Bytes of outcomes handed over together, whatever their number.
const BYTES_MAX: usize = 1 << 20;
/// Lists of outcomes that wait: 4 MiB, and of monstrous records one each.
const WAITING_MAX: usize = 4;

type Reading = Result<Result<Tally, SourceError>, EngineError>;

/// Runs `read` in a thread of its own and hands what it takes to `take`, in order.
///
/// When `take` refuses, reading stops, and the refusal is told as the reason. What was taken
/// goes back to be dropped where it was made, for memory given back by another thread costs
/// an allocator several times as much.
pub(super) fn read_ahead(
    read: impl FnOnce(&mut dyn FnMut(Taken) -> Result<(), StopReason>) -> Reading + Send,
    take: &mut dyn FnMut(&mut [Taken]) -> Result<(), EngineError>,
) -> Reading {
    let (sender, receiver) = sync_channel::<Vec<Taken>>(WAITING_MAX);
    // Never more than were handed over and not yet dropped.
    let (giver, used) = channel::<Vec<Taken>>();
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let (mut waiting, mut n_bytes) = (Vec::with_capacity(OUTCOMES_MAX), 0);
            let tally = read(&mut |taken| {
                n_bytes += size(&taken);
                waiting.push(taken);
                if waiting.len() == OUTCOMES_MAX || n_bytes >= BYTES_MAX {
                    n_bytes = 0;
                    let mut next = used.try_recv().unwrap_or_default();
                    next.clear();
                    sender.send(std::mem::replace(&mut waiting, next))?;
                }
                Ok(())
            })?;
            // Who no longer listens says itself why.
            sender.send(waiting).ok();
            Ok(tally)
        });
        let mut refused = None;
        let mut rows = 0;
        for mut outcomes in &receiver {
            rows += outcomes.iter().map(super::intake::n_rows).sum::<u64>();
            if let Err(error) = take(&mut outcomes) {
                refused = Some(SourceError::Stopped { rows, source: error.into() });
                break;
            }
            // Who has read to the end needs none of it.
            giver.send(outcomes).ok();
        }
        drop(receiver);
        let tally = match reading.join() {
            Ok(tally) => tally,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        match refused {
            Some(refused) => Ok(Err(refused)),
            None => tally,
        }
    })
}

/// Returns about how many bytes an outcome takes.
fn size(taken: &Taken) -> usize {
    match taken {
        Taken::Event { event, .. } => size_of::<Event>() + event_bytes(event),
        Taken::Quarantined(quarantined) => quarantined.raw.len(),
    }
}

/// Returns about how many bytes the texts of an event take.
fn event_bytes(event: &Event) -> usize {
    let attributes = [&event.context, &event.properties, &event.traits];
    let of_value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Json(text) => text.len(),
        Value::Bool(_) | Value::Number(_) | Value::Instant(_) => size_of::<Value>(),
    };
    let of_attributes: usize = attributes.into_iter().flatten().map(|(name, value)| name.len() + of_value(value)).sum();
    let of_products = event.products.len() * size_of::<throng_event::ProductLine>();
    of_attributes + of_products + event.text.as_ref().map_or(0, String::len)
}
