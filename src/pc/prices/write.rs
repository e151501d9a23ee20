//! Prices as this program stores them: layout A, one Parquet row group, Snappy.
//!
//! Columns `date` (time stamp in nanoseconds, without zone), `open`, `high`, `low`, `close`, `volume` and `등락률`, the
//! change of the close in percent, which the first row lacks. Prices are whole numbers as long as every price of the file
//! is one; otherwise, as for an index, all four price columns hold floats. Volume follows the same rule by itself. So
//! every value is read back bit for bit. Nothing but the rows and the version of the Parquet library shapes the bytes.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::DataType;
use parquet::data_type::DoubleType;
use parquet::data_type::Int64Type;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::parser::parse_message_type;

use super::PriceFault;
use crate::trading::Bars;

const NANOS_A_DAY: i64 = 86_400_000_000_000;

/// One column in the type it is stored in.
enum Cells {
    Whole(Vec<i64>),
    Floats(Vec<f64>),
}

/// The bytes of a layout A file. The mark of halted bars is not stored: normalisation finds it again from the volume.
///
/// # Errors
/// A date is beyond what a time stamp in nanoseconds can hold (1677 to 2262), or the columns differ in length.
pub fn write_layout_a(bars: &Bars) -> Result<Vec<u8>, PriceFault> {
    bytes_of(bars).map_err(PriceFault::Write)
}

fn bytes_of(bars: &Bars) -> Result<Vec<u8>, String> {
    let prices = [&bars.open, &bars.high, &bars.low, &bars.close];
    if prices.iter().chain([&&bars.volume]).any(|column| column.len() != bars.date.len()) {
        return Err("the columns of the bars differ in length".to_owned());
    }
    let stamps = bars.date.iter().map(|date| {
        let nanos = i64::from(date.to_epoch_days()).checked_mul(NANOS_A_DAY);
        nanos.ok_or_else(|| format!("column date: {date} is outside the range of a time stamp in nanoseconds"))
    });
    let stamps = stamps.collect::<Result<Vec<_>, _>>()?;
    let whole = prices.iter().all(|column| column.iter().all(|price| as_whole(*price).is_some()));
    let cells = |column: &Vec<f64>, whole: bool| match whole {
        true => Cells::Whole(column.iter().filter_map(|value| as_whole(*value)).collect()),
        false => Cells::Floats(column.clone()),
    };
    let whole_volume = bars.volume.iter().all(|volume| as_whole(*volume).is_some());
    let mut columns = vec![Cells::Whole(stamps)];
    columns.extend(prices.map(|column| cells(column, whole)));
    columns.push(cells(&bars.volume, whole_volume));
    store(&columns, &changes(&bars.close)).map_err(|why| format!("cannot be stored as parquet: {why}"))
}

/// The value as a whole number that is the same value, bit for bit.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the way back is compared")]
fn as_whole(value: f64) -> Option<i64> {
    let whole = value as i64;
    ((whole as f64).to_bits() == value.to_bits() && whole.unsigned_abs() <= 1 << 53).then_some(whole)
}

/// The changes of the close in percent, from the second row on.
fn changes(close: &[f64]) -> Vec<f64> {
    close.windows(2).map(|pair| (pair[1] / pair[0] - 1.0) * 100.0).collect()
}

fn store(columns: &[Cells], changes: &[f64]) -> Result<Vec<u8>, ParquetError> {
    let kind = |cells: Option<&Cells>| if matches!(cells, Some(Cells::Floats(_))) { "double" } else { "int64" };
    let (price, volume) = (kind(columns.get(1)), kind(columns.get(5)));
    let schema = format!(
        "message schema {{ required int64 date (TIMESTAMP(NANOS,false)); required {price} open; required {price} high; \
         required {price} low; required {price} close; required {volume} volume; optional double 등락률; }}"
    );
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("daily-ops".to_owned())
        .set_max_row_group_row_count(None);
    let schema = Arc::new(parse_message_type(&schema)?);
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    for cells in columns {
        match cells {
            Cells::Whole(values) => column::<Int64Type>(&mut group, values, None)?,
            Cells::Floats(values) => column::<DoubleType>(&mut group, values, None)?,
        }
    }
    let rows = columns.first().map_or(0, Cells::len);
    let known: Vec<i16> = (0..rows).map(|row| i16::from(row > 0)).collect();
    column::<DoubleType>(&mut group, changes, Some(&known))?;
    group.close()?;
    file.into_inner()
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Self::Whole(values) => values.len(),
            Self::Floats(values) => values.len(),
        }
    }
}

/// Writes the next column of the group; `known` says which rows have a value.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    known: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns than the bars".to_owned());
    let mut writer = group.next_column()?.ok_or_else(missing)?;
    writer.typed::<T>().write_batch(values, known, None)?;
    writer.close()
}
