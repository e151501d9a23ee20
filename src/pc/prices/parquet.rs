//! Parquet files of prices: the layouts that research programs leave behind.
//!
//! Columns are found by name, whatever their case and order: `Close`, `close`, `('Close', '^KS11')`. The date is the
//! column named `date`, `날짜`, `index` or `time`. A missing value is NaN, which normalisation judges.

use bytes::Bytes;
use parquet::basic::ConvertedType;
use parquet::basic::LogicalType;
use parquet::basic::TimeUnit;
use parquet::column::reader::ColumnReader;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::ColumnDescriptor;

use crate::time::TradingDate;
use crate::trading::Bars;

/// What a column holds after its name.
const DATE_NAMES: &[&str] = &["date", "날짜", "index", "time", "datetime", "__index_level_0__"];
const VALUE_NAMES: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// Reads the rows in the order of the file.
///
/// The text of a fault names the column and the rule.
pub(super) fn read(bytes: Vec<u8>) -> Result<Bars, String> {
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(|why| unreadable(&why))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<String> = schema.columns().iter().map(|column| plain_name(column.name())).collect();
    let find = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.as_str()));
    let date_at = find(DATE_NAMES).ok_or_else(|| missing("date", &names))?;
    let mut value_at = [0; 5];
    for (slot, name) in value_at.iter_mut().zip(VALUE_NAMES) {
        *slot = find(&[name]).ok_or_else(|| missing(name, &names))?;
    }
    let mut dates = Vec::new();
    let mut values: [Vec<f64>; 5] = Default::default();
    for group in 0..reader.num_row_groups() {
        let rows = reader.get_row_group(group).map_err(|why| unreadable(&why))?;
        let column = |at: usize| -> Result<Column, String> {
            let reader = rows.get_column_reader(at).map_err(|why| unreadable(&why))?;
            let count = usize::try_from(rows.metadata().num_rows()).unwrap_or_default();
            Column::read(reader, count).map_err(|why| format!("column {}: {why}", names[at]))
        };
        let unit = DateUnit::of(&schema.column(date_at))?;
        dates.extend(column(date_at)?.dates(unit)?);
        for (values, at) in values.iter_mut().zip(value_at) {
            values.extend(column(at)?.numbers());
        }
    }
    let halted = vec![false; dates.len()];
    let [open, high, low, close, volume] = values;
    Ok(Bars { date: dates, open, high, low, close, volume, halted })
}

fn unreadable(why: &ParquetError) -> String {
    format!("not a readable parquet file: {why}")
}

fn missing(name: &str, names: &[String]) -> String {
    format!("has no column {name} (columns: {})", names.join(", "))
}

/// The lower-case name; of the text of a pair, such as `('Close', '^KS11')`, its first member.
fn plain_name(name: &str) -> String {
    let first = name.strip_prefix("('").and_then(|rest| rest.split_once("',")).map(|(first, _)| first);
    first.unwrap_or(name).to_lowercase()
}

/// What one step of a date column is.
#[derive(Clone, Copy)]
enum DateUnit {
    Day,
    PerSecond(i64),
    Text,
}

impl DateUnit {
    fn of(column: &ColumnDescriptor) -> Result<Self, String> {
        let per_second = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        };
        match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Timestamp(stamp)), _) => Ok(Self::PerSecond(per_second(&stamp.unit))),
            (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Ok(Self::Day),
            (Some(LogicalType::String), _) | (_, ConvertedType::UTF8) => Ok(Self::Text),
            (_, ConvertedType::TIMESTAMP_MILLIS) => Ok(Self::PerSecond(1_000)),
            (_, ConvertedType::TIMESTAMP_MICROS) => Ok(Self::PerSecond(1_000_000)),
            _ => Err(format!("column {} holds no dates", column.name())),
        }
    }
}

/// A column's values with nulls in their places.
enum Column {
    Integers(Vec<Option<i64>>),
    Floats(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
}

impl Column {
    fn read(reader: ColumnReader, count: usize) -> Result<Self, String> {
        match reader {
            ColumnReader::Int32ColumnReader(reader) => Ok(Self::Integers(all(reader, count, |v| i64::from(*v))?)),
            ColumnReader::Int64ColumnReader(reader) => Ok(Self::Integers(all(reader, count, |v| *v)?)),
            ColumnReader::FloatColumnReader(reader) => Ok(Self::Floats(all(reader, count, |v| f64::from(*v))?)),
            ColumnReader::DoubleColumnReader(reader) => Ok(Self::Floats(all(reader, count, |v| *v)?)),
            ColumnReader::ByteArrayColumnReader(reader) => {
                Ok(Self::Texts(all(reader, count, |v| v.as_utf8().unwrap_or_default().to_owned())?))
            }
            ColumnReader::BoolColumnReader(_)
            | ColumnReader::Int96ColumnReader(_)
            | ColumnReader::FixedLenByteArrayColumnReader(_) => {
                Err("has a type that is neither number, date nor text".to_owned())
            }
        }
    }

    fn numbers(self) -> Vec<f64> {
        #[expect(clippy::cast_precision_loss, reason = "prices and volumes are far below 2^53")]
        match self {
            Self::Integers(values) => values.into_iter().map(|v| v.map_or(f64::NAN, |v| v as f64)).collect(),
            Self::Floats(values) => values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect(),
            Self::Texts(values) => {
                values.into_iter().map(|v| v.and_then(|v| v.trim().parse().ok()).unwrap_or(f64::NAN)).collect()
            }
        }
    }

    fn dates(self, unit: DateUnit) -> Result<Vec<TradingDate>, String> {
        let found: Vec<Option<TradingDate>> = match self {
            Self::Integers(values) => values.into_iter().map(|v| date_of(v?, unit)).collect(),
            Self::Texts(values) => values.iter().map(|v| super::date_in(v.as_deref()?)).collect(),
            Self::Floats(values) => vec![None; values.len()],
        };
        let bad = found.iter().position(Option::is_none);
        bad.map_or_else(|| Ok(found.iter().copied().flatten().collect()), |row| Err(format!("row {row} has no date")))
    }
}

fn date_of(value: i64, unit: DateUnit) -> Option<TradingDate> {
    let days = match unit {
        DateUnit::Day => value,
        DateUnit::PerSecond(per) => value.div_euclid(per.checked_mul(86_400)?),
        DateUnit::Text => return None,
    };
    TradingDate::from_epoch_days(i32::try_from(days).ok()?)
}

/// Reads a whole column of a row group.
fn all<T: DataType, V>(
    mut reader: ColumnReaderImpl<T>,
    count: usize,
    convert: impl Fn(&T::T) -> V,
) -> Result<Vec<Option<V>>, String> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut records = 0;
    while records < count {
        let (read, ..) = reader
            .read_records(count - records, Some(&mut levels), None, &mut values)
            .map_err(|why| unreadable(&why))?;
        if read == 0 {
            return Err(format!("ends after {records} of {count} rows"));
        }
        records += read;
    }
    let mut next = values.iter();
    if levels.is_empty() {
        return Ok(next.map(|value| Some(convert(value))).collect());
    }
    Ok(levels.iter().map(|level| if *level > 0 { next.next().map(&convert) } else { None }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_found_by_the_first_part_of_its_name() {
        let cases = [("Close", "close"), ("('Close', '^KS11')", "close"), ("날짜", "날짜"), ("AdjClose", "adjclose")];
        for (name, want) in cases {
            assert_eq!(plain_name(name), want);
        }
    }
}
