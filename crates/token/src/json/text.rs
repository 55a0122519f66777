//! JSON strings, compared and decoded without rewriting the text they stand in.

use alloc::{borrow::Cow, string::String};
use core::{char, cmp::Ordering, str::Chars};

/// The content of a JSON string that was scanned before, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    raw: &'a str,
}

impl<'a> Text<'a> {
    pub(crate) fn raw(raw: &'a str) -> Self {
        Self { raw }
    }

    /// From the text of a string with its quotes.
    pub(crate) fn quoted(text: &'a str) -> Self {
        Self { raw: text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default() }
    }

    /// The content with escapes resolved; borrowed when there are none.
    pub(crate) fn decode(&self) -> Cow<'a, str> {
        if self.escaped() { Cow::Owned(self.chars().collect::<String>()) } else { Cow::Borrowed(self.raw) }
    }

    /// The content if it is written without escapes.
    #[cfg(test)]
    pub(crate) fn plain(&self) -> Option<&'a str> {
        if self.escaped() { None } else { Some(self.raw) }
    }

    /// The content with its escapes.
    #[cfg(feature = "sign")]
    pub(crate) fn as_written(&self) -> &'a str {
        self.raw
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        self.raw == text || (self.escaped() && self.chars().eq(text.chars()))
    }

    fn escaped(&self) -> bool {
        self.raw.as_bytes().contains(&b'\\')
    }

    fn chars(&self) -> Decoded<'a> {
        Decoded { rest: self.raw.chars() }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw || ((self.escaped() || other.escaped()) && self.chars().eq(other.chars()))
    }
}

impl Eq for Text<'_> {}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.chars().cmp(other.chars())
    }
}

/// How many bytes stand before the closing quote; `None` if the string is not valid JSON.
pub(super) fn scan_string(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    loop {
        let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        rest = rest.get(stop..)?;
        match rest {
            [b'"', ..] => return bytes.len().checked_sub(rest.len()),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', tail @ ..] => rest = tail,
            [b'\\', b'u', a, b, c, d, tail @ ..] => {
                rest = match unit([*a, *b, *c, *d])? {
                    0xd800..=0xdbff => match tail {
                        [b'\\', b'u', a, b, c, d, tail @ ..] => match unit([*a, *b, *c, *d])? {
                            0xdc00..=0xdfff => tail,
                            _ => return None,
                        },
                        _ => return None,
                    },
                    0xdc00..=0xdfff => return None,
                    _ => tail,
                };
            }
            _ => return None,
        }
    }
}

/// Resolves the escapes of a string that [`scan_string`] has accepted.
struct Decoded<'a> {
    rest: Chars<'a>,
}

impl Decoded<'_> {
    fn unit(&mut self) -> u32 {
        (0..4).fold(0, |unit, _| {
            let digit = self.rest.next().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
            (unit << 4) | digit
        })
    }
}

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let first = self.rest.next()?;
        if first != '\\' {
            return Some(first);
        }
        Some(match self.rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.unit();
                let code = if (0xd800..=0xdbff).contains(&high) {
                    self.rest.next();
                    self.rest.next();
                    let low = self.unit();
                    ((high & 0x3ff) << 10 | (low & 0x3ff)).saturating_add(0x1_0000)
                } else {
                    high
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => other,
        })
    }
}

fn unit(digits: [u8; 4]) -> Option<u32> {
    digits.iter().try_fold(0, |unit: u32, digit| Some((unit << 4) | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved() {
        let text = Text::quoted(r#""\u0041\n\/\ud83d\ude00é\"""#);
        assert_eq!(text.decode(), "A\n/😀é\"");
        assert!(text.is("A\n/😀é\""));
        assert_eq!(text.plain(), None);
    }
}
