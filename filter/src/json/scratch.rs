//! The memory that one line after the other is parsed in.

use std::borrow::Cow;
use std::mem;

use simd_json::{Buffers, INPUT_PADDING, Tape};

use super::reader;
use super::scan::{Wanted, select};
use super::{Tree, Value};
use crate::limits::{JSON_DEPTH_MAX, JSON_SCRATCH_LINE_BYTES_KEPT};

/// Memory for one parsed line at a time. Once it has seen lines like the ones that come, parsing
/// takes none.
pub struct Scratch {
    /// The line, which simd-json rewrites where it has escapes, and what it may read behind it.
    line: Vec<u8>,
    buffers: Buffers,
    /// Empty between lines.
    tape: Tape<'static>,
    /// A line that simd-json refused.
    tree: Tree,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            line: Vec::new(),
            buffers: Buffers::with_max_depth(0, JSON_DEPTH_MAX),
            tape: Tape(Vec::new()),
            tree: Tree::Null,
        }
    }
}

impl Scratch {
    /// Gives memory back that an uncommonly long line took: a parsed line can take twenty times
    /// its length.
    pub fn release_excess(&mut self) {
        let nodes = self.tape.0.capacity(); // fewer than the bytes of a line
        if self.line.len().max(nodes) > JSON_SCRATCH_LINE_BYTES_KEPT {
            *self = Self::default();
        }
    }

    /// Takes what is wanted out of `line`; of its other values some may be there as well. Or says why
    /// it is no JSON.
    pub(crate) fn take<'s>(
        &'s mut self,
        line: &'s [u8],
        wanted: &Wanted,
    ) -> Result<Parsed<'s>, Cow<'static, str>> {
        let mut tape = mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        if select(utf8(line)?, wanted, &mut tape.0).is_some() {
            return Ok(Parsed(Form::Tape { tape, home: &mut self.tape }));
        }
        self.tape = tape.reset();
        self.parse(line)
    }

    /// Parses a copy of `line`, or says why it is no JSON.
    pub fn parse(&mut self, line: &[u8]) -> Result<Parsed<'_>, Cow<'static, str>> {
        self.line.clear();
        self.line.extend_from_slice(line);
        self.line.resize(line.len() + INPUT_PADDING, 0);
        let mut tape = mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let text = self.line.as_mut_slice();
        match simd_json::fill_tape_padded(text, line.len(), &mut self.buffers, &mut tape) {
            Ok(()) => Ok(Parsed(Form::Tape { tape, home: &mut self.tape })),
            Err(_) => {
                self.tape = tape.reset();
                self.tree = reader::read(line)?;
                Ok(Parsed(Form::Tree(&self.tree)))
            }
        }
    }
}

/// A parsed line.
pub struct Parsed<'s>(Form<'s>);

enum Form<'s> {
    Tape {
        tape: Tape<'s>,
        /// Where the memory of the tape goes back to.
        home: &'s mut Tape<'static>,
    },
    Tree(&'s Tree),
}

impl Parsed<'_> {
    /// The whole line.
    pub fn root(&self) -> Value<'_> {
        match &self.0 {
            Form::Tape { tape, .. } => Value::of_tape(&tape.0),
            Form::Tree(tree) => tree.value(),
        }
    }
}

impl Drop for Parsed<'_> {
    fn drop(&mut self) {
        if let Form::Tape { tape, home } = &mut self.0 {
            **home = mem::replace(tape, Tape(Vec::new())).reset();
        }
    }
}

/// The line as text, or where it is none.
pub fn utf8(line: &[u8]) -> Result<&str, Cow<'static, str>> {
    if let Ok(text) = simdutf8::basic::from_utf8(line) {
        return Ok(text);
    }
    let at = std::str::from_utf8(line).err().map_or(0, |error| error.valid_up_to());
    Err(Cow::Owned(format!("not valid UTF-8 at byte {}", at + 1)))
}

#[cfg(test)]
mod tests;
