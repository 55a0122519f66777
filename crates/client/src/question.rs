//! A question, and the machine that asks it.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_token::pasted;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What is asked of the server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The license key, or the license's token.
    pub license_key: String,
    /// The version that wants to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Random text that no other question has, and what ties the answer to the machine.
    pub nonce: String,
    #[serde(skip)]
    machine: Option<Machine>,
}

impl Question {
    /// A question made unique by 16 random bytes. The license key or token is taken as it was pasted: white space and
    /// invisible characters in it and quotes around it don't count ([`pasted`]).
    pub fn new(license_key: impl AsRef<str>, version: Option<&str>, random: [u8; 16]) -> Self {
        Self {
            license_key: pasted(license_key.as_ref()).into_owned(),
            version: version.map(str::to_owned),
            nonce: URL_SAFE_NO_PAD.encode(random),
            machine: None,
        }
    }

    /// The same question, asked by this machine. The server signs the nonce, and with it what ties the answer to the
    /// machine: a [`Kept`](crate::Kept) answer counts nowhere else.
    #[must_use]
    pub fn asked_by(mut self, machine: Machine) -> Self {
        let random = self.nonce.split('.').next().unwrap_or_default();
        self.nonce = format!("{random}.{}", machine.tag(random));
        self.machine = Some(machine);
        self
    }

    /// The body of `POST /api/v1/validate`.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether an answer with this nonce was asked for by the machine that asks now.
    pub(crate) fn is_by_machine_of(&self, nonce: &str) -> bool {
        match (&self.machine, nonce.split_once('.')) {
            (Some(machine), Some((random, tag))) => machine.tag(random) == tag,
            (None, None) => true,
            _ => false,
        }
    }
}

/// Without the license key, which opens what was paid for.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("version", &self.version)
            .field("nonce", &self.nonce)
            .finish_non_exhaustive()
    }
}

/// What tells a machine from others: the hash of an id that it keeps for life.
///
/// The id itself goes nowhere. The server sees a hash of it and of random bytes that are new with each question, by which it
/// can't tell whether two questions come from one machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Machine([u8; 32]);

impl Machine {
    /// By an id of the application's choice: of the machine, the installation, the volume or the cluster.
    pub fn from_id(id: impl AsRef<[u8]>) -> Self {
        Self(Sha256::new().chain_update(b"keyward-client machine.1\0").chain_update(id).finalize().into())
    }

    /// By the id that the system keeps: `/etc/machine-id` (machine-id(5)) of Linux, `/etc/hostid` of FreeBSD. `None` where
    /// there is none: in most containers, on Windows and on macOS.
    #[cfg(feature = "http")]
    pub fn of_system() -> Option<Self> {
        ["/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostid"].into_iter().find_map(|path| {
            let text = crate::http::file::read(path.as_ref(), 1024).ok().flatten()?;
            let id = text.trim();
            let is_id = id.len() >= 32 && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
            is_id.then(|| Self::from_id(id))
        })
    }

    /// What the nonce says of the machine, beside its random part.
    fn tag(&self, random: &str) -> String {
        let hash =
            Sha256::new().chain_update(b"keyward-client nonce.1\0").chain_update(self.0).chain_update(random);
        let hash: [u8; 32] = hash.finalize().into();
        let (tag, _) = hash.split_at(16);
        URL_SAFE_NO_PAD.encode(tag)
    }

    /// Other bytes that belong to this machine.
    #[cfg(feature = "http")]
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        Sha256::new().chain_update(purpose).chain_update(b"\0").chain_update(self.0).finalize().into()
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine(…)")
    }
}

/// Whether two texts are one license's, as the server reads them: of a license key only letters and digits count, of
/// whatever case and width; `O` is `0`, `I` and `L` are `1`. A token is its text.
pub(crate) fn is_same_license(one: &str, other: &str) -> bool {
    canonical(one) == canonical(other)
}

pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    const SYMBOLS: usize = 25;
    let text = pasted(text);
    // A token has two dots or more, which stand for themselves; no spelling of a key is that long.
    if text.contains('.') || text.len() > 16 * SYMBOLS {
        return text;
    }
    let symbols = text.chars().filter(|c| c.is_alphanumeric() && !is_filler(*c)).map(symbol);
    let key: String = symbols.take(SYMBOLS + 1).collect();
    if key.len() == SYMBOLS && key.is_ascii() { Cow::Owned(key) } else { text }
}

fn symbol(c: char) -> char {
    let narrow = match c {
        '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        other => other,
    };
    match narrow.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

/// The letters that show nothing: the fillers of Hangul.
fn is_filler(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC";

    #[test]
    fn a_license_key_is_one_however_it_is_written() {
        for other in [
            "7zzq2-0x4km-v9tbd-hn3ga-51rwc",
            "7ZZQ20X4KMV9TBDHN3GA51RWC",
            " 7ZZQ2 0X4KM V9TBD HN3GA 51RWC\n",
            "“7ZZQ2–OX4KM–V9TBD–HN3GA–5lRWC”",
            "７ＺＺＱ２-0X4KM-V9TBD-HN3GA-51RWC",
            "7ZZQ2_0X4KM_V9TBD_HN3GA_51RWC",
        ] {
            assert!(is_same_license(KEY, other), "{other}");
        }
        for other in ["", "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWD", "7ZZQ2-0X4KM-V9TBD-HN3GA-51RW", "a.b.c"] {
            assert!(!is_same_license(KEY, other), "{other}");
        }
        assert!(is_same_license("a.b.\nc", "\"a.b.c\"") && !is_same_license("a.b.c", "A.b.c"));
    }

    proptest::proptest! {
        #[test]
        fn every_text_has_one_canonical_form(text in ".{0,80}", key in "[0-9A-Za-z]{25}", dash in "[-_ –.]{0,2}") {
            let once = canonical(&text).into_owned();
            proptest::prop_assert_eq!(canonical(&once), once.as_str());
            let typed: String = key.chars().flat_map(|c| dash.chars().chain([c])).collect();
            proptest::prop_assert!(dash.contains('.') || is_same_license(&key, &typed));
            proptest::prop_assert!(is_same_license(&key.to_lowercase(), &key));
        }
    }

    #[test]
    fn a_question_says_whose_it_is_and_nothing_else() {
        let here = Machine::from_id("one");
        let question = Question::new(KEY, None, [1; 16]).asked_by(here.clone());
        assert!(question.is_by_machine_of(&question.nonce));
        let other = Question::new(KEY, None, [1; 16]).asked_by(Machine::from_id("other"));
        assert!(!other.is_by_machine_of(&question.nonce));
        let nobody = Question::new(KEY, None, [1; 16]);
        assert!(nobody.is_by_machine_of(&nobody.nonce));
        assert!(!nobody.is_by_machine_of(&question.nonce) && !question.is_by_machine_of(&nobody.nonce));
        // Asked twice, the tag is another.
        let again = Question::new(KEY, None, [2; 16]).asked_by(here);
        assert_ne!(again.nonce.split_once('.').unwrap().1, question.nonce.split_once('.').unwrap().1);
        assert!(!format!("{question:?}").contains(KEY) && question.nonce.len() <= 256);
    }
}
