//! The signature check against RFC 8032, and against dalek's `verify_strict` on everything that can be crafted.

use crate::support::bytes;
use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use keyward_token::{PublicKey, SecretKey};
use sha2::{Digest as _, Sha512};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N);
    core::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

/// RFC 8032 §7.1, tests 1 to 3.
#[test]
fn rfc_8032() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            &[][..],
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            &[0x72],
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            &[0xaf, 0x82],
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let key = SecretKey::from_seed(hex(seed));
        assert_eq!(key.public_key().to_bytes(), hex(public));
        assert_eq!(key.sign(message), hex(signature));
        key.public_key().verify(message, &hex(signature)).unwrap();
        assert!(key.public_key().verify(b"other", &hex(signature)).is_err());
    }
}

/// RFC 8037 appendix A.4: the JWS over "Example of Ed25519 signing".
#[test]
fn rfc_8037() {
    let key = SecretKey::from_jwk(
        r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    )
    .unwrap();
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(crate::support::encode(key.sign(signed.as_bytes())), signature);
}

#[derive(Debug, Default)]
struct Counts {
    cases: usize,
    accepted: usize,
    plain_only: usize,
}

impl Counts {
    /// Holds our verdict against that of `verify_strict`.
    fn compare(&mut self, public: &[u8; 32], message: &[u8], signature: &[u8; 64]) {
        let dalek = VerifyingKey::from_bytes(public).ok();
        let given = Signature::from_bytes(signature);
        let strict = dalek.is_some_and(|key| key.verify_strict(message, &given).is_ok());
        let plain = dalek.is_some_and(|key| key.verify(message, &given).is_ok());
        let key = PublicKey::from_bytes(public).ok();
        let ours = key.as_ref().is_some_and(|key| key.verify(message, signature).is_ok());
        let prepared = key.is_some_and(|key| key.prepared().verify(message, signature).is_ok());
        assert_eq!(
            (ours, prepared),
            (strict, strict),
            "key {public:02x?} message {message:02x?} signature {signature:02x?}"
        );
        self.cases += 1;
        self.accepted += usize::from(ours);
        self.plain_only += usize::from(plain && !strict);
    }
}

fn scalar(label: &str, count: u64) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&bytes(label, count))
}

fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

fn join(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    [r, s].concat().try_into().unwrap()
}

/// Every encoding of a point of small order, canonical or not.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut encodings: Vec<[u8; 32]> =
        EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    let with = |low: u8, middle: u8, high: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (low, high);
        bytes
    };
    encodings.push(with(0x01, 0x00, 0x80)); // the identity with a negative zero
    encodings.push(with(0xec, 0xff, 0xff)); // order two with a negative zero
    for high in [0x7f, 0xff] {
        encodings.push(with(0xed, 0xff, high)); // y = p
        encodings.push(with(0xee, 0xff, high)); // y = p + 1
    }
    encodings
}

/// Keys and points with every torsion component, as "Taming the many EdDSAs" (§5) crafts them: signatures that satisfy
/// the equation with the cofactor, and by chance of the challenge also without it.
#[test]
fn crafted_torsion_is_judged_as_by_verify_strict() {
    let mut counts = Counts::default();
    for round in 0..40 {
        let (a, r) = (scalar("a", round), scalar("r", round));
        // Zero leaves only the torsion: small order.
        for (a, r) in [(a, r), (Scalar::ZERO, r), (a, Scalar::ZERO), (Scalar::ZERO, Scalar::ZERO)] {
            for key_torsion in EIGHT_TORSION {
                let public = (EdwardsPoint::mul_base(&a) + key_torsion).compress().to_bytes();
                for point_torsion in EIGHT_TORSION {
                    let point = (EdwardsPoint::mul_base(&r) + point_torsion).compress().to_bytes();
                    let message = [round as u8];
                    let s = r + challenge(&point, &public, &message) * a;
                    counts.compare(&public, &message, &join(point, s.to_bytes()));
                }
            }
        }
    }
    assert_eq!(counts.cases, 40 * 4 * 64);
    // The cases bite: both verdicts occur, and the plain check would accept what the strict one refuses.
    assert!(counts.accepted > 200 && counts.plain_only > 200, "{counts:?}");
}

#[test]
fn small_order_encodings_are_judged_as_by_verify_strict() {
    let mut counts = Counts::default();
    let honest = scalar("a", 0);
    let honest_key = EdwardsPoint::mul_base(&honest).compress().to_bytes();
    for count in 0..20u8 {
        for point in small_order_encodings() {
            // R of small order, the rest honest: s = k·a.
            let s = challenge(&point, &honest_key, &[count]) * honest;
            counts.compare(&honest_key, &[count], &join(point, s.to_bytes()));
            for public in small_order_encodings() {
                counts.compare(&public, &[count], &join(point, [0; 32]));
            }
        }
    }
    assert!(counts.accepted == 0 && counts.plain_only > 0, "{counts:?}");
}

#[test]
fn altered_signatures_are_judged_as_by_verify_strict() {
    /// The order of the base point, little endian.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut counts = Counts::default();
    for round in 0..30u8 {
        let key = SecretKey::from_seed([round; 32]);
        let public = key.public_key().to_bytes();
        let message = bytes("message", round.into());
        let signature = key.sign(&message);
        counts.compare(&public, &message, &signature);
        for bit in (0..512).step_by(7) {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            counts.compare(&public, &message, &flipped);
        }
        // s + l, s + 2l, …: the same scalar, not reduced.
        let mut unreduced = signature;
        for _ in 0..15 {
            let mut carry = 0;
            for (byte, add) in unreduced[32..].iter_mut().zip(L) {
                let sum = u16::from(*byte) + u16::from(add) + carry;
                (*byte, carry) = (sum as u8, sum >> 8);
            }
            counts.compare(&public, &message, &unreduced);
        }
        for random in 0..20 {
            counts.compare(&public, &message, &bytes("signature", u64::from(round) * 100 + random));
        }
    }
    assert_eq!(counts.accepted, 30, "{counts:?}");
}

/// Keys whose encoding is not canonical are refused when they are loaded, whatever the signature.
#[test]
fn weak_and_non_canonical_keys_never_load() {
    for public in small_order_encodings() {
        assert!(PublicKey::from_bytes(&public).is_err(), "{public:02x?}");
    }
}
