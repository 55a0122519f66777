//! Texts compared as people compare them: one folding for whatever is searched.
//!
//! It is Unicode's `toNFKC_Casefold` (The Unicode Standard, section 3.13.3): full default case folding in Normalization
//! Form KC, without the characters that nobody sees. So `STRASSE` is `straße`, `ΟΔΟΣ` is `οδος`, and full-width letters
//! are those of ASCII. It is the same in every language: Turkish `I` folds to `i` and never to `ı`, and `İ` folds to `i`
//! with a dot above it, which is not the plain `i`.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicase::UniCase;

/// The text as it is compared.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let unseen = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let seen: String = text.chars().filter(|c| !unseen.contains(*c)).collect();
    let compatible = ComposingNormalizerBorrowed::new_nfkc();
    let without_case = |text: &str| UniCase::unicode(text).to_folded_case();
    // Decomposed first, since some marks fold to letters; folded again, since some compatible forms are upper case.
    let once = without_case(&DecomposingNormalizerBorrowed::new_nfd().normalize(&seen));
    let twice = without_case(&compatible.normalize(&once));
    compatible.normalize(&twice).into_owned()
}

/// What a search looks for, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle(String);

impl Needle {
    /// More than any text that is searched has.
    const MOST_BYTES: usize = 20_000;

    /// `None` for what is in no text on one line.
    pub fn new(text: &str) -> Option<Self> {
        let folded = fold(text);
        let searchable = folded.len() <= Self::MOST_BYTES && !folded.contains(char::is_control);
        searchable.then_some(Self(folded))
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text contains it.
    pub fn is_in(&self, text: &str) -> bool {
        fold(text).contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(needle: &str, text: &str) -> bool {
        Needle::new(needle).is_some_and(|needle| needle.is_in(text))
    }

    #[test]
    fn letter_case_and_form_do_not_count() {
        for (one, other) in [
            ("Österreichische Post AG", "ÖSTERREICHISCHE post ag"),
            ("O\u{308}sterreich", "österreich"),
            ("straße", "STRASSE"),
            ("Straẞe", "strasse"),
            ("ΟΔΥΣΣΕΥΣ", "Οδυσσευς"),
            ("ΑΙ", "\u{1fb3}"),
            ("ГАЗПРОМ", "газпром"),
            ("ＡＣＭＥ", "acme"),
            ("ｱｸﾒ", "アクメ"),
            ("㈱アクメ", "(株)アクメ"),
            ("Eﬃcient", "EFFICIENT"),
            ("Acme\u{a0}GmbH", "acme gmbh"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("ǅ", "dž"),
            ("Ꭰ", "ꭰ"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} and {other}");
        }
        for (one, other) in [("Muller", "Müller"), ("o", "ö"), ("ı", "i"), ("İ", "i"), ("е", "e")] {
            assert_ne!(fold(one), fold(other), "{one} and {other}");
        }
    }

    #[test]
    fn parts_of_words_are_found_in_every_script() {
        for (needle, text) in [
            ("STRASSE", "Bäckerstraße 5"),
            ("οδος", "ΟΔΟΣ ΑΘΗΝΑ"),
            ("нефть", "ПАО «ГАЗПРОМ НЕФТЬ»"),
            ("ไทย", "บริษัทไทยจำกัด"),
            ("会社", "株式会社アクメ"),
            ("أكمي", "شركة أكمي"),
            ("İSTANBUL", "Türkiye, İstanbul"),
            ("i\u{307}stanbul", "İSTANBUL"),
            ("", "anything"),
        ] {
            assert!(finds(needle, text), "{needle} in {text}");
        }
        assert!(!finds("istanbul", "İstanbul"), "the dotted capital keeps its dot");
        assert!(!finds("a\nb", "a\nb") && !finds("\0", "\0"));
        assert!(!finds(&"a".repeat(50_000), &"a".repeat(60_000)));
    }

    #[test]
    fn every_character_folds_to_its_last_form_at_once() {
        let nfd = DecomposingNormalizerBorrowed::new_nfd();
        // All but ideographs, which have neither case nor parts, and what lies behind them.
        let letters = ('\u{80}'..'\u{3400}').chain('\u{a000}'..'\u{ac10}').chain('\u{d7a0}'..'\u{e000}');
        for c in letters.chain('\u{f8ff}'..'\u{20000}').chain('\u{2f800}'..'\u{2fa20}') {
            let text = c.to_string();
            let folded = fold(&text);
            assert_eq!(fold(&folded), folded, "U+{:04X}", u32::from(c));
            assert_eq!(fold(&nfd.normalize(&text)), folded, "U+{:04X}", u32::from(c));
        }
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing_and_forms_do_not_count(text in any::<String>()) {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded.clone());
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned();
            let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&text).into_owned();
            prop_assert_eq!(fold(&decomposed), folded.clone());
            prop_assert_eq!(fold(&composed), folded);
        }

        #[test]
        fn what_is_part_of_the_folded_text_is_found(
            text in "[a-zA-ZäöüßÄẞσςΣΐİıдДตไท会社ﬃ\u{308}\u{345} %_\\\\]{0,12}",
            start in 0_usize..12,
            length in 0_usize..12,
            other in "[a-zäßΣд%_]{0,3}",
        ) {
            let part: String = text.chars().skip(start).take(length).collect();
            for needle in [&part, &other] {
                prop_assert_eq!(finds(needle, &text), fold(&text).contains(&fold(needle)));
            }
        }
    }
}
