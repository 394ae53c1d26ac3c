//! Parquet that holds little and says much.

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow::array::StringDictionaryBuilder;
use arrow::datatypes::Int32Type;

use super::*;

/// A file of rows that say the same, each with a text of so many bytes.
fn alike(n_rows: usize, n_bytes: usize) -> Vec<u8> {
    let text = "x".repeat(n_bytes);
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.append_n(&text, n_rows).unwrap();
    let texts = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; n_rows])) };
    let columns: [(&str, ArrayRef); 5] = [
        ("who", texts("7")),
        ("at", texts("2024-01-01")),
        ("what", texts("Home")),
        ("n", texts("1")),
        ("said", Arc::new(dictionary.finish())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_page_size_limit(1 << 30)
        .build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn account(file: Vec<u8>) -> Result<Tally, SourceError> {
    let mapping = Mapping::parse(VISITS).unwrap();
    collect(|import, _| read_parquet_table(Cursor::new(file), &mapping, import, &mut |_| Ok(())))
        .map(|(_, tally)| tally)
}

#[test]
fn a_row_longer_than_any_may_be_is_put_aside() {
    let tally = account(alike(9, 17 << 20)).unwrap();
    assert_eq!((tally.events, tally.quarantined[&ProblemKind::TooLarge]), (0, 9));
}

#[test]
fn a_record_longer_than_any_may_be_is_put_aside() {
    let file = Cursor::new(alike(9, 17 << 20));
    let (_, tally) = collect(|import, _| crate::read_posthog_parquet(file, import, &mut |_| Ok(()))).unwrap();
    assert_eq!((tally.events, tally.quarantined[&ProblemKind::TooLarge]), (0, 9));
}

#[test]
fn a_file_that_repeats_itself_too_often_is_refused() {
    let error = account(alike(2_000, 1 << 20)).unwrap_err();
    assert!(error.to_string().contains("times its size"), "{error}");
}
