//! Status lists, and what is in them.

use crate::support::{ISSUED, LIST, NOW, signer};
use keyward_token::{Keyring, Status, StatusList, StatusTable, UnixSeconds};
use serde::{Deserialize, Serialize};

/// What is in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TableVector {
    name: String,
    pub(super) rules: Vec<String>,
    now: i64,
    pub(super) list: String,
    uri: String,
    issued_at: i64,
    expires_at: Option<i64>,
    stale: bool,
    entries: u64,
    /// Those that are not valid: index and value.
    statuses: Vec<(u64, u8)>,
}

pub(super) fn check(jwks: &str, vectors: &[TableVector]) {
    for vector in vectors {
        let keys = Keyring::from_jwks(jwks).unwrap();
        let now = UnixSeconds::new(vector.now);
        let list = StatusList::verify(&vector.list, &keys, now).unwrap();
        assert_eq!(
            (list.uri(), list.table().len()),
            (vector.uri.as_str(), vector.entries),
            "{}",
            vector.name
        );
        assert_eq!(list.issued_at().as_i64(), vector.issued_at, "{}", vector.name);
        assert_eq!(list.expires_at().map(UnixSeconds::as_i64), vector.expires_at, "{}", vector.name);
        assert_eq!(list.is_stale(now), vector.stale, "{}", vector.name);
        for index in 0..vector.entries {
            let expected = vector.statuses.iter().find(|(at, _)| *at == index).map_or(0, |(_, value)| *value);
            assert_eq!(list.table().status(index), Ok(Status::from(expected)), "{}", vector.name);
        }
    }
}

pub(super) const ENTRIES: u64 = 2_000;
const STATUSES: [(u64, u8); 3] = [(0, 1), (1234, 2), (1999, 3)];

pub(super) fn all() -> Vec<TableVector> {
    let mut table = StatusTable::new(usize::try_from(ENTRIES).unwrap());
    for (index, status) in STATUSES {
        table.set(index, Status::from(status)).unwrap();
    }
    let list = table.sign(&signer(), LIST, ISSUED, None, Some(43_200)).unwrap();
    let vector = |name: &str, now: UnixSeconds, stale: bool| TableVector {
        name: name.into(),
        rules: Vec::new(),
        now: now.as_i64(),
        list: list.clone(),
        uri: LIST.into(),
        issued_at: ISSUED.as_i64(),
        expires_at: None,
        stale,
        entries: ENTRIES,
        statuses: STATUSES.to_vec(),
    };
    let after = |seconds: i64| UnixSeconds::new(ISSUED.as_i64() + seconds);
    let ending = table.sign(&signer(), LIST, ISSUED, Some(after(60)), None).unwrap();
    vec![
        vector("two bits", NOW, true),
        vector("two bits, the second before it is stale", after(43_199), false),
        vector("two bits, the second at which it is stale", after(43_200), true),
        TableVector {
            list: ending,
            expires_at: Some(after(60).as_i64()),
            ..vector("with an end and without ttl", after(59), false)
        },
    ]
}
