//! Walks over the text of a line without making values of it: checks all of it against the grammar, and takes out the
//! few values that somebody asks for.
//!
//! It accepts what RFC 8259 does, numbers of any size and halves of surrogate pairs among it, nested at most
//! [`JSON_DEPTH_MAX`] deep. It says only whether it does: who wants to know what is wrong, or the value of what is not
//! simple, parses the line.

use simd_json::{Node, StaticNode};

use super::{JSON_DEPTH_MAX, Number};

/// Whether a text is an object with one `data` and at most one `metadata`, that one an object.
pub fn is_envelope(text: &str) -> bool {
    let (mut data, mut metadata) = (false, false);
    let mut scanner = Scanner { text, at: 0 };
    let mut field = |scanner: &mut Scanner<'_>, key: Text, depth: usize| {
        let is_refused = if scanner.is(key, "data") {
            std::mem::replace(&mut data, true)
        } else if scanner.is(key, "metadata") {
            std::mem::replace(&mut metadata, true) || scanner.peek()? != b'{'
        } else {
            false
        };
        if is_refused { None } else { scanner.value(depth) }
    };
    let mut whole = || {
        if scanner.peek()? != b'{' {
            return None;
        }
        scanner.object(0, &mut field)?;
        scanner.end()
    };
    whole().is_some() && data
}

/// Which values of a line are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of a value.
    All,
    /// Of an object what is under these keys; of anything else nothing.
    Keys(Vec<(String, Wanted)>),
}

impl Wanted {
    /// What has to be there besides to take these steps.
    pub(crate) fn add<'k>(&mut self, mut keys: impl Iterator<Item = &'k str>) {
        let Self::Keys(wanted) = self else { return };
        let Some(key) = keys.next() else {
            *self = Self::All;
            return;
        };
        if let Some((_, below)) = wanted.iter_mut().find(|(known, _)| known == key) {
            return below.add(keys);
        }
        let mut below = Self::Keys(Vec::new());
        below.add(keys);
        wanted.push((key.to_owned(), below));
    }

    fn under(&self, key: &str) -> Option<&Self> {
        match self {
            Self::All => Some(self),
            Self::Keys(keys) => keys.iter().find(|(known, _)| known == key).map(|(_, below)| below),
        }
    }
}

/// Fills an empty `tape` with an object that has what is wanted of the object `text`, and nothing else. `None`, and
/// anything on the tape, if the text is no such object, or if something wanted has escapes or is a whole number beyond 64
/// bits: then the line has to be parsed.
pub(super) fn select<'t>(text: &'t str, wanted: &Wanted, tape: &mut Vec<Node<'t>>) -> Option<()> {
    let mut scanner = Scanner { text, at: 0 };
    if scanner.peek()? != b'{' {
        return None;
    }
    scanner.selected(wanted, 0, tape)?;
    scanner.end()
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

/// A string: where its quotes are.
#[derive(Clone, Copy)]
struct Text {
    start: usize,
    end: usize,
    has_escapes: bool,
}

impl<'t> Scanner<'t> {
    /// Takes the white space that may stand behind a value; nothing else may.
    fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    fn bytes(&self) -> &'t [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no white space, not taken.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.bytes().get(self.at)? {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// A value at this depth.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(depth, |scanner, _, depth| scanner.value(depth)),
            b'[' => self.list(depth, Self::value),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number().map(drop),
        }
    }

    /// An object at this depth, which begins here.
    fn object(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, Text, usize) -> Option<()>,
    ) -> Option<()> {
        if depth >= JSON_DEPTH_MAX {
            return None;
        }
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.string()?;
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            each(self, key, depth + 1)?;
            if !self.goes_on(b'}')? {
                return Some(());
            }
        }
    }

    /// A list at this depth, which begins here.
    fn list(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, usize) -> Option<()>,
    ) -> Option<()> {
        if depth >= JSON_DEPTH_MAX {
            return None;
        }
        self.at += 1;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            each(self, depth + 1)?;
            if !self.goes_on(b']')? {
                return Some(());
            }
        }
    }

    /// Takes the comma behind a value, or the bracket that closes its list or object; whether it is the comma.
    fn goes_on(&mut self, close: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            byte if byte == close => Some(false),
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.bytes().get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word.as_bytes()).then_some(())
    }

    /// A string, whose opening quote is here.
    fn string(&mut self) -> Option<Text> {
        let (start, mut has_escapes) = (self.at, false);
        self.at += 1;
        loop {
            self.at += special(self.bytes().get(self.at..)?)?;
            match self.bytes()[self.at] {
                b'"' => {
                    let end = self.at;
                    self.at += 1;
                    return Some(Text { start, end, has_escapes });
                }
                b'\\' => {
                    has_escapes = true;
                    self.at += match self.bytes().get(self.at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' => {
                            let digits = self.bytes().get(self.at + 2..self.at + 6)?;
                            digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
                        }
                        _ => return None,
                    };
                }
                _ => return None, // a control character
            }
        }
    }

    /// What is between the quotes of a string, if no escapes are in it.
    fn plain(&self, string: Text) -> Option<&'t str> {
        if string.has_escapes { None } else { self.text.get(string.start + 1..string.end) }
    }

    /// Whether a string reads as this.
    fn is(&self, string: Text, name: &str) -> bool {
        let quoted = || self.text.get(string.start..=string.end).unwrap_or_default();
        match self.plain(string) {
            Some(text) => text == name,
            None => serde_json::from_str::<String>(quoted()).is_ok_and(|text| text == name),
        }
    }

    /// A number, as it is written.
    fn number(&mut self) -> Option<&'t str> {
        let start = self.at;
        let byte = |scanner: &Self| scanner.bytes().get(scanner.at).copied();
        if byte(self) == Some(b'-') {
            self.at += 1;
        }
        match byte(self)? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if byte(self) == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = byte(self) {
            self.at += 1;
            if let Some(b'+' | b'-') = byte(self) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text.get(start..self.at)
    }

    /// At least one.
    fn digits(&mut self) -> Option<()> {
        let rest = self.bytes().get(self.at..)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    /// Puts what is wanted of the value at this depth on the tape.
    fn selected(&mut self, wanted: &Wanted, depth: usize, tape: &mut Vec<Node<'t>>) -> Option<()> {
        let (first, mut len) = (tape.len(), 0);
        match (wanted, self.peek()?) {
            (_, b'{') => {
                tape.push(Node::Object { len: 0, count: 0 });
                self.object(depth, |scanner, key, depth| {
                    // An escaped key may be any.
                    let key = scanner.plain(key)?;
                    let Some(below) = wanted.under(key) else { return scanner.value(depth) };
                    len += 1;
                    tape.push(Node::String(key));
                    scanner.selected(below, depth, tape)
                })?;
                let count = tape.len() - first - 1;
                *tape.get_mut(first)? = Node::Object { len, count };
            }
            (Wanted::Keys(_), _) => {
                tape.push(Node::Static(StaticNode::Null));
                self.value(depth)?;
            }
            (Wanted::All, b'[') => {
                tape.push(Node::Array { len: 0, count: 0 });
                self.list(depth, |scanner, depth| {
                    len += 1;
                    scanner.selected(wanted, depth, tape)
                })?;
                let count = tape.len() - first - 1;
                *tape.get_mut(first)? = Node::Array { len, count };
            }
            (Wanted::All, byte) => {
                let node = self.simple(byte)?;
                tape.push(node);
            }
        }
        Some(())
    }

    /// A text, a number or a word that is a node as it is written; it begins with `byte`.
    fn simple(&mut self, byte: u8) -> Option<Node<'t>> {
        let word = match byte {
            b'"' => {
                let string = self.string()?;
                return self.plain(string).map(Node::String);
            }
            b't' => ("true", StaticNode::Bool(true)),
            b'f' => ("false", StaticNode::Bool(false)),
            b'n' => ("null", StaticNode::Null),
            _ => {
                let number = self.number()?;
                let node = match Number::parse(number)? {
                    Number::Whole(whole) => match i64::try_from(whole) {
                        Ok(whole) => StaticNode::I64(whole),
                        Err(_) => StaticNode::U64(u64::try_from(whole).ok()?),
                    },
                    Number::Float(float) => StaticNode::F64(float),
                };
                return Some(Node::Static(node));
            }
        };
        self.word(word.0).map(|()| Node::Static(word.1))
    }
}

/// Where in the rest of a string its first quote, backslash or control character is.
fn special(rest: &[u8]) -> Option<usize> {
    // Eight bytes at once. What is subtracted borrows from the highest bit of a byte only where that byte is what is
    // looked for, or one below it is: the lowest found is right.
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // With this bit turned a quote follows on the control characters, and nothing else comes before it.
        let quote_or_control = (word ^ each(b'"' ^ b' ')).wrapping_sub(each(b' ' + 1));
        let backslash = (word ^ each(b'\\')).wrapping_sub(each(1));
        let found = (quote_or_control | backslash) & !word & each(0x80);
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let is_special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < b' ';
    tail.iter().position(is_special).map(|index| words.len() * 8 + index)
}

#[cfg(test)]
mod tests;
