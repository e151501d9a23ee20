//! Parquet files of prices: the layouts that research programs leave behind.
//!
//! Columns are found by name, whatever their case, language and order. A missing value is NaN, which normalisation
//! judges; a text that is no number is a fault. A time stamp in UTC is turned into the day it is in Korea; one without
//! zone already is a day.

use bytes::Bytes;
use parquet::basic::ConvertedType;
use parquet::basic::LogicalType;
use parquet::basic::TimeUnit;
use parquet::basic::Type;
use parquet::column::reader::ColumnReader;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::ColumnDescriptor;

use super::columns::Columns;
use super::columns::date_in;
use super::columns::date_of_digits;
use super::columns::number_in;
use crate::time::TradingDate;
use crate::trading::Bars;

/// How far Korea is ahead of UTC, in seconds.
const KOREA: i64 = 9 * 3600;

/// Reads the rows in the order of the file.
///
/// The text of a fault names the column and the rule.
pub(super) fn read(bytes: Vec<u8>) -> Result<Bars, String> {
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(|why| unreadable(&why))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
    let columns = Columns::find(names.iter().copied())?;
    let mut dates = Vec::new();
    let mut values: [Vec<f64>; 5] = Default::default();
    for group in 0..reader.num_row_groups() {
        let rows = reader.get_row_group(group).map_err(|why| unreadable(&why))?;
        let column = |at: usize| -> Result<Column, String> {
            let reader = rows.get_column_reader(at).map_err(|why| unreadable(&why))?;
            let count = rows.metadata().num_rows();
            let count = usize::try_from(count).ok().ok_or_else(|| format!("a row group claims {count} rows"))?;
            Column::read(reader, count).map_err(|why| format!("column {}: {why}", names[at]))
        };
        let unit = DateUnit::of(&schema.column(columns.date))?;
        let wrong = |at: usize, (row, rule): Wrong| format!("column {}: row {row} {rule}", names[at]);
        let first = dates.len();
        dates.extend(column(columns.date)?.dates(unit, first).map_err(|found| wrong(columns.date, found))?);
        for (values, at) in values.iter_mut().zip(columns.values) {
            values.extend(column(at)?.numbers(first).map_err(|found| wrong(at, found))?);
        }
    }
    let halted = vec![false; dates.len()];
    let [open, high, low, close, volume] = values;
    Ok(Bars { date: dates, open, high, low, close, volume, halted })
}

fn unreadable(why: &ParquetError) -> String {
    format!("not a readable parquet file: {why}")
}

/// The row, from 1, that breaks a rule, and the rule.
type Wrong = (usize, &'static str);

/// What one step of a date column is.
#[derive(Clone, Copy)]
enum DateUnit {
    Day,
    /// Steps a second, and how far its zero is behind Korea's midnight, in seconds.
    PerSecond(i64, i64),
    /// A number such as 20260130.
    Digits,
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
            (Some(LogicalType::Timestamp(stamp)), _) => {
                Ok(Self::PerSecond(per_second(&stamp.unit), if stamp.is_adjusted_to_u_t_c { KOREA } else { 0 }))
            }
            (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Ok(Self::Day),
            (Some(LogicalType::String), _) | (_, ConvertedType::UTF8) => Ok(Self::Text),
            (_, ConvertedType::TIMESTAMP_MILLIS) => Ok(Self::PerSecond(1_000, 0)),
            (_, ConvertedType::TIMESTAMP_MICROS) => Ok(Self::PerSecond(1_000_000, 0)),
            (_, ConvertedType::NONE) if matches!(column.physical_type(), Type::INT32 | Type::INT64) => Ok(Self::Digits),
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
                // Bytes that are no text become one that is neither number nor date.
                Ok(Self::Texts(all(reader, count, |v| v.as_utf8().unwrap_or("?").to_owned())?))
            }
            ColumnReader::BoolColumnReader(_)
            | ColumnReader::Int96ColumnReader(_)
            | ColumnReader::FixedLenByteArrayColumnReader(_) => {
                Err("has a type that is neither number, date nor text".to_owned())
            }
        }
    }

    /// The values as numbers; `first` rows stand before them in the file.
    fn numbers(self, first: usize) -> Result<Vec<f64>, Wrong> {
        #[expect(clippy::cast_precision_loss, reason = "prices and volumes are far below 2^53")]
        match self {
            Self::Integers(values) => Ok(values.into_iter().map(|v| v.map_or(f64::NAN, |v| v as f64)).collect()),
            Self::Floats(values) => Ok(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect()),
            Self::Texts(values) => {
                let found = values.iter().map(|v| number_in(v.as_deref().unwrap_or_default()));
                every(found, first, "is not a number")
            }
        }
    }

    fn dates(self, unit: DateUnit, first: usize) -> Result<Vec<TradingDate>, Wrong> {
        let rule = "has no date";
        match self {
            Self::Integers(values) => every(values.into_iter().map(|v| date_of(v?, unit)), first, rule),
            Self::Texts(values) => every(values.iter().map(|v| date_in(v.as_deref()?)), first, rule),
            Self::Floats(values) => every(values.iter().map(|_| None), first, rule),
        }
    }
}

/// All values, or the number of the first row that has none.
fn every<T>(found: impl Iterator<Item = Option<T>>, first: usize, rule: &'static str) -> Result<Vec<T>, Wrong> {
    found.enumerate().map(|(row, value)| value.ok_or((first + row + 1, rule))).collect()
}

fn date_of(value: i64, unit: DateUnit) -> Option<TradingDate> {
    let days = match unit {
        DateUnit::Day => value,
        DateUnit::PerSecond(per, shift) => value.div_euclid(per).checked_add(shift)?.div_euclid(86_400),
        DateUnit::Digits => return date_of_digits(u32::try_from(value).ok()?),
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

/// Names and types of a file's columns, for tests of the writer.
#[cfg(test)]
pub(super) fn types(bytes: Vec<u8>) -> Vec<String> {
    let reader = SerializedFileReader::new(Bytes::from(bytes)).expect("a parquet file");
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    schema.columns().iter().map(|column| format!("{} {}", column.name(), column.physical_type())).collect()
}
