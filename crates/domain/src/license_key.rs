//! The short code of a license, for people: read over the phone, typed by hand, forgiven.
//!
//! `7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC`: 24 symbols of Crockford's base 32 (120 random bits) and his check symbol,
//! in groups of five. His check symbol is the number modulo 37 and may be one of `*~$=U`; codes with such a
//! one are not issued, so that every code is made of letters and digits.

use std::fmt;
use std::str::FromStr;

use crate::Invalid;

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 24;
const GROUP: usize = 5;

/// A license key. Equal keys are equal however they were typed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LicenseKey([u8; LENGTH + 1]);

impl LicenseKey {
    /// A key from 15 random bytes; `None` for the one in seven whose check symbol is none of the 32.
    pub fn new(random: [u8; 15]) -> Option<Self> {
        let bits = random.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let mut key = [0; LENGTH + 1];
        for (place, symbol) in key[..LENGTH].iter_mut().rev().enumerate() {
            *symbol = SYMBOLS[(bits >> (5 * place) & 31) as usize];
        }
        key[LENGTH] = *SYMBOLS.get(usize::from((bits % 37) as u8))?;
        Some(Self(key))
    }

    /// The first symbols of a key as far as they are typed, in the form for storage; `None` for fewer than
    /// [`LicenseKey::LEAST_OF_PREFIX`], for more than a key has, and for what begins no key.
    pub fn prefix(text: &str) -> Option<String> {
        let mut prefix = String::new();
        for c in text.chars().filter(|c| c.is_alphanumeric() && !is_filler(*c)) {
            prefix.push(char::from(SYMBOLS[value(c)?]));
        }
        (Self::LEAST_OF_PREFIX..=LENGTH + 1).contains(&prefix.len()).then_some(prefix)
    }

    /// By fewer symbols no key is looked for.
    pub const LEAST_OF_PREFIX: usize = 4;

    /// The first key that may begin so, and the last, in the form for storage.
    pub fn range(prefix: &str) -> (String, String) {
        let padded = |c: char| prefix.chars().chain(std::iter::repeat(c)).take(LENGTH + 1).collect();
        (padded('0'), padded('Z'))
    }

    /// The last group, by which people tell keys apart. It opens nothing.
    pub fn hint(&self) -> &str {
        self.as_str().get(LENGTH + 1 - GROUP..).unwrap_or_default()
    }

    /// The 25 symbols without hyphens; the form for storage.
    pub fn as_str(&self) -> &str {
        // The symbols are ASCII by construction.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for LicenseKey {
    type Err = Invalid;

    /// Reads a key as people type and paste it: letters of any case and digits, also full-width ones, O for 0, I and L
    /// for 1. Only letters and digits count: hyphens, dashes, spaces, quotes and invisible characters may stand anywhere.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("invalid_license_key", "is not a license key of 25 letters and digits");
        let mut key = [0; LENGTH + 1];
        let (mut length, mut remainder) = (0, 0);
        for c in text.chars().filter(|c| c.is_alphanumeric() && !is_filler(*c)) {
            let value = value(c).ok_or_else(wrong)?;
            *key.get_mut(length).ok_or_else(wrong)? = SYMBOLS[value];
            if length < LENGTH {
                remainder = (remainder * 32 + value) % 37;
            } else if value != remainder {
                return Err(Invalid::new(
                    "mistyped_license_key",
                    "has a typing error: the check character differs",
                ));
            }
            length += 1;
        }
        if length == LENGTH + 1 { Ok(Self(key)) } else { Err(wrong()) }
    }
}

crate::described!(LicenseKey = serde_json::json!({"type": "string"}););

/// The value of a symbol as it was typed.
fn value(c: char) -> Option<usize> {
    let symbol = match narrow(c).to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    SYMBOLS.iter().position(|known| char::from(*known) == symbol)
}

/// The letter or digit that a full-width one stands for (U+FF01 to U+FF5E are ASCII's from 0x21 on).
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xff01 + 0x21).unwrap_or(c),
        other => other,
    }
}

/// The letters that show nothing: the fillers of Hangul.
fn is_filler(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

impl fmt::Display for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, symbol) in self.0.iter().enumerate() {
            if index > 0 && index % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*symbol))?;
        }
        Ok(())
    }
}

impl fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LicenseKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What may stand anywhere: dashes, white space, quotes, invisible characters.
    const BETWEEN: [char; 24] = [
        '-', '\u{2010}', '\u{2011}', '\u{2012}', '–', '—', '\u{2015}', '\u{2212}', '\u{ff0d}', ' ', '\t',
        '\r', '\n', '\u{a0}', '\u{3000}', '\u{ad}', '\u{200b}', '\u{2060}', '\u{feff}', '\u{3164}', '"', '“',
        '”', '«',
    ];

    #[test]
    fn letters_of_other_alphabets_are_refused() {
        let key = LicenseKey::new([0; 15]).unwrap().to_string();
        for other in ["О", "٠", "０̷0", "Ａ", "é"] {
            assert!(key.replacen('0', other, 1).parse::<LicenseKey>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_key_is_found_by_how_it_begins() {
        let key = LicenseKey::new([7; 15]).unwrap();
        let typed = key.to_string().to_lowercase();
        for length in 5..=typed.len() {
            let prefix = LicenseKey::prefix(&typed[..length]).unwrap();
            let (first, last) = LicenseKey::range(&prefix);
            assert!(key.as_str().starts_with(&prefix) && *first <= *key.as_str() && *key.as_str() <= *last);
        }
        for nothing in ["", "abc", "Acme Ü", "aaaaaaaaaaaaaaaaaaaaaaaaaa", "umbrella"] {
            assert_eq!(LicenseKey::prefix(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_read_however_it_was_typed(random: [u8; 15], lower: bool, spaced: bool) {
            prop_assume!(LicenseKey::new(random).is_some());
            let key = LicenseKey::new(random).unwrap();
            let mut typed = key.to_string().replace('0', "o").replace('1', "l");
            if lower { typed = typed.to_lowercase(); }
            if spaced { typed = typed.replace('-', " "); }
            prop_assert!(key.to_string().ends_with(key.hint()) && key.hint().len() == GROUP);
            prop_assert_eq!(typed.parse::<LicenseKey>().unwrap(), key.clone());
            prop_assert_eq!(key.as_str().parse::<LicenseKey>().unwrap(), key);
        }

        #[test]
        fn a_key_is_read_however_it_was_pasted(
            random: [u8; 15],
            wide: bool,
            places in prop::collection::vec((0_usize..40, prop::sample::select(BETWEEN.to_vec())), 0..12),
        ) {
            prop_assume!(LicenseKey::new(random).is_some());
            let key = LicenseKey::new(random).unwrap();
            let mut pasted: Vec<char> = key.to_string().chars().collect();
            if wide {
                pasted = pasted.into_iter().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect();
            }
            for (place, between) in places {
                pasted.insert(place % (pasted.len() + 1), between);
            }
            let pasted: String = pasted.into_iter().collect();
            prop_assert_eq!(pasted.parse::<LicenseKey>().unwrap(), key, "{:?}", pasted);
        }

        #[test]
        fn one_wrong_symbol_or_two_swapped_are_noticed(random: [u8; 15], at in 0_usize..25, to in 0_usize..32) {
            prop_assume!(LicenseKey::new(random).is_some());
            let key = LicenseKey::new(random).unwrap();
            let mut changed = key.as_str().as_bytes().to_vec();
            changed[at] = SYMBOLS[to];
            let read = std::str::from_utf8(&changed).unwrap().parse::<LicenseKey>();
            prop_assert_eq!(read.is_ok(), changed == key.as_str().as_bytes());

            let mut swapped = key.as_str().as_bytes().to_vec();
            swapped.swap(at, (at + 1) % 25);
            if (1..24).contains(&at) && swapped != key.as_str().as_bytes() && at + 1 < 24 {
                prop_assert!(std::str::from_utf8(&swapped).unwrap().parse::<LicenseKey>().is_err());
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = text.parse::<LicenseKey>();
        }
    }
}
