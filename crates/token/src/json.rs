//! A strict JSON scanner: validates, refuses duplicate names at every depth, and hands out spans of the text.
//!
//! serde_json cannot see duplicate names in a caller's type, and rounds numbers in its own value type. The scanner
//! reads no value: it says where each member stands, so that text and numbers survive exactly as signed.

use crate::bounds::{MAX_DEPTH, is_finite};
use core::ops::Range;

pub(crate) use self::{members::Members, text::Text};
use self::{names::Names, text::scan_string};

mod members;
mod names;
mod text;

/// Why a text is not the JSON that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON.
    Syntax,
    /// JSON, but not an object.
    NotAnObject,
    /// An object names a member twice.
    Duplicate,
    /// Nested deeper than [`MAX_DEPTH`].
    Depth,
    /// A number beyond the range of a double.
    Range,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// One value: what it is, its text, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl<'a> Node<'a> {
    /// The span of the value in the scanned text.
    pub(crate) fn span(&self) -> Range<usize> {
        self.start..self.start.saturating_add(self.text.len())
    }

    /// The string's content, still escaped; `None` for other kinds.
    pub(crate) fn as_text(&self) -> Option<Text<'a>> {
        match self.kind {
            Kind::String => Some(Text::quoted(self.text)),
            _ => None,
        }
    }

    /// A non-negative integer in plain decimal digits; `None` for everything else.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        let digits = self.kind == Kind::Number && self.text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { self.text.parse().ok() } else { None }
    }
}

/// Scans a whole text that must be one object, and calls `member` for each of its members in order, up to the first that it
/// refuses. A text that is not JSON is refused as such, wherever the fault stands.
pub(crate) fn object<'a, E: From<Fault>>(
    text: &'a str,
    mut member: impl FnMut(Text<'a>, Node<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut cursor = Cursor::new(text);
    cursor.space();
    if cursor.peek() != Some(b'{') {
        let fault = if cursor.value(1).is_ok() { Fault::NotAnObject } else { Fault::Syntax };
        return Err(fault.into());
    }
    let mut refusal = None;
    cursor.members(1, &mut |name, node| {
        if refusal.is_none() {
            refusal = member(name, node).err();
        }
        Ok::<(), Fault>(())
    })?;
    cursor.end()?;
    refusal.map_or(Ok(()), Err)
}

/// Scans a whole text that must be one array, and calls `item` for each of its values in order.
pub(crate) fn array<'a, E: From<Fault>>(
    text: &'a str,
    mut item: impl FnMut(Node<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut cursor = Cursor::new(text);
    cursor.space();
    if cursor.peek() != Some(b'[') {
        return Err(Fault::Syntax.into());
    }
    cursor.items(1, &mut item)?;
    cursor.end()?;
    Ok(())
}

struct Cursor<'a> {
    text: &'a str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, rest: text.as_bytes() }
    }

    fn at(&self) -> usize {
        self.text.len().saturating_sub(self.rest.len())
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.skip(1);
        }
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.skip(1);
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Syntax) }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, Fault> {
        let start = self.at();
        let kind = match self.peek() {
            Some(b'{') => {
                self.members(depth, &mut |_, _| Ok::<(), Fault>(()))?;
                Kind::Object
            }
            Some(b'[') => {
                self.items(depth, &mut |_| Ok::<(), Fault>(()))?;
                Kind::Array
            }
            Some(b'"') => {
                self.string()?;
                Kind::String
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Kind::Number
            }
            Some(b't') => self.word(b"true", Kind::Boolean)?,
            Some(b'f') => self.word(b"false", Kind::Boolean)?,
            Some(b'n') => self.word(b"null", Kind::Null)?,
            _ => return Err(Fault::Syntax),
        };
        let text = self.text.get(start..self.at()).ok_or(Fault::Syntax)?;
        Ok(Node { kind, text, start })
    }

    fn members<E: From<Fault>>(
        &mut self,
        depth: usize,
        member: &mut dyn FnMut(Text<'a>, Node<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(depth, b'{')?;
        if self.eat(b'}') {
            return Ok(());
        }
        let mut names = Names::new();
        loop {
            let name = self.string()?;
            if !names.insert(name) {
                return Err(Fault::Duplicate.into());
            }
            self.space();
            if !self.eat(b':') {
                return Err(Fault::Syntax.into());
            }
            self.space();
            let node = self.value(depth.saturating_add(1))?;
            member(name, node)?;
            if self.close(b'}')? {
                return Ok(());
            }
        }
    }

    fn items<E: From<Fault>>(
        &mut self,
        depth: usize,
        item: &mut dyn FnMut(Node<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(depth, b'[')?;
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            let node = self.value(depth.saturating_add(1))?;
            item(node)?;
            if self.close(b']')? {
                return Ok(());
            }
        }
    }

    fn open(&mut self, depth: usize, bracket: u8) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Depth);
        }
        if !self.eat(bracket) {
            return Err(Fault::Syntax);
        }
        self.space();
        Ok(())
    }

    /// After a value: `true` at the closing bracket, `false` after a comma.
    fn close(&mut self, bracket: u8) -> Result<bool, Fault> {
        self.space();
        if self.eat(bracket) {
            return Ok(true);
        }
        if !self.eat(b',') {
            return Err(Fault::Syntax);
        }
        self.space();
        Ok(false)
    }

    fn string(&mut self) -> Result<Text<'a>, Fault> {
        if !self.eat(b'"') {
            return Err(Fault::Syntax);
        }
        let start = self.at();
        let length = scan_string(self.rest).ok_or(Fault::Syntax)?;
        self.skip(length);
        let raw = self.text.get(start..self.at()).ok_or(Fault::Syntax)?;
        if !self.eat(b'"') {
            return Err(Fault::Syntax);
        }
        Ok(Text::raw(raw))
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at();
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.skip(1);
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.skip(1);
            }
            self.digits()?;
        }
        match self.text.get(start..self.at()) {
            Some(number) if is_finite(number) => Ok(()),
            Some(_) | None => Err(Fault::Range),
        }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.skip(count);
        if count == 0 { Err(Fault::Syntax) } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Fault> {
        if !self.rest.starts_with(word) {
            return Err(Fault::Syntax);
        }
        self.skip(word.len());
        Ok(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String, vec::Vec};

    fn scan(text: &str) -> Result<Vec<(String, String)>, Fault> {
        let mut seen = Vec::new();
        object(text, |name, node| {
            seen.push((name.decode().into_owned(), node.text.into()));
            Ok::<(), Fault>(())
        })?;
        Ok(seen)
    }

    #[test]
    fn members_keep_their_text() {
        let seen =
            scan(" {\"a\" : 12345678901234567890123, \"b\\u0041\":[1, {\"x\":1e5}] ,\"c\":\"\\\"\" } ")
                .unwrap();
        let expected = [("a", "12345678901234567890123"), ("bA", "[1, {\"x\":1e5}]"), ("c", "\"\\\"\"")];
        assert_eq!(seen, expected.map(|(name, text)| (name.into(), text.into())));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "{}x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{'a':1}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":tru}",
            "{\"a\":[1,]}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\udc00\"}",
            "{\"a\":\"\\ud800\\u0041\"}",
            "\u{feff}{}",
            "{}{}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1]",
            "[1",
            "{\"a\":\"",
            "nul",
        ] {
            assert_eq!(scan(text), Err(Fault::Syntax), "{text:?}");
        }
        for text in ["[]", "1", "\"a\"", "null", " true"] {
            assert_eq!(scan(text), Err(Fault::NotAnObject), "{text:?}");
        }
    }

    #[test]
    fn duplicates_are_seen_through_escapes_and_at_depth() {
        for text in [
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":1}",
            "{\"x\":[{\"b\":{\"a\":1,\"a\":2}}]}",
            "{\"\\ud83d\\ude00\":1,\"😀\":2}",
            "{\"/\":1,\"\\/\":2}",
        ] {
            assert_eq!(scan(text), Err(Fault::Duplicate), "{text}");
        }
        let many: Vec<String> = (0..500).map(|n| format!("\"n{n}\":{n}")).collect();
        assert_eq!(scan(&format!("{{{}}}", many.join(","))).unwrap().len(), 500);
        assert_eq!(scan(&format!("{{{},\"n\\u0033\":0}}", many.join(","))), Err(Fault::Duplicate));
        assert_eq!(scan(&format!("{{{},\"n\\u00340\":0}}", many.join(","))), Err(Fault::Duplicate));
        assert_eq!(scan(&format!("{{{},\"\\u006e499\":0}}", many.join(","))), Err(Fault::Duplicate));
    }

    #[test]
    fn numbers_are_bounded() {
        assert!(scan("{\"a\":[1.5e308,-1e-400,123456789012345678901234567890]}").is_ok());
        for number in ["1e999", "-1E+309", "[{\"b\":1e400}]"] {
            assert_eq!(scan(&format!("{{\"a\":{number}}}")), Err(Fault::Range), "{number}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nest = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(scan(&nest(MAX_DEPTH - 1)).is_ok());
        assert_eq!(scan(&nest(MAX_DEPTH)), Err(Fault::Depth));
        assert_eq!(scan(&nest(1_000_000)), Err(Fault::Depth));
    }
}
