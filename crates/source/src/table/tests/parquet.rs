//! Parquet that holds little and says much.

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
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
    import(|import| read_parquet_table(Cursor::new(file), &mapping, import, &mut |_| Ok(())))
}

#[test]
fn a_row_longer_than_any_may_be_is_put_aside() {
    let tally = account(alike(9, 17 << 20)).unwrap();
    assert_eq!((tally.events, tally.quarantined[&ProblemKind::TooLarge]), (0, 9));
}

#[test]
fn a_record_longer_than_any_may_be_is_put_aside() {
    let file = Cursor::new(alike(9, 17 << 20));
    let tally = import(|import| crate::read_posthog_parquet(file, import, &mut |_| Ok(()))).unwrap();
    assert_eq!((tally.events, tally.quarantined[&ProblemKind::TooLarge]), (0, 9));
}

#[test]
fn a_file_that_repeats_itself_too_often_is_refused() {
    let error = account(alike(2_000, 1 << 20)).unwrap_err();
    assert!(error.to_string().contains("times its size"), "{error}");
}

#[test]
fn an_end_that_points_before_the_beginning_is_told_of() {
    let mut file = alike(9, 10);
    let footer = file.len() - 8;
    file[footer..footer + 4].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let error = account(file).unwrap_err();
    let said = std::error::Error::source(&error).unwrap().to_string();
    assert!(said.contains("2147483647 bytes of metadata"), "{said}");
}

/// A file of rows whose texts begin alike, each said as what it has in common with the one before.
fn beginning_alike(n_rows: usize, n_bytes: usize) -> Vec<u8> {
    let beginning = "x".repeat(n_bytes);
    let said: Vec<String> = (0..n_rows).map(|row| format!("{beginning}{row}")).collect();
    let batch = RecordBatch::try_from_iter([("said", Arc::new(StringArray::from(said)) as ArrayRef)]).unwrap();
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::DELTA_BYTE_ARRAY)
        .set_data_page_size_limit(1 << 30)
        .build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn texts_that_repeat_each_other_are_made_a_few_at_a_time() {
    let file = beginning_alike(1_000, 100_000);
    assert!(file.len() < 200_000, "{}", file.len());
    let mut batches = crate::batches::Batches::open(Cursor::new(file), "the table", &[]).unwrap();
    let mut n_rows = Vec::new();
    while let Some(batch) = batches.next().unwrap() {
        n_rows.push(batch.num_rows());
    }
    assert_eq!((n_rows.iter().sum::<usize>(), n_rows[0], n_rows.len()), (1_000, 64, 16));
}

#[test]
fn a_page_of_repeated_texts_that_is_too_large_is_refused() {
    let file = beginning_alike(3, 9 << 20);
    let error = crate::batches::Batches::open(Cursor::new(file), "the table", &[]).unwrap().next().unwrap_err();
    let said = std::error::Error::source(&error).unwrap().to_string();
    assert!(said.contains("larger than any may be"), "{said}");
}

#[test]
fn more_rows_than_can_say_anything_are_refused() {
    let nothing = |n_rows: usize| {
        let batch =
            RecordBatch::try_from_iter([("said", Arc::new(StringArray::new_null(n_rows)) as ArrayRef)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    };
    let error = account(nothing((1 << 24) + 1_000_000)).unwrap_err();
    assert!(error.to_string().contains("rows in"), "{error}");
    // Few of them are read, and nothing can be proposed for them.
    let few = sample_parquet_table(Cursor::new(nothing(1_000))).unwrap();
    let error = crate::propose_mapping(&few, throng_event::Day(20_000)).unwrap_err();
    assert!(error.to_string().contains("none of its rows says anything"), "{error}");
}
