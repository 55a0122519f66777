//! Tokens that must be accepted, and tokens that must be refused.

use super::{Invalid, Valid, name, rules};
use crate::support::{
    EXPIRES, ISSUED, LIST, NOW, PAYLOAD, claims, encode, header, jws, signer, signer_of, token,
};
use keyward_token::{Format, StatusTable, UnixSeconds};

pub(super) fn valid() -> Vec<Valid> {
    let vector = |title: &str, now: UnixSeconds, token: String, claims: String, ours: bool| Valid {
        name: name(title),
        rules: rules(title),
        now: now.as_i64(),
        token,
        claims,
        signs_byte_identical: ours,
    };
    let mut vectors = Vec::new();
    for (format, form) in [(Format::Jwt, "jwt"), (Format::Paseto, "paseto")] {
        let json = claims(PAYLOAD).to_json(format).unwrap();
        vectors.push(vector(&format!("{form}: a license [H1 C1]"), NOW, token(format), json.clone(), true));
        vectors.push(vector(
            &format!("{form}: the second of nbf"),
            ISSUED,
            token(format),
            json.clone(),
            true,
        ));
        let last = UnixSeconds::new(EXPIRES.as_i64() - 1);
        vectors.push(vector(&format!("{form}: the second before exp"), last, token(format), json, true));
        let mut endless = claims(
            r#"{"big":123456789012345678901234567890,"f":1.50,"e":1.7E308,"s":"\u00e9\/\ud83d\ude00"}"#,
        );
        (endless.exp, endless.status) = (None, None);
        let json = endless.to_json(format).unwrap();
        let token = signer().sign(format, &endless).unwrap();
        vectors.push(vector(
            &format!("{form}: no end, and numbers beyond any type [J6 J4]"),
            UnixSeconds::MAX,
            token,
            json,
            true,
        ));
    }
    let small = r#"{"aud":"license-key","seats":25,"plan":"pro","big":12345678901234567890}"#;
    vectors.push(vector("jwt: the least", NOW, signer().sign_jwt(small), small.into(), true));
    for (title, header) in [
        ("jwt: no kid [H8]", r#"{"alg":"EdDSA","typ":"JWT"}"#.to_owned()),
        ("jwt: alg Ed25519 [H4]", r#"{"alg":"Ed25519","typ":"JWT"}"#.to_owned()),
        (
            "jwt: other order, white space and an unknown member",
            format!(r#"{{ "typ":"JWT", "kid":"{}", "alg":"EdDSA", "x":[1] }}"#, signer().kid()),
        ),
    ] {
        let json = r#"{ "aud" : "license-key" }"#;
        vectors.push(vector(title, NOW, jws(header, json), json.into(), false));
    }
    vectors
}

pub(super) fn invalid() -> Vec<Invalid> {
    let good = token(Format::Jwt);
    let paseto = token(Format::Paseto);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header_with = |members: &str| {
        jws(format!(r#"{{"alg":"EdDSA","typ":"JWT",{members}}}"#), r#"{"aud":"license-key"}"#)
    };
    let of = |payload: &str| jws(header(), payload);
    let with = |claim: &str| of(&format!(r#"{{"aud":"license-key",{claim}}}"#));
    let deep = format!(r#""a":{}{}"#, "[".repeat(32), "]".repeat(32));
    let without_kid = jws(r#"{"alg":"EdDSA","typ":"JWT"}"#, r#"{"aud":"license-key"}"#);
    let wide = format!(r#"{{"alg":"EdDSA","typ":"JWT","x":"{}"}}"#, "x".repeat(735));
    let body = paseto.rsplit_once('.').unwrap().0;
    let mut cases: Vec<(&str, UnixSeconds, String, &str)> = vec![
        ("header of 769 bytes [H3]", NOW, jws(wide, r#"{"aud":"license-key"}"#), "malformed"),
        ("header that is an array [H3]", NOW, jws("[]", r#"{"aud":"license-key"}"#), "malformed"),
        ("kid a number [H7]", NOW, header_with(r#""kid":1"#), "malformed"),
        ("a number beyond a double [J4]", NOW, with(r#""x":[-1e999]"#), "malformed"),
        (
            "status without its address [C2]",
            NOW,
            with(r#""status":{"status_list":{"idx":1}}"#),
            "invalid_claim",
        ),
        ("paseto: footer that is no object [P2]", NOW, format!("{body}.{}", encode("[]")), "malformed"),
        ("paseto: footer of 1025 characters [P2]", NOW, format!("{body}.{}", "A".repeat(1_025)), "malformed"),
        ("paseto: kid a number [P3]", NOW, format!("{body}.{}", encode("{\"kid\":1}")), "malformed"),
        (
            "paseto: a kid that is no thumbprint [P3]",
            NOW,
            format!("{body}.{}", encode("{\"kid\":\"mine\"}")),
            "unknown_key",
        ),
        (
            "status list as a license [L1]",
            NOW,
            StatusTable::new(8).sign(&signer(), LIST, ISSUED, None, None).unwrap(),
            "wrong_type",
        ),
        ("two parts [H2]", NOW, signed.into(), "malformed"),
        ("four parts [H2]", NOW, format!("{good}.{signature}"), "malformed"),
        ("white space before [H2 X1]", NOW, format!(" {good}"), "malformed"),
        ("a newline after [H2 X1]", NOW, format!("{good}\n"), "malformed"),
        ("padding [H2]", NOW, format!("{good}=="), "malformed"),
        ("a signature of 63 bytes [H2]", NOW, format!("{signed}.{}", encode([0; 63])), "malformed"),
        (
            "alg none [H4]",
            NOW,
            jws(r#"{"alg":"none","typ":"JWT"}"#, r#"{"aud":"license-key"}"#),
            "unsupported_algorithm",
        ),
        (
            "alg HS256 [H4]",
            NOW,
            jws(r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"aud":"license-key"}"#),
            "unsupported_algorithm",
        ),
        ("no typ [H5]", NOW, jws(r#"{"alg":"EdDSA"}"#, r#"{"aud":"license-key"}"#), "wrong_type"),
        (
            "typ statuslist+jwt [H5 L1]",
            NOW,
            jws(r#"{"alg":"EdDSA","typ":"statuslist+jwt"}"#, r#"{"aud":"license-key"}"#),
            "wrong_type",
        ),
        ("crit [H6]", NOW, header_with(r#""crit":["b64"]"#), "refused_header"),
        (
            "jwk [H6]",
            NOW,
            header_with(&format!(r#""jwk":{}"#, signer().public_key().to_jwk())),
            "refused_header",
        ),
        ("jku [H6]", NOW, header_with(r#""jku":"https://evil.example""#), "refused_header"),
        ("x5c [H6]", NOW, header_with(r#""x5c":["AA"]"#), "refused_header"),
        ("zip [H6]", NOW, header_with(r#""zip":"DEF""#), "refused_header"),
        ("b64 [H6]", NOW, header_with(r#""b64":true"#), "refused_header"),
        ("alg twice [J1]", NOW, header_with(r#""alg":"EdDSA""#), "malformed"),
        (
            "another key's kid [K1 H7]",
            NOW,
            signer_of(8).sign(Format::Jwt, &claims(PAYLOAD)).unwrap(),
            "unknown_key",
        ),
        ("a kid that is no thumbprint [H7]", NOW, header_with(r#""kid":"mine""#), "unknown_key"),
        ("signature of zeros [S1]", NOW, format!("{signed}.{}", encode([0; 64])), "bad_signature"),
        ("altered payload [S1]", NOW, good.replacen(".ey", ".eY", 1), "bad_signature"),
        ("payload is an array [J5]", NOW, of("[]"), "malformed"),
        ("payload is not JSON [J3]", NOW, of("{\"aud\":\"license-key\""), "malformed"),
        ("text after the object [J5]", NOW, of("{\"aud\":\"license-key\"}x"), "malformed"),
        ("byte order mark [J5]", NOW, of("\u{feff}{\"aud\":\"license-key\"}"), "malformed"),
        ("NaN [J3]", NOW, with(r#""x":NaN"#), "malformed"),
        ("invalid UTF-8 [J5]", NOW, jws(header(), b"{\"aud\":\"license-key\",\"x\":\"\xff\"}"), "malformed"),
        ("lone surrogate [J3]", NOW, with(r#""x":"\ud800""#), "malformed"),
        ("claim twice [J1]", NOW, with(r#""exp":1,"exp":1831536000"#), "malformed"),
        ("claim twice, once escaped [J1]", NOW, with(r#""exp":1,"\u0065xp":1831536000"#), "malformed"),
        ("member twice at depth [J1]", NOW, with(r#""x":[{"a":1,"a":2}]"#), "malformed"),
        ("nested 33 deep [J2]", NOW, with(&deep), "malformed"),
        ("exp as text [C2]", NOW, with(r#""exp":"1831536000""#), "invalid_claim"),
        ("exp as fraction [C2]", NOW, with(r#""exp":1831536000.5"#), "invalid_claim"),
        ("exp with exponent [C2]", NOW, with(r#""exp":1831536e3"#), "invalid_claim"),
        ("exp null [C2]", NOW, with(r#""exp":null"#), "invalid_claim"),
        ("exp after 9999 [C2]", NOW, with(r#""exp":253402300800"#), "invalid_claim"),
        ("nbf negative [C2]", NOW, with(r#""nbf":-1"#), "invalid_claim"),
        ("iat true [C2]", NOW, with(r#""iat":true"#), "invalid_claim"),
        ("iss a number [C2]", NOW, with(r#""iss":1"#), "invalid_claim"),
        ("keyward of version 2 [C3]", NOW, with(r#""keyward":{"v":2,"org":"o"}"#), "invalid_claim"),
        ("aud another", NOW, of(r#"{"aud":["other"]}"#), "wrong_audience"),
        ("aud absent", NOW, of("{}"), "wrong_audience"),
        ("the second before nbf", UnixSeconds::new(ISSUED.as_i64() - 1), good.clone(), "not_yet_valid"),
        ("the second of exp", EXPIRES, good.clone(), "expired"),
        ("paseto: v4.local [P1]", NOW, paseto.replace(".public.", ".local."), "unsupported_format"),
        ("paseto: v2 [P1]", NOW, paseto.replace("v4.", "v2."), "unsupported_format"),
        ("paseto: without its footer", NOW, body.into(), "bad_signature"),
        ("paseto: padding [P2]", NOW, format!("{paseto}="), "malformed"),
        (
            "paseto: exp as number [C2]",
            NOW,
            signer().sign_paseto(r#"{"aud":"license-key","exp":1831536000}"#).unwrap(),
            "invalid_claim",
        ),
        (
            "paseto: exp with offset [C2]",
            NOW,
            signer().sign_paseto(r#"{"aud":"license-key","exp":"2028-01-15T09:00:00+01:00"}"#).unwrap(),
            "invalid_claim",
        ),
        ("paseto: the second of exp", EXPIRES, paseto.clone(), "expired"),
    ];
    cases.extend(crafted().map(|(title, token)| (title, NOW, token, "bad_signature")));
    let vector = |(title, now, token, error): (&str, UnixSeconds, String, &str)| Invalid {
        name: name(title),
        rules: rules(title),
        now: now.as_i64(),
        jwks: None,
        token,
        error: error.into(),
    };
    let mut vectors: Vec<_> = cases.into_iter().map(vector).collect();
    // Two keys, and a token that names none: neither is tried.
    let two: Vec<_> = [signer(), signer_of(8)].iter().map(|signer| signer.public_key().to_jwk()).collect();
    vectors.push(Invalid {
        jwks: Some(format!(r#"{{"keys":[{}]}}"#, two.join(","))),
        ..vector(("no kid, and two keys [H8 H9]", NOW, without_kid, "unknown_key"))
    });
    vectors
}

/// The same claims under signatures that other rules than the strict one accept.
fn crafted() -> [(&'static str, String); 5] {
    use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION, scalar::clamp_integer};
    use sha2::{Digest as _, Sha512};

    let signed = token(Format::Jwt).rsplit_once('.').unwrap().0.to_owned();
    let hash: [u8; 64] = Sha512::digest([7; 32]).into();
    let secret = Scalar::from_bytes_mod_order(clamp_integer(hash[..32].try_into().unwrap()));
    let public = signer().public_key().to_bytes();
    let sign = |nonce: Scalar, point: [u8; 32]| {
        let hash = Sha512::new().chain_update(point).chain_update(public).chain_update(&signed).finalize();
        let s = nonce + Scalar::from_bytes_mod_order_wide(&hash.into()) * secret;
        format!("{signed}.{}", encode([point, s.to_bytes()].concat()))
    };
    let nonce = Scalar::from_bytes_mod_order_wide(&crate::support::bytes("nonce", 0));
    let torsion = (EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[1]).compress().to_bytes();
    let mut identity = [0xff; 32];
    (identity[0], identity[31]) = (0xee, 0x7f); // y = p + 1
    let mut unreduced: [u8; 64] = signer().secret_key().sign(signed.as_bytes());
    let mut carry = 0;
    for (byte, add) in unreduced[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    [
        ("signature with S beyond the order [S1]", format!("{signed}.{}", encode(unreduced))),
        ("signature with R the identity [S2]", sign(Scalar::ZERO, EIGHT_TORSION[0].compress().to_bytes())),
        ("signature with R of order eight [S2]", sign(Scalar::ZERO, EIGHT_TORSION[1].compress().to_bytes())),
        ("signature with R not canonical [S3]", sign(Scalar::ZERO, identity)),
        ("signature that only the equation with the cofactor accepts [S4]", sign(nonce, torsion)),
    ]
}

/// The order of the base point, little endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
