//! A provider that does what the test wants, also what no provider should.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// What it knows and says. Tests change it at will.
pub struct Says {
    /// Its description of itself.
    pub described: Value,
    /// Its published keys.
    pub keys: Vec<Value>,
    /// What its ID tokens state.
    pub claims: Value,
    /// What it tells of people who bring the access token.
    pub userinfo: Value,
    /// By what it signs.
    pub signing: (Algorithm, &'static str, EncodingKey),
    /// An ID token in place of one it would sign.
    pub token: Option<String>,
    /// The PKCE challenge that the browser brought.
    pub challenge: String,
    /// Answers with a redirect to itself.
    pub redirects: bool,
    /// What it was asked.
    pub asked: Vec<String>,
}

/// The provider, listening on this machine until the test ends.
pub struct Strange {
    /// As it calls itself.
    pub issuer: String,
    /// What it says.
    pub says: Arc<Mutex<Says>>,
    /// An ECDSA key that it publishes.
    pub p256: EncodingKey,
}

impl Strange {
    /// Starts one.
    pub fn start() -> Self {
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let random = aws_lc_rs::rand::SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ed_public = Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ec_public = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref()).unwrap();
        let point = ec_public.public_key().as_ref();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let says = Says {
            described: json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
                "userinfo_endpoint": format!("{issuer}/userinfo"), "response_types_supported": ["code"],
            }),
            keys: vec![
                json!({ "kty": "strange", "kid": "unknown" }),
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "x": encode(ed_public.public_key().as_ref()) }),
                json!({ "kty": "EC", "crv": "P-256", "kid": "ec", "x": encode(&point[1..33]), "y": encode(&point[33..]) }),
            ],
            claims: json!({}),
            userinfo: json!({}),
            signing: (Algorithm::EdDSA, "ed", EncodingKey::from_ed_der(ed.as_ref())),
            token: None,
            challenge: String::new(),
            redirects: false,
            asked: Vec::new(),
        };
        let says = Arc::new(Mutex::new(says));
        let shared = Arc::clone(&says);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&mut stream.unwrap(), &shared);
            }
        });
        Self { issuer, says, p256: EncodingKey::from_ec_der(ec.as_ref()) }
    }
}

fn answer(stream: &mut TcpStream, says: &Mutex<Says>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length, mut authorization) = (String::new(), 0, String::new());
    if reader.read_line(&mut first).unwrap_or_default() == 0 {
        return;
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("authorization:") {
            authorization = line["authorization:".len()..].trim().to_owned();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = first.split_whitespace().nth(1).unwrap().to_owned();
    let mut says = says.lock().unwrap();
    says.asked.push(path.clone());
    let told = match path.as_str() {
        "/.well-known/openid-configuration" => Some(says.described.clone()),
        "/jwks" => Some(json!({ "keys": says.keys })),
        "/token" => tokens(&says, &String::from_utf8(body).unwrap(), &authorization),
        "/userinfo" => (authorization == "Bearer access").then(|| says.userinfo.clone()),
        _ => None,
    };
    let text = told.as_ref().map(Value::to_string).unwrap_or_default();
    let status = match told {
        _ if says.redirects => "302 Found\r\nlocation: /elsewhere",
        Some(_) => "200 OK",
        None => "400 Bad Request",
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
    let _ = stream.write_all((head + &text).as_bytes());
}

/// The tokens, for who brings the right code, verifier and secret.
fn tokens(says: &Says, form: &str, authorization: &str) -> Option<Value> {
    use aws_lc_rs::digest::{SHA256, digest};
    let field = |name: &str| {
        let pair = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        pair.unwrap_or_default().to_owned()
    };
    let proof = URL_SAFE_NO_PAD.encode(digest(&SHA256, field("code_verifier").as_bytes()));
    let basic = base64::engine::general_purpose::STANDARD.encode("keyward:s%2Becret");
    let known = authorization == format!("Basic {basic}") || field("client_secret") == "s%2Becret";
    let right = field("code") == "good" && proof == says.challenge && known;
    let (algorithm, kid, key) = &says.signing;
    let header = Header { kid: Some((*kid).to_owned()), ..Header::new(*algorithm) };
    let signed = says.token.clone().unwrap_or_else(|| encode(&header, &says.claims, key).unwrap());
    right.then(|| json!({ "id_token": signed, "access_token": "access", "token_type": "Bearer" }))
}
