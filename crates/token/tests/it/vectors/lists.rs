//! Status lists, and what they say of a license.

use super::{name, rules};
use crate::support::{ISSUED, LIST, NOW, PAYLOAD, claims, encode, jws, signer, token};
use keyward_token::{
    Format, NoClaims, Status, StatusListVerifier, StatusRef, StatusTable, UnixSeconds, Verifier,
};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ListVerdict {
    name: String,
    pub(super) rules: Vec<String>,
    now: i64,
    license: String,
    list: String,
    /// `valid`, or the code of the error: of the list, or of the license by the list.
    verdict: String,
}

pub(super) fn check(vectors: &[ListVerdict]) {
    let verifier = Verifier::for_any_product().key(signer().public_key().clone()).build();
    let lists = StatusListVerifier::builder().key(signer().public_key().clone()).build();
    for vector in vectors {
        let now = UnixSeconds::new(vector.now);
        let license = verifier.verify::<NoClaims>(&vector.license, now).unwrap();
        let verdict = lists.check([&vector.list], &license, now);
        let verdict = verdict.err().map_or("valid", |error| error.code());
        assert_eq!(verdict, vector.verdict, "{}", vector.name);
    }
}

pub(super) fn all() -> Vec<ListVerdict> {
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
    let vector = |title: &str, license: &str, list: String, verdict: &str| ListVerdict {
        name: name(title),
        rules: rules(title),
        now: NOW.as_i64(),
        license: license.into(),
        list,
        verdict: verdict.into(),
    };
    let before = |title: &str, seconds: i64, claim: &str, verdict: &str| {
        let at = NOW.as_i64() + seconds;
        vector(title, &good, list(&format!(r#","{claim}":{at}"#), &zlib), verdict)
    };
    vec![
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
    ]
}
