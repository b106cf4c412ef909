//! Comma-separated values as RFC 4180 has them: quotes around a whole field, doubled within one.
//! Lines end with LF or CRLF, an empty line is no record, every record is as long as the header.

use hcl::Map;

use crate::values::value::{Data, Value};

/// A list with an object for each record, its keys from the header. Errors tell the line, from 1,
/// and never what stands there.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text, line: 1 };
    let Some((_, header)) = reader.record()? else { return Err("has no header line".to_owned()) };
    for (at, name) in header.iter().enumerate() {
        if header[..at].contains(name) {
            return Err(format!("has two columns named `{name}`"));
        }
    }
    let mut records = Vec::new();
    while let Some((line, fields)) = reader.record()? {
        if fields.len() != header.len() {
            let (got, wanted) = (fields.len(), header.len());
            return Err(format!("has {got} instead of {wanted} fields in line {line}"));
        }
        let fields = fields.into_iter().map(Value::from);
        records.push(Data::Object(header.iter().cloned().zip(fields).collect::<Map<_, _>>()));
    }
    Ok(Value::from(records))
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// The next record and the line it begins in; nothing at the end.
    fn record(&mut self) -> Result<Option<(usize, Vec<String>)>, String> {
        while let Some(rest) = after_line_end(self.rest) {
            self.rest = rest;
            self.line += 1;
        }
        if matches!(self.rest, "" | "\r") {
            return Ok(None);
        }
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            fields.push(match self.rest.strip_prefix('"') {
                Some(rest) => {
                    self.rest = rest;
                    self.quoted()?
                }
                None => self.plain()?,
            });
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            if let Some(rest) = after_line_end(self.rest) {
                self.rest = rest;
                self.line += 1;
            }
            return Ok(Some((line, fields)));
        }
    }

    /// Up to the next comma or the line's end.
    fn plain(&mut self) -> Result<String, String> {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        // Of the line's end a CR is part, one elsewhere is not.
        let ends_field = self.rest[end..].starts_with(',');
        let end = match self.rest[..end].strip_suffix('\r') {
            Some(shorter) if !ends_field => shorter.len(),
            _ => end,
        };
        let field = &self.rest[..end];
        if field.contains('"') {
            return Err(format!("has a quote inside a field without quotes in line {}", self.line));
        }
        self.rest = &self.rest[end..];
        Ok(field.to_owned())
    }

    /// Up to the closing quote, the opening one being behind.
    fn quoted(&mut self) -> Result<String, String> {
        let begin = self.line;
        let mut field = String::new();
        loop {
            let Some((part, rest)) = self.rest.split_once('"') else {
                return Err(format!("has a field without a closing quote in line {begin}"));
            };
            field.push_str(part);
            self.line += part.matches('\n').count();
            self.rest = rest;
            if let Some(rest) = rest.strip_prefix('"') {
                field.push('"');
                self.rest = rest;
            } else if rest.starts_with(',')
                || matches!(rest, "" | "\r")
                || after_line_end(rest).is_some()
            {
                return Ok(field.replace("\r\n", "\n"));
            } else {
                return Err(format!("has text behind a closing quote in line {}", self.line));
            }
        }
    }
}

/// What follows the line's end that `text` begins with.
fn after_line_end(text: &str) -> Option<&str> {
    text.strip_prefix('\n').or_else(|| text.strip_prefix("\r\n"))
}
