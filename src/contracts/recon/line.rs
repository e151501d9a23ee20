//! JSON of one line with a space after every comma and colon and floats as the research PC renders them.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::contracts::json::render_float;

struct Spaced;

impl Formatter for Spaced {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(render_float(value).as_bytes())
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

fn separate<W: ?Sized + io::Write>(writer: &mut W, first: bool) -> io::Result<()> {
    if first { Ok(()) } else { writer.write_all(b", ") }
}

/// Appends a value as one line, with its end.
pub(super) fn push<T: Serialize>(value: &T, out: &mut Vec<u8>) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Spaced))?;
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_spaces_and_floats_of_the_reference() {
        let value = serde_json::json!([{"a": 0.0, "b": [1, 2.5], "c": {}, "d": []}, "가 \"나\"", 1e16, null, true]);
        let mut out = Vec::new();
        push(&value, &mut out).expect("rendered");
        let want = "[{\"a\": 0.0, \"b\": [1, 2.5], \"c\": {}, \"d\": []}, \"가 \\\"나\\\"\", 1e+16, null, true]\n";
        assert_eq!(String::from_utf8(out).expect("text"), want);
    }
}
