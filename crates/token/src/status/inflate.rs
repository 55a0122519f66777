//! A bounded zlib stream (RFC 1950) with nothing behind it.

use alloc::{boxed::Box, vec, vec::Vec};
use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};

pub(super) enum InflateError {
    /// More bytes than may be.
    TooLarge,
    /// Not one whole zlib stream.
    Invalid,
}

const FLAGS: u32 = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
    | inflate_flags::TINFL_FLAG_COMPUTE_ADLER32
    | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// Inflates a whole text. The convenience functions of miniz_oxide do not say whether they have read all of it.
pub(super) fn zlib(packed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut state = Box::<DecompressorOxide>::default();
    let mut bytes = vec![0; packed.len().saturating_mul(2).min(limit)];
    let (mut rest, mut length) = (packed, 0_usize);
    loop {
        let (status, read, written) = decompress(&mut state, rest, &mut bytes, length, FLAGS);
        rest = rest.get(read..).ok_or(InflateError::Invalid)?;
        length = length.saturating_add(written);
        match status {
            TINFLStatus::Done if rest.is_empty() => {
                bytes.truncate(length);
                return Ok(bytes);
            }
            TINFLStatus::HasMoreOutput if bytes.len() >= limit => return Err(InflateError::TooLarge),
            TINFLStatus::HasMoreOutput => bytes.resize(bytes.len().saturating_mul(2).clamp(1, limit), 0),
            _ => return Err(InflateError::Invalid),
        }
    }
}
