//! The bounds of the format, for signers and verifiers alike: what is signed within them is never refused for its size.

/// The most bytes of a token. A verifier's builder may say otherwise; a signer never writes more.
pub const DEFAULT_MAX_TOKEN_BYTES: usize = 64 * 1024;

/// The most bytes of a license's payload, white space between its members and values not counted.
pub const MAX_PAYLOAD_BYTES: usize = 32 * 1024;

/// How deep arrays and objects may nest; the outermost object is depth one.
pub const MAX_DEPTH: usize = 32;

/// Whether the text of a JSON number is within the range of an IEEE 754 double. Its digits are not bounded: a license
/// keeps each of them.
pub(crate) fn is_finite(number: &str) -> bool {
    let plain = number.len() <= 300 && !number.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    plain || number.parse().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn the_range_is_that_of_a_double() {
        let long = |digits: usize| String::from("9").repeat(digits);
        for number in
            ["0", "-1.5e3", "1e-999", "0e999", "1.7976931348623158e308", "0.0000000001e317", &long(308)]
        {
            assert!(is_finite(number), "{number}");
        }
        for number in ["1e999", "-1E400", "1.7976931348623159e308", "0.1e99999999999999999999", &long(310)] {
            assert!(!is_finite(number), "{number}");
        }
    }
}
