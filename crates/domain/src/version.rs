//! Versions of the vendor's software, as far as licenses are gated by them (Semantic Versioning 2.0).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::Invalid;

/// A version as a regular expression. A macro, because only what is literal can be put together at compile time.
macro_rules! version {
    () => {
        concat!(
            "[vV]?",
            number!(),
            r"(\.",
            number!(),
            "){0,2}",
            r"(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?",
            r"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
        )
    };
}

/// One number of a version: without needless zeros, within 64 bits.
macro_rules! number {
    () => {
        r"(0|[1-9][0-9]{0,18})"
    };
}

/// `2.1.0`, `v2.1`, `2.1.0-rc.1+build`: missing parts count as 0, build metadata does not count.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    semver: semver::Version,
}

impl FromStr for Version {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("invalid_version", "is not a version such as 2.1.0");
        let text = text.trim();
        if text.len() > Self::MOST {
            return Err(wrong());
        }
        let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let numbers = bare.find(['-', '+']).unwrap_or(bare.len());
        let (numbers, rest) = bare.split_at(numbers);
        let missing = 3_usize.checked_sub(numbers.split('.').count()).ok_or_else(wrong)?;
        let full = format!("{numbers}{}{rest}", ".0".repeat(missing));
        let semver = semver::Version::parse(&full).map_err(|_| wrong())?;
        Ok(Self { text: text.to_owned(), semver })
    }
}

impl Version {
    /// The longest.
    pub const MOST: usize = 100;
    /// How it is written, as a regular expression, white space at its ends left out.
    pub const PATTERN: &str = concat!("^", version!(), "$");

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.semver.cmp_precedence(&other.semver)
    }
}

/// What a product says of a version it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May run.
    Allowed,
    /// May run, and should be left behind.
    Deprecated,
    /// May run, and counts where the application names no version.
    Latest,
    /// May not run.
    Blocked,
}

impl Standing {
    /// Whether it may run.
    pub fn may_run(self) -> bool {
        match self {
            Self::Allowed | Self::Deprecated | Self::Latest => true,
            Self::Blocked => false,
        }
    }

    /// Every standing.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Deprecated, Self::Latest, Self::Blocked];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Deprecated => "deprecated",
            Self::Latest => "latest",
            Self::Blocked => "blocked",
        }
    }
}

impl FromStr for Standing {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_state", "must be allowed, deprecated, latest or blocked"))
    }
}

crate::described!(Standing = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// An entry of a product's version list: one version, or all that share its first parts (`2.1.x`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Parts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Parts {
    One(Version),
    Major(u64),
    Minor(u64, u64),
}

impl FromStr for Pattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("invalid_version", "is not a version such as 2.1.0 or 2.1.x");
        let text = text.trim();
        let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let parts = match bare.strip_suffix(".x").or_else(|| bare.strip_suffix(".*")) {
            None => Parts::One(text.parse()?),
            Some(stem) => match stem.split_once('.') {
                None => Parts::Major(number(stem).ok_or_else(wrong)?),
                Some((major, minor)) => {
                    Parts::Minor(number(major).ok_or_else(wrong)?, number(minor).ok_or_else(wrong)?)
                }
            },
        };
        Ok(Self { text: text.to_owned(), parts })
    }
}

crate::described!(Pattern = serde_json::json!({"type": "string", "maxLength": Version::MOST, "pattern": Self::PATTERN}););

impl Pattern {
    /// How it is written, as a regular expression, white space at its ends left out.
    pub const PATTERN: &str =
        concat!("^(", version!(), "|[vV]?", number!(), r"(\.", number!(), r")?\.[x*])$");

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the entry is about `version`. An entry `2.1.x` is not about pre-releases.
    pub fn matches(&self, version: &Version) -> bool {
        let semver = &version.semver;
        match &self.parts {
            Parts::One(one) => one == version,
            Parts::Major(major) => semver.pre.is_empty() && semver.major == *major,
            Parts::Minor(major, minor) => {
                semver.pre.is_empty() && (semver.major, semver.minor) == (*major, *minor)
            }
        }
    }
}

/// Which versions a license allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pin {
    /// Any.
    #[default]
    None,
    /// One.
    Exact(Version),
    /// From the first (included) to the second (not included); either may be open.
    Range {
        /// The first allowed.
        min: Option<Version>,
        /// The first no longer allowed.
        below: Option<Version>,
    },
}

impl Pin {
    /// How it is written, as a regular expression, white space at its ends left out.
    pub const PATTERN: &str = concat!(
        r"^(\*|",
        version!(),
        "|>=",
        version!(),
        r"([ \t]+<",
        version!(),
        ")?|<",
        version!(),
        r"([ \t]+>=",
        version!(),
        ")?)$"
    );

    /// Whether the license allows `version`.
    pub fn allows(&self, version: &Version) -> bool {
        match self {
            Self::None => true,
            Self::Exact(exact) => exact == version,
            Self::Range { min, below } => {
                min.as_ref().is_none_or(|min| version >= min)
                    && below.as_ref().is_none_or(|below| version < below)
            }
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None | Self::Range { min: None, below: None } => f.write_str("*"),
            Self::Exact(exact) => exact.fmt(f),
            Self::Range { min: Some(min), below: Some(below) } => write!(f, ">={min} <{below}"),
            Self::Range { min: Some(min), below: None } => write!(f, ">={min}"),
            Self::Range { min: None, below: Some(below) } => write!(f, "<{below}"),
        }
    }
}

impl FromStr for Pin {
    type Err = Invalid;

    /// `*`, a version, or a range: `>=2.1`, `<2.4`, `>=2.1 <2.4`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("invalid_pin", "is not a version or a range such as >=2.1 <2.4");
        let (mut min, mut below) = (None, None);
        let mut words = text.split_whitespace();
        match (words.next(), words.clone().next()) {
            (Some("*"), None) => return Ok(Self::None),
            (Some(version), None) if !version.starts_with(['>', '<']) => {
                return Ok(Self::Exact(version.parse()?));
            }
            _ => {}
        }
        for word in text.split_whitespace() {
            let (bound, version) = match (word.strip_prefix(">="), word.strip_prefix('<')) {
                (Some(version), _) => (&mut min, version),
                (None, Some(version)) => (&mut below, version),
                (None, None) => return Err(wrong()),
            };
            if bound.replace(version.parse::<Version>().map_err(|_| wrong())?).is_some() {
                return Err(wrong());
            }
        }
        match (&min, &below) {
            (None, None) => Err(wrong()),
            (Some(min), Some(below)) if min >= below => {
                Err(Invalid::new("empty_range", "allows no version: its start is not below its end"))
            }
            _ => Ok(Self::Range { min, below }),
        }
    }
}

crate::described!(Pin = crate::openapi::pattern(Self::PATTERN););

/// A product's version list. An empty one restricts nothing; in another, what is not listed is blocked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions(Vec<(Pattern, Standing)>);

crate::described!(composed Versions;);

impl Versions {
    /// The most entries.
    pub const MOST: usize = 500;

    /// Checks a whole list: at most one latest, which must be one version and not a pattern.
    pub fn new(entries: Vec<(Pattern, Standing)>) -> Result<Self, Invalid> {
        if entries.len() > Self::MOST {
            return Err(Invalid::new("too_many", format!("has more than {} versions", Self::MOST)));
        }
        let mut latest = entries.iter().filter(|(_, standing)| *standing == Standing::Latest);
        let first = latest.next();
        if latest.next().is_some() {
            return Err(Invalid::new("duplicate_latest", "has more than one latest version"));
        }
        if first.is_some_and(|(pattern, _)| !matches!(pattern.parts, Parts::One(_))) {
            return Err(Invalid::new("invalid_latest", "names a pattern as the latest version"));
        }
        Ok(Self(entries))
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[(Pattern, Standing)] {
        &self.0
    }

    /// The version that counts where the application names none.
    pub fn latest(&self) -> Option<&Version> {
        self.0.iter().find_map(|(pattern, standing)| match (&pattern.parts, standing) {
            (Parts::One(version), Standing::Latest) => Some(version),
            _ => None,
        })
    }

    /// What the product says of `version`. An entry for one version comes before an entry for many.
    pub fn standing(&self, version: &Version) -> Standing {
        if self.0.is_empty() {
            return Standing::Allowed;
        }
        let rank = |pattern: &Pattern| match pattern.parts {
            Parts::One(_) => 0,
            Parts::Minor(..) => 1,
            Parts::Major(_) => 2,
        };
        let entry =
            self.0.iter().filter(|(pattern, _)| pattern.matches(version)).min_by_key(|(p, _)| rank(p));
        entry.map_or(Standing::Blocked, |(_, standing)| *standing)
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn precedence_is_that_of_semver() {
        let rising = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.1", "v1", "1.0.1", "1.2", "1.10.0", "2"];
        assert!(rising.windows(2).all(|pair| version(pair[0]) < version(pair[1])));
        assert_eq!(version("v1.0.0+build.7"), version("1"));
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in ["", "v", "1.2.3.4", "01.0.0", "1..0", "latest", "1.0.0-", "-1", "1.x"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        for text in ["x", ".x", "1.2.3.x", "01.x", "1.2.x.x"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_entry_decides_and_the_unlisted_is_blocked() {
        let list =
            [("2.x", Standing::Allowed), ("2.1.x", Standing::Deprecated), ("2.1.3", Standing::Blocked)];
        let entries = list.map(|(pattern, standing)| (pattern.parse().unwrap(), standing));
        let versions = Versions::new(entries.to_vec()).unwrap();
        let standings =
            ["2.0.0", "2.1.0", "2.1.3", "3.0.0", "2.0.0-rc.1"].map(|v| versions.standing(&version(v)));
        use Standing::{Allowed, Blocked, Deprecated};
        assert_eq!(standings, [Allowed, Deprecated, Blocked, Blocked, Blocked]);
        assert_eq!(Versions::default().standing(&version("9")), Standing::Allowed);
    }

    #[test]
    fn ranges_are_half_open() {
        let pin = Pin::Range { min: Some(version("2.1")), below: Some(version("2.4")) };
        let allowed = ["2.0.9", "2.1.0", "2.3.9", "2.4.0-rc.1", "2.4.0"].map(|v| pin.allows(&version(v)));
        assert_eq!(allowed, [false, true, true, true, false]);
    }

    #[test]
    fn pins_are_read_back_as_they_are_written() {
        for text in ["*", "v2.1", ">=2.1 <2.4", ">=2.1", "<3"] {
            assert_eq!(text.parse::<Pin>().unwrap().to_string(), text);
        }
        for text in ["", ">2", ">=2 >=3", ">=2.4 <2.1", "1.0 2.0", "* 1", ">=", "<=2"] {
            assert!(text.parse::<Pin>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[v0-9.x*+<>= -]{0,20}") {
            let _ = (text.parse::<Version>(), text.parse::<Pattern>(), text.parse::<Pin>());
        }
    }
}
