//! Multiples of a key and of the base point, computed once, for programs that verify for long.
//!
//! A signature `(R, s)` is good if `R = s·B - k·A`. Both products are sums of multiples that are looked up, one for each digit of
//! the scalar: nothing is doubled, which is what takes most of the time otherwise. All of it is public, so the time may depend
//! on it.

use alloc::vec::Vec;
use core::iter::successors;
use curve25519_dalek::{EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_POINT};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha512};

/// What is computed once for a key.
pub(super) struct Prepared {
    key: Multiples,
    base: Multiples,
}

/// How many bits of a scalar make one digit. More take fewer additions, and twice as much memory each.
const BITS: usize = 6;

/// How many digits the 253 bits of a reduced scalar have, with one bit for the last carry.
const DIGITS: usize = 254_usize.div_ceil(BITS);

/// The largest digit; the smallest is as far below zero.
const LARGEST: usize = 1 << (BITS - 1);

/// `(n + 1) · 2^(BITS · i) · P` at place `n` of row `i`.
struct Multiples(Vec<[EdwardsPoint; LARGEST]>);

/// The digits of a scalar, the lowest first.
type Digits = [i8; DIGITS];

impl Prepared {
    pub(super) fn of(key: &VerifyingKey) -> Self {
        Self { key: Multiples::of(key.to_edwards()), base: Multiples::of(ED25519_BASEPOINT_POINT) }
    }

    /// The verdict of RFC 8032 §5.1.7 as dalek's `verify` gives it: `s` must be reduced, and `R` is compared as bytes.
    #[expect(clippy::arithmetic_side_effects, reason = "points don't overflow")]
    pub(super) fn verifies(&self, key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> bool {
        let Some((r, s)) = signature.split_first_chunk::<32>() else { return false };
        let Some(s) = s.first_chunk::<32>() else { return false };
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s)) else { return false };
        let hash =
            Sha512::new().chain_update(r).chain_update(key.as_bytes()).chain_update(message).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&hash.into());
        (self.base.times(&s) - self.key.times(&k)).compress().as_bytes() == r
    }
}

impl Multiples {
    #[expect(clippy::arithmetic_side_effects, reason = "points don't overflow")]
    fn of(point: EdwardsPoint) -> Self {
        let row = |power: EdwardsPoint| {
            let mut multiple = power;
            core::array::from_fn(|place| {
                if place > 0 {
                    multiple += power;
                }
                multiple
            })
        };
        // The last of a row is half of the next one's first.
        let next = |before: &[EdwardsPoint; LARGEST]| Some(row(before[LARGEST - 1] + before[LARGEST - 1]));
        Self(successors(Some(row(point)), next).take(DIGITS).collect())
    }

    #[expect(clippy::arithmetic_side_effects, reason = "points don't overflow")]
    fn times(&self, scalar: &Scalar) -> EdwardsPoint {
        let mut sum = EdwardsPoint::default();
        for (row, digit) in self.0.iter().zip(digits(scalar)) {
            let multiple = usize::from(digit.unsigned_abs()).checked_sub(1).and_then(|place| row.get(place));
            match multiple {
                Some(multiple) if digit > 0 => sum += multiple,
                Some(multiple) => sum -= multiple,
                None => {}
            }
        }
        sum
    }
}

fn digits(scalar: &Scalar) -> Digits {
    let (bytes, mut carry) = (scalar.as_bytes(), 0);
    core::array::from_fn(|digit| {
        let value = bits(bytes, digit.saturating_mul(BITS)).saturating_add(carry);
        carry = u8::from(usize::from(value) > LARGEST);
        // What is carried on is taken away here.
        (value as i8).wrapping_sub((carry << BITS) as i8)
    })
}

/// The bits of one digit, from this one on; those that are not there are zero.
fn bits(bytes: &[u8; 32], from: usize) -> u8 {
    let byte = |place: usize| bytes.get(place).copied().unwrap_or(0);
    let pair = u16::from_le_bytes([byte(from / 8), byte((from / 8).saturating_add(1))]);
    ((pair >> (from % 8)) & ((1 << BITS) - 1)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_are_the_scalar(bytes: [u8; 32]) {
            let scalar = Scalar::from_bytes_mod_order(bytes);
            let mut sum = Scalar::ZERO;
            for digit in digits(&scalar).into_iter().rev() {
                prop_assert!(usize::from(digit.unsigned_abs()) <= LARGEST);
                let size = Scalar::from(digit.unsigned_abs());
                sum = sum * Scalar::from(1_u8 << BITS) + if digit < 0 { -size } else { size };
            }
            prop_assert_eq!(sum, scalar);
        }

        #[test]
        fn multiples_add_up(bytes: [u8; 32], of: [u8; 32]) {
            let (scalar, point) = (Scalar::from_bytes_mod_order(bytes), EdwardsPoint::mul_base_clamped(of));
            prop_assert_eq!(Multiples::of(point).times(&scalar), point * scalar);
        }
    }
}
