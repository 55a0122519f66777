//! Status lists: what they say of a license, and what is in them.

use super::{corpus::jwks, name, rules};
use crate::support::{ISSUED, LIST, NOW, PAYLOAD, claims, encode, jws, signer, signer_of, token};
use keyward_token::{
    Format, Keyring, NoClaims, Status, StatusListVerifier, StatusRef, StatusTable, UnixSeconds, Verifier,
};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ListVector {
    pub(super) name: String,
    pub(super) rules: Vec<String>,
    pub(super) now: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keys: Option<String>,
    /// A license that is valid at `now`, by the keys of the part.
    pub(super) license: String,
    pub(super) lists: Vec<String>,
    /// What the verifier of lists is told besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) not_older_than: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_token_bytes: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_list_bytes: Option<usize>,
    /// `valid`, or the code of the error: of the list, or of the license by the list.
    pub(super) verdict: String,
}

pub(super) fn check(part_keys: &str, vectors: &[ListVector]) {
    let verifier = Verifier::for_any_product().keys(Keyring::from_jwks(part_keys).unwrap()).build();
    for vector in vectors {
        let now = UnixSeconds::new(vector.now);
        let license = verifier.verify::<NoClaims>(&vector.license, now).unwrap();
        let keys = Keyring::from_jwks(vector.keys.as_deref().unwrap_or(part_keys)).unwrap();
        let mut lists = StatusListVerifier::builder().keys(keys);
        if let Some(uri) = &vector.uri {
            lists = lists.uri(uri);
        }
        if let Some(seen) = vector.not_older_than {
            lists = lists.not_older_than(UnixSeconds::new(seen));
        }
        if let Some(bytes) = vector.max_token_bytes {
            lists = lists.max_token_bytes(bytes);
        }
        if let Some(bytes) = vector.max_list_bytes {
            lists = lists.max_list_bytes(bytes);
        }
        let verdict = lists.build().check(&vector.lists, &license, now);
        let verdict = verdict.err().map_or("valid", |error| error.code());
        assert_eq!(verdict, vector.verdict, "{}", vector.name);
    }
}

pub(super) fn all() -> Vec<ListVector> {
    let good = token(Format::Jwt);
    let referring = |index: u64, uri: &'static str| {
        let mut claims = claims(PAYLOAD);
        claims.status = Some(StatusRef { index, uri: uri.into() });
        signer().sign(Format::Jwt, &claims).unwrap()
    };
    let table = |status: Status| {
        let mut table = StatusTable::new(2_000);
        table.set(1_234, status).unwrap();
        table.sign(&signer(), LIST, ISSUED, None, None).unwrap()
    };
    let list = |more: &str, zlib: &[u8]| {
        let header = format!(r#"{{"alg":"EdDSA","typ":"statuslist+jwt","kid":"{}"}}"#, signer().kid());
        let lst = encode(zlib);
        jws(
            header,
            format!(r#"{{"sub":"{LIST}","iat":1800000000{more},"status_list":{{"bits":2,"lst":"{lst}"}}}}"#),
        )
    };
    let zlib = compress_to_vec_zlib(&[0; 500], 9);
    let after = |more: &[u8]| [&zlib[..], more].concat();
    let mut wrong_sum = zlib.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let vector = |title: &str, license: &str, list: String, verdict: &str| ListVector {
        name: name(title),
        rules: rules(title),
        now: NOW.as_i64(),
        license: license.into(),
        lists: vec![list],
        verdict: verdict.into(),
        ..ListVector::default()
    };
    let before = |title: &str, seconds: i64, claim: &str, verdict: &str| {
        let at = NOW.as_i64() + seconds;
        vector(title, &good, list(&format!(r#","{claim}":{at}"#), &zlib), verdict)
    };
    let mut vectors = vec![
        vector("listed as valid [L2]", &good, table(Status::Valid), "valid"),
        vector("revoked [L2]", &good, table(Status::Invalid), "revoked"),
        vector("suspended [L2]", &good, table(Status::Suspended), "suspended"),
        vector("another value [L2]", &good, table(Status::Other(3)), "revoked"),
        vector("a license as a list [L1]", &good, good.clone(), "wrong_type"),
        vector(
            "a list of another address [L2]",
            &referring(1_234, "https://keys.example.com/o/other/status-list"),
            table(Status::Valid),
            "other_status_list",
        ),
        vector("the last index [L3]", &referring(1_999, LIST), table(Status::Valid), "valid"),
        vector(
            "beyond the last index [L3]",
            &referring(2_000, LIST),
            table(Status::Valid),
            "status_out_of_range",
        ),
        vector(
            "more than 4 MiB [L4]",
            &good,
            list("", &compress_to_vec_zlib(&vec![0; (4 << 20) + 1], 9)),
            "too_large",
        ),
        vector("a byte after the stream [L5]", &good, list("", &after(&[0])), "invalid_claim"),
        vector("two streams [L5]", &good, list("", &after(&zlib)), "invalid_claim"),
        vector("half a stream [L5]", &good, list("", &zlib[..zlib.len() - 5]), "invalid_claim"),
        vector("a wrong checksum [L5]", &good, list("", &wrong_sum), "invalid_claim"),
        before("the second of its nbf [L6]", 0, "nbf", "valid"),
        before("the second before its nbf [L6]", 1, "nbf", "not_yet_valid"),
        before("the second before its exp [L6]", 1, "exp", "valid"),
        before("the second of its exp [L6]", 0, "exp", "expired"),
    ];
    let titled = |title: &str, list: String, verdict: &str| vector(title, &good, list, verdict);
    let lists = |title: &str, lists: &[String], verdict: &str| ListVector {
        lists: lists.to_vec(),
        ..vector(title, &good, String::new(), verdict)
    };
    let typed = |json: &str| {
        jws(format!(r#"{{"alg":"EdDSA","typ":"statuslist+jwt","kid":"{}"}}"#, signer().kid()), json)
    };
    let claimed = |members: &str| typed(&format!(r#"{{"sub":"{LIST}",{members}}}"#));
    let inner = |list: &str| claimed(&format!(r#""iat":1800000000,"status_list":{list}"#));
    let lst = encode(&zlib);
    let entries = |bits: u32, bytes: &[u8]| {
        inner(&format!(r#"{{"bits":{bits},"lst":"{}"}}"#, encode(compress_to_vec_zlib(bytes, 9))))
    };
    let of_index = |title: &str, index: u64, list: String, verdict: &str| {
        vector(title, &referring(index, LIST), list, verdict)
    };
    let (clears, revokes) = (table(Status::Valid), table(Status::Invalid));
    let elsewhere =
        StatusTable::new(2_000).sign(&signer(), "https://old.example.com/list", ISSUED, None, None).unwrap();
    let expired = list(r#","exp":1800000001"#, &zlib);
    let unlisted = signer().sign_jwt(r#"{"aud":"license-key"}"#);
    let by_stranger = {
        let table = StatusTable::new(2_000);
        table.sign(&signer_of(8), LIST, ISSUED, None, None).unwrap()
    };
    // The first byte, and whether a dictionary is named; the check bits follow from both.
    let headed = |first: u8, dictionary: u8| {
        let right = |second: &u8| {
            second & 0x20 == dictionary && (u16::from(first) * 256 + u16::from(*second)) % 31 == 0
        };
        let second = (0..=255).find(right).unwrap();
        [&[first, second], &zlib[2..]].concat()
    };
    let (dictionary, wide) = (headed(0x78, 0x20), headed(0x88, 0)); // a window of 64 KiB is none
    let mut checked = zlib.clone();
    checked[1] ^= 1;
    let four = 4 << 20;
    vectors.extend([
        lists("no list", &[], "no_status_list"),
        lists(
            "two lists, of which one is of another address [L2]",
            &[elsewhere.clone(), clears.clone()],
            "valid",
        ),
        lists(
            "two lists, and the one of another address comes last [L2]",
            &[clears.clone(), elsewhere.clone()],
            "valid",
        ),
        lists("two lists, of which one revokes", &[clears.clone(), revokes.clone()], "revoked"),
        lists("two lists, of which one is refused", &[expired.clone(), clears.clone()], "valid"),
        lists("two lists, refused and of another address", &[expired.clone(), elsewhere.clone()], "expired"),
        lists("two lists, of another address and refused", &[elsewhere.clone(), expired.clone()], "expired"),
        lists("two lists, both refused", &[expired.clone(), by_stranger.clone()], "unknown_key"),
        lists("a list that is no token and one that clears", &["x".into(), clears.clone()], "valid"),
        titled("a list by another key", by_stranger.clone(), "unknown_key"),
        ListVector {
            keys: Some(jwks(&[7, 8])),
            ..titled("a list by the second of two keys", by_stranger, "valid")
        },
        vector("a license that names no list", &unlisted, clears.clone(), "no_status"),
        vector("a license that names no list, and none is there", &unlisted, expired, "expired"),
        ListVector {
            uri: Some(LIST.into()),
            ..titled("the address that is expected", clears.clone(), "valid")
        },
        ListVector {
            uri: Some("u".into()),
            ..titled("another address than is expected", clears.clone(), "wrong_subject")
        },
        ListVector {
            not_older_than: Some(1_800_000_000),
            ..titled("as new as the newest", clears.clone(), "valid")
        },
        ListVector {
            not_older_than: Some(1_800_000_001),
            ..titled("older than the newest", clears.clone(), "outdated")
        },
        ListVector {
            max_token_bytes: Some(clears.len() - 1),
            ..titled("a list too long", clears.clone(), "too_large")
        },
        ListVector {
            max_list_bytes: Some(500),
            ..titled("a list of as many bytes as may be [L4]", clears.clone(), "valid")
        },
        ListVector {
            max_list_bytes: Some(499),
            ..titled("a list of a byte too many [L4]", clears, "too_large")
        },
        titled("4 MiB [L4]", list("", &compress_to_vec_zlib(&vec![0; four], 9)), "valid"),
        titled("a list with a dictionary [L5]", list("", &dictionary), "invalid_claim"),
        titled("a list with a window of 64 KiB [L5]", list("", &wide), "invalid_claim"),
        titled("a list with a wrong check of its head [L5]", list("", &checked), "invalid_claim"),
        titled("a list without zlib's head [L5]", list("", &zlib[2..]), "invalid_claim"),
        titled("a list without its checksum [L5]", list("", &zlib[..zlib.len() - 4]), "invalid_claim"),
        titled("an empty list", list("", &[]), "invalid_claim"),
        titled("a list of no bytes [L3]", list("", &compress_to_vec_zlib(&[], 9)), "status_out_of_range"),
        titled(
            "lst in base64 with padding",
            inner(&format!(r#"{{"bits":2,"lst":"{lst}="}}"#)),
            "invalid_claim",
        ),
        titled("lst with an escape", inner(&format!(r#"{{"bits":2,"lst":"\u0065{}"}}"#, &lst[1..])), "valid"),
        titled("lst a number", inner(r#"{"bits":2,"lst":1}"#), "invalid_claim"),
        titled("lst absent", inner(r#"{"bits":2}"#), "invalid_claim"),
        titled("bits absent", inner(&format!(r#"{{"lst":"{lst}"}}"#)), "invalid_claim"),
        titled("bits of 3", inner(&format!(r#"{{"bits":3,"lst":"{lst}"}}"#)), "invalid_claim"),
        titled("bits of 2.0", inner(&format!(r#"{{"bits":2.0,"lst":"{lst}"}}"#)), "invalid_claim"),
        titled("status_list an array", inner("[]"), "invalid_claim"),
        titled("status_list absent", claimed(r#""iat":1800000000"#), "invalid_claim"),
        titled(
            "iat absent",
            claimed(&format!(r#""status_list":{{"bits":2,"lst":"{lst}"}}"#)),
            "invalid_claim",
        ),
        titled("iat as text", list(r#","iat":"1""#, &zlib), "malformed"),
        titled(
            "sub absent",
            typed(&format!(r#"{{"iat":1800000000,"status_list":{{"bits":2,"lst":"{lst}"}}}}"#)),
            "invalid_claim",
        ),
        titled("ttl of zero", list(r#","ttl":0"#, &zlib), "invalid_claim"),
        titled("ttl as text", list(r#","ttl":"60""#, &zlib), "invalid_claim"),
        titled("ttl of one second", list(r#","ttl":1"#, &zlib), "valid"),
        titled("exp null", list(r#","exp":null"#, &zlib), "invalid_claim"),
        titled("nbf a fraction", list(r#","nbf":1.5"#, &zlib), "invalid_claim"),
        titled(
            "the end before what is in the list",
            claimed(r#""iat":1800000000,"exp":1800000001,"status_list":{"bits":3}"#),
            "expired",
        ),
        titled("a claim twice [J1]", list(r#","ttl":1,"ttl":1"#, &zlib), "malformed"),
        titled(
            "a list with typ JWT [L1]",
            jws(
                crate::support::header(),
                format!(r#"{{"sub":"{LIST}","iat":1800000000,"status_list":{{"bits":2,"lst":"{lst}"}}}}"#),
            ),
            "wrong_type",
        ),
        of_index("one bit: 0", 8, entries(1, &[0xff, 0xfe]), "valid"),
        of_index("one bit: 1", 9, entries(1, &[0x00, 0x02]), "revoked"),
        of_index("one bit: beyond", 16, entries(1, &[0, 0]), "status_out_of_range"),
        of_index("four bits: 2", 3, entries(4, &[0, 0x20]), "suspended"),
        of_index("four bits: 8", 3, entries(4, &[0, 0x80]), "revoked"),
        of_index("eight bits: 2", 1, entries(8, &[0, 2]), "suspended"),
        of_index("eight bits: 255", 1, entries(8, &[0, 255]), "revoked"),
        of_index("an index of 2^53 + 1", (1 << 53) + 1, entries(8, &[0]), "status_out_of_range"),
        of_index("an index of 2^64 - 1", u64::MAX, entries(1, &[0]), "status_out_of_range"),
    ]);
    vectors
}
