//! The fingerprint of an agent's key in four words, for a person who compares a terminal with a page.

/// The first 64 bits of a key's thumbprint as proquints (`lusab-babad-gutih-tugad`): pronounceable, and the same in every language.
///
/// ```
/// assert_eq!(keyward_protocol::fingerprint::words([127, 0, 0, 1, 63, 84, 220, 193]), "lusab-babad-gutih-tugad");
/// ```
pub fn words(first: [u8; 8]) -> String {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let mut words = String::with_capacity(23);
    for pair in first.chunks_exact(2) {
        let bits = u16::from_be_bytes([pair[0], pair[1]]);
        let letters = [(12, true), (10, false), (6, true), (4, false), (0, true)];
        if !words.is_empty() {
            words.push('-');
        }
        for (shift, consonant) in letters {
            let index = usize::from(bits >> shift);
            words.push(char::from(if consonant { CONSONANTS[index & 15] } else { VOWELS[index & 3] }));
        }
    }
    words
}
