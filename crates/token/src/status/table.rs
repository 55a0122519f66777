use super::{Status, StatusError};
use alloc::vec::Vec;

/// Statuses by index, packed as the list carries them: the first entry in the lowest bits of the first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusTable {
    bytes: Vec<u8>,
    bits: Bits,
}

impl StatusTable {
    /// A table of at least so many licenses, all valid, two bits each. The length is rounded up to whole bytes.
    pub fn new(entries: usize) -> Self {
        Self { bytes: alloc::vec![0; entries.div_ceil(4)], bits: Bits::Two }
    }

    pub(super) fn from_bytes(bytes: Vec<u8>, bits: Bits) -> Self {
        Self { bytes, bits }
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_mul(self.bits.per_byte())
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The status at an index.
    ///
    /// # Errors
    /// [`StatusError::OutOfRange`]: an index beyond the table is never a valid license.
    pub fn status(&self, index: u64) -> Result<Status, StatusError> {
        let (place, shift) = self.bits.place(index).ok_or(StatusError::OutOfRange)?;
        let byte = self.bytes.get(place).ok_or(StatusError::OutOfRange)?;
        Ok(Status::from((byte >> shift) & self.bits.mask()))
    }

    /// Sets the status at an index.
    ///
    /// # Errors
    /// [`StatusError::OutOfRange`], or [`StatusError::TooBig`] for a value above three.
    pub fn set(&mut self, index: u64, status: Status) -> Result<(), StatusError> {
        let value = u8::from(status);
        let mask = self.bits.mask();
        if value > mask {
            return Err(StatusError::TooBig);
        }
        let (place, shift) = self.bits.place(index).ok_or(StatusError::OutOfRange)?;
        let byte = self.bytes.get_mut(place).ok_or(StatusError::OutOfRange)?;
        *byte = (*byte & !(mask << shift)) | (value << shift);
        Ok(())
    }

    #[cfg(feature = "sign")]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[cfg(feature = "sign")]
    pub(super) fn bits(&self) -> u8 {
        self.bits as u8
    }
}

/// How many bits an entry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bits {
    One = 1,
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Bits {
    pub(super) fn from_claim(bits: u64) -> Option<Self> {
        match bits {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            8 => Some(Self::Eight),
            _ => None,
        }
    }

    fn per_byte(self) -> u64 {
        match self {
            Self::One => 8,
            Self::Two => 4,
            Self::Four => 2,
            Self::Eight => 1,
        }
    }

    fn mask(self) -> u8 {
        match self {
            Self::One => 0x01,
            Self::Two => 0x03,
            Self::Four => 0x0f,
            Self::Eight => 0xff,
        }
    }

    /// Which byte, and how far its entry is shifted.
    fn place(self, index: u64) -> Option<(usize, u8)> {
        let place = usize::try_from(index.checked_div(self.per_byte())?).ok()?;
        let within = u8::try_from(index.checked_rem(self.per_byte())?).ok()?;
        Some((place, within.checked_mul(self as u8)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the draft's section "Compressed Byte Array" with two bits:
    /// status[0..12] = 1 2 0 3 0 1 0 1 1 2 3 3 is 0xc9 0x44 0xf9.
    #[test]
    fn entries_are_packed_from_the_lowest_bits() {
        let mut table = StatusTable::new(12);
        for (index, value) in [1u8, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3].into_iter().enumerate() {
            table.set(index as u64, Status::from(value)).unwrap();
            assert_eq!(table.status(index as u64), Ok(Status::from(value)));
        }
        assert_eq!(table.bytes, [0xc9, 0x44, 0xf9]);
        let one = StatusTable::from_bytes(alloc::vec![0xb9, 0xa3], Bits::One);
        let statuses: Vec<u8> = (0..16).map(|index| one.status(index).unwrap().into()).collect();
        assert_eq!(statuses, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    }

    #[test]
    fn what_is_outside_is_an_error() {
        let mut table = StatusTable::new(5);
        assert_eq!(table.len(), 8);
        for index in [8, 9, u64::MAX] {
            assert_eq!(table.status(index), Err(StatusError::OutOfRange));
            assert_eq!(table.set(index, Status::Invalid), Err(StatusError::OutOfRange));
        }
        assert_eq!(table.set(0, Status::Other(4)), Err(StatusError::TooBig));
        assert_eq!(StatusTable::new(0).status(0), Err(StatusError::OutOfRange));
    }
}
