//! Which characters a text may hold. One rule for every text that people read, wherever it comes from.
//!
//! A text on one line follows UTS #39 and UTS #55: nothing in it is invisible, turns the text around it, or has no
//! meaning yet, so that two names that look alike are alike as far as single characters go. It is kept in Normalization
//! Form C. A text of several lines is kept as it was written; only control characters are refused in it.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::Invalid;

/// Looks blank, although Unicode has it as a symbol: the Braille pattern without dots.
const BLANK_PATTERN: char = '\u{2800}';

/// A text on one line: normalised, trimmed, 1 to `most` characters.
pub(crate) fn line(text: &str, most: usize) -> Result<String, Invalid> {
    let normalised = ComposingNormalizerBorrowed::new_nfc().normalize(text.trim());
    if normalised.is_empty() {
        return Err(Invalid::new("required", "must not be empty"));
    }
    bounded(&normalised, most)?;
    check_line(text.trim(), text.chars().take_while(|c| c.is_whitespace()).count())?;
    if normalised.chars().all(is_blank) {
        return Err(Invalid::new("invisible_text", "must hold at least one visible character"));
    }
    Ok(normalised.into_owned())
}

/// A text on one line that may be empty, of up to `most` characters. White space at its ends stays.
pub(crate) fn optional_line(text: &str, most: usize) -> Result<String, Invalid> {
    bounded(text, most)?;
    check_line(text, 0)?;
    Ok(text.to_owned())
}

/// Whether two texts on one line are the same text.
pub(crate) fn same_line(one: &str, other: &str) -> bool {
    line(one, usize::MAX).is_ok_and(|one| one == other)
}

/// Checks the characters of a text on one line, of which `skipped` stood before it.
pub(crate) fn check_line(text: &str, skipped: usize) -> Result<(), Invalid> {
    let (mut before, mut rest) = (None, text.chars().zip(skipped + 1..).peekable());
    while let Some((c, position)) = rest.next() {
        if let Some(fault) = fault(before, c, rest.peek().map(|(c, _)| *c)) {
            return Err(fault.at(c, position));
        }
        before = Some(c);
    }
    Ok(())
}

/// A text of several lines as it was written, with `\n` at the end of each, up to `most` characters.
pub(crate) fn lines(text: &str, most: usize) -> Result<String, Invalid> {
    let text = with_line_feeds(text);
    bounded(&text, most)?;
    check_lines(&text)?;
    Ok(text)
}

/// The text with `\n` at the end of each line: forms of the Web can't tell ends of lines apart.
pub(crate) fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Checks the characters of a text of several lines.
pub(crate) fn check_lines(text: &str) -> Result<(), Invalid> {
    let refused = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match text.chars().zip(1..).find(|(c, _)| refused(*c)) {
        Some((c, position)) => Err(Fault::CONTROL.at(c, position)),
        None => Ok(()),
    }
}

/// What a machine calls itself, fit for a page: its first `most` characters without those that no name may hold.
pub fn legible(text: &str, most: usize) -> String {
    let visible = |c: &char| fault(Some('a'), *c, Some('a')).is_none();
    let kept: String = text.chars().filter(visible).take(most).collect();
    kept.trim().to_owned()
}

fn bounded(text: &str, most: usize) -> Result<(), Invalid> {
    match text.chars().nth(most) {
        Some(_) => Err(Invalid::new("too_long", format!("has more than {most} characters"))),
        None => Ok(()),
    }
}

/// Why a character is refused.
struct Fault {
    code: &'static str,
    what: &'static str,
}

impl Fault {
    const CONTROL: Self = Self { code: "control_character", what: "the control character" };
    const BIDIRECTIONAL: Self =
        Self { code: "bidirectional_control", what: "a character that changes the direction of the text," };
    const INVISIBLE: Self = Self { code: "invisible_character", what: "the invisible character" };
    const BREAK: Self = Self { code: "line_break", what: "a line break," };
    const MEANINGLESS: Self = Self { code: "unassigned_character", what: "a character without a meaning," };
    const LOST: Self = Self { code: "replacement_character", what: "the mark of a character that was lost," };

    /// Names the character and its place, counted from 1.
    fn at(&self, c: char, position: usize) -> Invalid {
        let code_point = u32::from(c);
        Invalid::new(self.code, format!("contains {} U+{code_point:04X} at position {position}", self.what))
    }
}

/// What is wrong with a character between two others of one line.
fn fault(before: Option<char>, c: char, after: Option<char>) -> Option<Fault> {
    if c.is_ascii() {
        return match c {
            '\n' | '\r' => Some(Fault::BREAK),
            _ => c.is_ascii_control().then_some(Fault::CONTROL),
        };
    }
    if CodePointSetData::new::<BidiControl>().contains(c) {
        return Some(Fault::BIDIRECTIONAL);
    }
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) {
        return (!changes_others(before, c, after)).then_some(Fault::INVISIBLE);
    }
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        GeneralCategory::Control => Some(Fault::CONTROL),
        GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => Some(Fault::BREAK),
        GeneralCategory::PrivateUse | GeneralCategory::Unassigned | GeneralCategory::Surrogate => {
            Some(Fault::MEANINGLESS)
        }
        // Interlinear annotations: hidden text beside the text.
        _ if matches!(c, '\u{fff9}'..='\u{fffb}') => Some(Fault::CONTROL),
        _ if c == char::REPLACEMENT_CHARACTER => Some(Fault::LOST),
        _ => None,
    }
}

/// Whether an invisible character has an effect where it stands: joiners within scripts that join and within emoji, and
/// variation selectors after what has variants.
fn changes_others(before: Option<char>, c: char, after: Option<char>) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !c.is_whitespace());
    let varies = |c: char| !c.is_ascii_alphabetic() && !c.is_whitespace();
    match c {
        '\u{200c}' | '\u{200d}' => joins(before) && joins(after) && before != Some(c),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => {
            before.is_some_and(varies) && before != Some(c)
        }
        _ => false,
    }
}

fn is_blank(c: char) -> bool {
    use GeneralCategory as Category;
    c == BLANK_PATTERN
        || c.is_whitespace()
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || matches!(
            CodePointMapData::<Category>::new().get(c),
            Category::NonspacingMark | Category::EnclosingMark
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> &'static str {
        line(text, 200).map_or_else(|invalid| invalid.code, |_| "")
    }

    #[test]
    fn what_nobody_sees_is_no_name() {
        for text in ["", " ", "\t\n", "\u{a0}\u{2003}\u{3000}", "\u{85}"] {
            assert_eq!(code(text), "required", "{text:?}");
        }
        for text in [
            "\u{200b}",
            "\u{2060}",
            "\u{ad}",
            "\u{fe0f}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{e0041}",
            "\u{feff}",
        ] {
            assert_eq!(code(text), "invisible_character", "{text:?}");
            assert_eq!(code(&format!("Ac{text}me")), "invisible_character", "{text:?}");
            assert_eq!(code(&format!("Acme{text}")), "invisible_character", "{text:?}");
        }
        for text in ["\u{2800}", "\u{2800} \u{2800}", "\u{301}"] {
            assert_eq!(code(text), "invisible_text", "{text:?}");
        }
    }

    #[test]
    fn nothing_turns_the_text_around_it() {
        let controls = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for c in controls.chain(['\u{200e}', '\u{200f}', '\u{61c}']) {
            assert_eq!(code(&format!("Acme{c} Ltd")), "bidirectional_control", "{c:?}");
        }
    }

    #[test]
    fn characters_without_a_meaning_are_refused_and_named() {
        for (text, expected) in [
            ("a\0b", "control_character"),
            ("a\u{9b}b", "control_character"),
            ("a\nb", "line_break"),
            ("a\u{2028}b", "line_break"),
            ("a\u{2029}b", "line_break"),
            ("a\u{e000}b", "unassigned_character"),
            ("a\u{ffff}b", "unassigned_character"),
            ("a\u{378}b", "unassigned_character"),
            ("a\u{fffd}b", "replacement_character"),
        ] {
            assert_eq!(code(text), expected, "{text:?}");
        }
        let message = line("  Ac\u{202e}me", 200).unwrap_err().message;
        assert!(message.ends_with("U+202E at position 5"), "{message}");
    }

    #[test]
    fn what_people_are_called_is_a_name() {
        for name in [
            "Ünïcørn Söftware",
            "株式会社アクメ",
            "شركة أكمي",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
            "חברה בע״מ",
            "\u{1f469}\u{200d}\u{1f4bb}",
            "❤\u{fe0f} & 1\u{fe0f}\u{20e3}",
            "葛\u{e0100}城市",
            "O’Neill – “Sons”",
            "\u{600}12",
        ] {
            assert_eq!(line(name, 200).as_deref(), Ok(name));
        }
        assert_eq!(line(" Cafe\u{301} ", 200).as_deref(), Ok("Café"));
        // Joiners have no effect between letters of ASCII.
        assert_eq!(code("Ac\u{200d}me"), "invisible_character");
    }

    #[test]
    fn lines_are_kept_but_for_their_ends() {
        assert_eq!(lines("\n\n a\r\nb\rc \n", 100).as_deref(), Ok("\n\n a\nb\nc \n"));
        assert_eq!(
            lines("a\0", 100).unwrap_err().message,
            "contains the control character U+0000 at position 2"
        );
        assert_eq!(legible("curl\u{1b}[31m/8\u{202e}.5", 10), "curl[31m/8");
    }

    proptest! {
        #[test]
        fn a_line_is_its_own(text in any::<String>()) {
            if let Ok(first) = line(&text, 200) {
                prop_assert_eq!(line(&first, 200), Ok(first.clone()));
                prop_assert!(!first.contains(['\n', '\r', '\0']));
            }
            if let Ok(first) = lines(&text, 200) {
                prop_assert_eq!(lines(&first, 200), Ok(first));
            }
            let shown = legible(&text, 20);
            prop_assert!(shown.is_empty() || check_line(&shown, 0).is_ok(), "{:?}", shown);
        }
    }
}
