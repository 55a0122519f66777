//! Names of the OCI distribution specification: repositories, tags and digests, and patterns of repositories.

use std::fmt;
use std::str::FromStr;

use crate::Invalid;
use crate::text::texts;

texts! {
    /// The name of a repository, such as `acme/app`: up to 255 characters of the specification's grammar.
    RepositoryName = repository;
    /// The name of a tag, such as `1.4.2`: up to 128 characters, told apart by letter case.
    Tag = tag;
    /// The digest of a blob or manifest: `sha256:` or `sha512:` and its hexadecimal digits.
    Digest = digest;
    /// Repositories by a pattern in which `*` stands for any text, `/` included: `acme/*`, `acme/app`.
    RepositoryPattern = pattern;
}

crate::described! {
    RepositoryName = crate::openapi::text(Self::MOST, Self::PATTERN);
    RepositoryPattern = crate::openapi::text(RepositoryName::MOST, Self::PATTERN);
    Tag = crate::openapi::text(Self::MOST, Self::PATTERN);
}

/// How a manifest is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By a tag.
    Tag(Tag),
    /// By its digest.
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // No tag contains a colon, and each digest does.
        if text.contains(':') { text.parse().map(Self::Digest) } else { text.parse().map(Self::Tag) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// An image as files name it, in full: `registry.example/acme/app:1.4.2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageReference {
    /// What clients type to reach the registry.
    pub address: String,
    /// In which repository.
    pub repository: RepositoryName,
    /// Which tag, unless a digest is named alone.
    pub tag: Option<Tag>,
    /// Which digest; what it names counts, whatever the tag.
    pub digest: Option<Digest>,
}

impl FromStr for ImageReference {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fault = || Invalid::new("invalid_image", "must be registry/repository, with a tag or a digest");
        let (address, rest) = text.trim().split_once('/').ok_or_else(fault)?;
        // Without a dot, a port or this name it is the first part of a repository at Docker Hub.
        if !address.contains(['.', ':']) && address != "localhost" {
            return Err(fault());
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (rest, None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None if digest.is_none() => (rest, Some("latest".parse()?)),
            None => (rest, None),
        };
        let address = address.to_ascii_lowercase();
        Ok(Self { address, repository: repository.parse()?, tag, digest })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl Tag {
    /// The longest.
    pub const MOST: usize = 128;
    /// How it is written, as a regular expression.
    pub const PATTERN: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]*$";

    /// The digest that a fallback tag is about: clients keep what belongs to a manifest (referrers, signatures)
    /// under `sha256-<hex>` and `sha256-<hex>.sig`, `.att` or `.sbom`, where a registry has no referrers API.
    pub fn subject(&self) -> Option<Digest> {
        let (algorithm, rest) = self.as_str().split_once('-')?;
        let hex = rest.split('.').next()?;
        let suffix = &rest[hex.len()..];
        let known = matches!(suffix, "" | ".sig" | ".att" | ".sbom");
        if known { format!("{algorithm}:{hex}").parse().ok() } else { None }
    }
}

impl Digest {
    /// The tag under which clients keep the referrers of this where a registry has no API for them: the algorithm and
    /// the first 64 digits (OCI distribution 1.1, referrers tag schema).
    pub fn referrers_tag(&self) -> Option<Tag> {
        let (algorithm, hex) = self.as_str().split_once(':')?;
        format!("{algorithm}-{}", &hex[..hex.len().min(64)]).parse().ok()
    }
}

impl RepositoryName {
    /// The longest.
    pub const MOST: usize = 255;
    /// How it is written, as a regular expression.
    pub const PATTERN: &str = r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$";

    /// This name behind `prefix`; `None` where that is no name any more, being too long.
    pub fn behind(&self, prefix: &Self) -> Option<Self> {
        format!("{prefix}/{self}").parse().ok()
    }

    /// What comes after `prefix` and a slash, if it begins so.
    pub fn after(&self, prefix: &Self) -> Option<Self> {
        self.as_str().strip_prefix(prefix.as_str())?.strip_prefix('/')?.parse().ok()
    }
}

impl RepositoryPattern {
    /// How it is written, as a regular expression.
    pub const PATTERN: &str = r"^[a-z0-9*]([a-z0-9*._-]*[a-z0-9*])?(/[a-z0-9*]([a-z0-9*._-]*[a-z0-9*])?)*$";

    /// Whether `name` is one of those meant. Takes time in proportion to both lengths: each piece between two stars is
    /// taken where it comes first, which leaves most room for those after it.
    pub fn matches(&self, name: &RepositoryName) -> bool {
        let mut pieces = self.as_str().split('*');
        let Some(mut rest) = pieces.next().and_then(|first| name.as_str().strip_prefix(first)) else {
            return false;
        };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

fn repository(text: &str) -> Result<String, Invalid> {
    if text.len() <= RepositoryName::MOST && text.split('/').all(is_path_component) {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new("invalid_repository", "is not a repository such as acme/app"))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let edges = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    edges
        && separators
            .into_iter()
            .all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
}

fn tag(text: &str) -> Result<String, Invalid> {
    let first = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let rest = |byte: &u8| first(byte) || matches!(byte, b'.' | b'-');
    let bytes = text.as_bytes();
    if (1..=Tag::MOST).contains(&bytes.len()) && first(&bytes[0]) && bytes.iter().all(rest) {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new("invalid_tag", "is not a tag: 1 to 128 letters, digits, '_', '.' and '-'"))
    }
}

fn digest(text: &str) -> Result<String, Invalid> {
    let fits = match text.split_once(':') {
        Some(("sha256", hex)) => hex.len() == 64 && is_hex(hex),
        Some(("sha512", hex)) => hex.len() == 128 && is_hex(hex),
        _ => false,
    };
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new("invalid_digest", "is not a digest: sha256: or sha512: and hexadecimal digits"))
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

fn pattern(text: &str) -> Result<String, Invalid> {
    let part = |part: &str| {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '*';
        part.starts_with(word)
            && part.ends_with(word)
            && part.chars().all(|c| word(c) || matches!(c, '.' | '_' | '-'))
    };
    if text.len() <= RepositoryName::MOST && text.split('/').all(part) {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new("invalid_repository", "is not a repository such as acme/app or acme/*"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_grammar_of_the_specification() {
        for good in ["a", "acme/app", "a.b/c_d/e__f/g---h", "manifests/blobs/tags", "0"] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "A", "a..b", "a___b", ".a", "a-", "a/../b", "a%2fb", "a:b", "é"]
        {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
        for good in ["latest", "V1", "_x", "1.2.3-rc.1"] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "a/b", "a:b", "a+b"] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
        assert!("a".repeat(129).parse::<Tag>().is_err());
        let hex = "0123456789abcdef".repeat(4);
        assert!(format!("sha256:{hex}").parse::<Digest>().is_ok());
        assert!(format!("sha512:{hex}{hex}").parse::<Digest>().is_ok());
        for bad in [
            hex.clone(),
            format!("sha256:{}", hex.to_uppercase()),
            format!("sha512:{hex}"),
            format!("md5:{hex}"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn fallback_tags_name_their_subject() {
        let hex = "ab".repeat(32);
        let subject = |text: String| text.parse::<Tag>().unwrap().subject().map(|digest| digest.to_string());
        for suffix in ["", ".sig", ".att", ".sbom"] {
            assert_eq!(subject(format!("sha256-{hex}{suffix}")), Some(format!("sha256:{hex}")));
        }
        assert_eq!(subject(format!("sha256-{hex}.exe")), None);
        assert_eq!(subject("1.0-beta".to_owned()), None);
        let tag = |digest: String| digest.parse::<Digest>().unwrap().referrers_tag().unwrap().to_string();
        assert_eq!(tag(format!("sha256:{hex}")), format!("sha256-{hex}"));
        assert_eq!(tag(format!("sha512:{hex}{hex}")), format!("sha512-{hex}"));
    }

    #[test]
    fn a_prefix_comes_and_goes() {
        let (name, prefix): (RepositoryName, RepositoryName) =
            ("app".parse().unwrap(), "acme".parse().unwrap());
        let inside = name.behind(&prefix).unwrap();
        assert_eq!((inside.as_str(), inside.after(&prefix)), ("acme/app", Some(name)));
        for (length, fits) in [(250, true), (251, false), (255, false)] {
            let long: RepositoryName = "a".repeat(length).parse().unwrap();
            assert_eq!(long.behind(&prefix).is_some(), fits, "{length}");
        }
        assert_eq!("acmeapp/x".parse::<RepositoryName>().unwrap().after(&prefix), None);
    }

    /// What a pattern means, said in the plainest way.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => naive(rest, text) || (!text.is_empty() && naive(pattern, &text[1..])),
            (Some((a, rest)), Some((b, tail))) => a == b && naive(rest, tail),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    #[test]
    fn images_are_named_in_full() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, expected) in [
            ("reg.example/acme/app:1.4.2", "reg.example/acme/app:1.4.2"),
            (" Reg.Example:5000/app ", "reg.example:5000/app:latest"),
            ("localhost/app:v1", "localhost/app:v1"),
        ] {
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), expected);
        }
        let both: ImageReference = format!("reg.example/app:1@{digest}").parse().unwrap();
        assert_eq!((both.tag.is_some(), both.digest.is_some()), (true, true));
        let alone: ImageReference = format!("reg.example/app@{digest}").parse().unwrap();
        assert_eq!(alone.tag, None);
        for text in [
            "",
            "nginx",
            "nginx:1",
            "acme/app:1",
            "reg.example/",
            "reg.example/App:1",
            "reg.example/a:${TAG}",
        ] {
            assert!(text.parse::<ImageReference>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_it_says(pattern in "[ab*]{1,5}(/[ab*]{1,4}){0,2}", name in "[ab]{1,5}(/[ab]{1,4}){0,2}") {
            let (parsed, target): (RepositoryPattern, RepositoryName) = (pattern.parse().unwrap(), name.parse().unwrap());
            prop_assert_eq!(parsed.matches(&target), naive(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn no_text_panics(text in ".{0,300}") {
            let _ = text.parse::<RepositoryName>();
            let _ = text.parse::<RepositoryPattern>();
            let _ = text.parse::<Reference>();
            let _ = text.parse::<ImageReference>();
            if let Ok(tag) = text.parse::<Tag>() {
                let _ = tag.subject();
            }
        }
    }
}
