//! Reads what people hand over: files and pipes in the encodings of their system, tokens and keys as they were pasted.
//! Where it is something else than was asked for, says what it is.

use std::io::{IsTerminal as _, Read};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use keyward_token::{KeyError, Keyring, PublicKey, SecretKey, pasted};
use zeroize::Zeroizing;

/// The longest file or pipe that is read: a signed status list of its greatest length, in UTF-16.
const MOST_BYTES: u64 = 9 * 1024 * 1024;

/// The token itself, or standard input for `-`, without what copying has added.
pub(crate) fn token(argument: &str) -> anyhow::Result<String> {
    if argument != "-" {
        return Ok(pasted(argument).into_owned());
    }
    let stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        eprintln!("keyward: reading the token from the terminal, end with Ctrl-D");
    }
    Ok(pasted(&text(stdin).context("standard input")?).into_owned())
}

/// The text itself, or the file it names after `@`.
pub(crate) fn text_or_file(argument: &str) -> anyhow::Result<String> {
    match argument.strip_prefix('@') {
        Some(path) => Ok(file(path)?.to_string()),
        None => Ok(argument.to_owned()),
    }
}

/// The text of a file in UTF-8 or UTF-16, without its byte order mark.
pub(crate) fn file(path: impl AsRef<Path>) -> anyhow::Result<Zeroizing<String>> {
    let path = path.as_ref();
    let read = || text(std::fs::File::open(path)?);
    read().with_context(|| format!("reading {}", path.display()))
}

/// The same of a file proper: a pipe or a device in its place, which would hold up a program that goes on, is refused.
pub(crate) fn regular_file(path: impl AsRef<Path>) -> anyhow::Result<Zeroizing<String>> {
    let path = path.as_ref();
    let read = || {
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        // Opening a pipe would wait for whoever writes to it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
        let file = options.open(path)?;
        ensure!(file.metadata()?.is_file(), "this is no file");
        text(file)
    };
    read().with_context(|| format!("reading {}", path.display()))
}

/// Reads public keys in any of their forms.
pub(crate) fn public_keys(path: &str) -> anyhow::Result<Keyring> {
    public_keys_of(&file(path)?, path)
}

/// The public keys in the text of a file.
pub(crate) fn public_keys_of(text: &str, path: &str) -> anyhow::Result<Keyring> {
    let text = Zeroizing::new(pasted(text).into_owned());
    let read = if text.starts_with('{') {
        match Keyring::from_jwks(&text) {
            // Not a set, so it is one key.
            Err(KeyError::Jwks) => PublicKey::from_jwk(&text).map(Keyring::from),
            read => read,
        }
    } else if text.starts_with("k4.") {
        PublicKey::from_paserk(&text).map(Keyring::from)
    } else {
        Keyring::from_pem(&text)
    };
    read.map_err(|error| not_a_key(error, &text, "a public key"))
        .with_context(|| format!("the key file {path}"))
}

/// Reads a secret key in any of its forms.
pub(crate) fn secret_key(path: &str) -> anyhow::Result<SecretKey> {
    let text = file(path)?;
    let text = Zeroizing::new(pasted(&text).into_owned());
    let read = if text.starts_with('{') {
        SecretKey::from_jwk(&text)
    } else if text.starts_with("k4.") {
        SecretKey::from_paserk(&text)
    } else {
        SecretKey::from_pem(&text)
    };
    read.map_err(|error| not_a_key(error, &text, "a secret key"))
        .with_context(|| format!("the key file {path}"))
}

/// A management token from the environment, fit for a header.
pub(crate) fn credential(text: &str) -> anyhow::Result<String> {
    let text = pasted(text).into_owned();
    ensure!(!text.is_empty(), "is empty");
    if let Some((place, c)) = foreign(&text, |c| c.is_ascii_graphic()) {
        bail!("contains {} at {place}", shown(c));
    }
    Ok(text)
}

/// Why a text that was refused as malformed is no token, where that can be told.
pub(crate) fn not_a_token(text: &str) -> Option<String> {
    if let Some(kind) = kind(text).filter(|kind| *kind != TOKEN) {
        return Some(format!("this is {kind} and not a token"));
    }
    if text.len() < 256 && Path::new(text).is_file() {
        return Some(format!("this is the name of a file: pass its text, or - and < {text}"));
    }
    foreign(text, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .map(|(place, c)| format!("it contains {} at {place}", shown(c)))
}

fn not_a_key(error: KeyError, text: &str, wanted: &str) -> anyhow::Error {
    let found = match (error, kind(text)) {
        (KeyError::Pem | KeyError::Jwk | KeyError::Jwks | KeyError::Paserk, Some(kind)) if kind != wanted => {
            format!("this is {kind} and not {wanted}")
        }
        (KeyError::Pem, None) => match foreign(text, |c| c.is_ascii_graphic()) {
            Some((place, c)) => format!("it contains {} at {place}", shown(c)),
            None => return error.into(),
        },
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(found)
}

const TOKEN: &str = "a token";

/// What a pasted text is, by how it begins.
fn kind(text: &str) -> Option<&'static str> {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
    // White space is gone from labels, too.
    let kind = if text.contains("-----BEGINPUBLICKEY-----") {
        "a public key"
    } else if text.contains("PRIVATEKEY-----") {
        "a secret key"
    } else if text.contains("-----BEGINCERTIFICATE-----") {
        "a certificate"
    } else if begins(&["k4.public."]) {
        "a public key"
    } else if begins(&["k4.secret."]) {
        "a secret key"
    } else if begins(&["kw_"]) {
        "a key of a server's API or registry"
    } else if begins(&["v4.public.", "eyJ"]) {
        TOKEN
    } else if begins(&["{\"keys\":"]) {
        "a JWK Set"
    } else if begins(&["{\"kty\":", "{\"crv\":"]) {
        "a JWK"
    } else if begins(&["{", "["]) {
        "JSON"
    } else if begins(&["<"]) {
        "a web page"
    } else if is_license_key(text) {
        "a license key, which is validated online,"
    } else {
        return None;
    };
    Some(kind)
}

/// Whether a text looks like the short code of a license: five groups of five.
fn is_license_key(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.len() == 5
        && groups
            .iter()
            .all(|group| group.len() == 5 && group.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The first character that does not belong there, and its place, from 1.
fn foreign(text: &str, belongs: impl Fn(char) -> bool) -> Option<(usize, char)> {
    (1..).zip(text.chars()).find(|(_, c)| !belongs(*c))
}

fn shown(c: char) -> String {
    if c.is_ascii_graphic() { format!("“{c}”") } else { format!("U+{:04X}", u32::from(c)) }
}

fn text(source: impl Read) -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= MOST_BYTES, "it has more than {MOST_BYTES} bytes");
    decode(&bytes)
}

/// UTF-8, or UTF-16 as PowerShell writes it with `>`: with a byte order mark.
fn decode(bytes: &[u8]) -> anyhow::Result<Zeroizing<String>> {
    let read = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [_, 0, ..] | [0, _, ..] => bail!("this is a UTF-16 file without a byte order mark: save it as UTF-8"),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.to_owned()),
            Err(error) => bail!("this is not UTF-8: byte {} is wrong", error.valid_up_to() + 1),
        },
    };
    read.map(Zeroizing::new).context("this text is broken: half a character is missing")
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return None;
    }
    String::from_utf16(&pairs.iter().map(|pair| unit(*pair)).collect::<Vec<_>>()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn files_of_every_system_are_read() {
        let wide = |mark: u16, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(mark).chain("é.b".encode_utf16()).flat_map(unit).collect()
        };
        for bytes in [
            "é.b".as_bytes().to_vec(),
            "\u{feff}é.b".as_bytes().to_vec(),
            wide(0xfeff, u16::to_le_bytes),
            wide(0xfeff, u16::to_be_bytes),
        ] {
            assert_eq!(*decode(&bytes).unwrap(), "é.b", "{bytes:?}");
        }
        assert!(decode(b"a\0b\0").unwrap_err().to_string().contains("UTF-16"));
        assert!(decode(b"\xff\xfea").unwrap_err().to_string().contains("broken"));
        assert!(decode(b"a\xe9").unwrap_err().to_string().contains("byte 2"));
    }

    #[test]
    fn what_is_no_token_is_named() {
        for (text, named) in [
            ("-----BEGINPUBLICKEY-----x", "this is a public key and not a token"),
            ("{\"keys\":[]}", "this is a JWK Set and not a token"),
            (
                "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC",
                "this is a license key, which is validated online, and not a token",
            ),
            ("eyJh—b", "it contains U+2014 at 5"),
            ("eyJh+b", "it contains “+” at 5"),
        ] {
            assert_eq!(not_a_token(text).as_deref(), Some(named), "{text}");
        }
        assert_eq!(not_a_token("eyJh.b.c"), None);
    }

    #[test]
    fn a_credential_fits_a_header() {
        assert_eq!(credential("\u{feff}“kw_mgmt_1”\r\n").unwrap(), "kw_mgmt_1");
        assert!(credential(" \n").is_err());
        assert_eq!(credential("kw—x").unwrap_err().to_string(), "contains U+2014 at 3");
    }
}
