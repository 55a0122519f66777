//! base64url without padding, in its one canonical form (RFC 4648 §5, RFC 7515 §2).

use alloc::{string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// How many characters encode so many bytes.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// The most bytes that so many characters can hold.
const fn room(characters: usize) -> usize {
    characters.div_ceil(4).saturating_mul(3)
}

/// Decodes into the buffer, which afterwards holds the bytes and nothing else.
pub(crate) fn decode_into(text: &str, buffer: &mut Vec<u8>) -> Option<()> {
    buffer.clear();
    buffer.resize(room(text.len()), 0);
    let length = URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()?;
    buffer.truncate(length);
    Some(())
}

/// Decodes what must be exactly `N` bytes; `ROOM` is the next multiple of three.
pub(crate) fn decode_array<const N: usize, const ROOM: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != encoded_len(N) {
        return None;
    }
    let mut buffer = [0; ROOM];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).ok()?;
    buffer.get(..length)?.try_into().ok()
}

/// Decodes into a fixed buffer and returns the bytes; `None` if they do not fit or are not canonical.
pub(crate) fn decode_slice<'b>(text: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let length = URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}

/// Encodes into an array of exactly the right length.
pub(crate) fn encode_array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut text = [0; N];
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
    debug_assert_eq!(written, Ok(N));
    text
}

/// Appends the encoded bytes.
pub(crate) fn encode_to(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}
