//! What a version of an application consists of. Checked once, when the version is made, and never changed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::license_reference::{fill, references};
use crate::registry::ImageReference;
use crate::text::check_lines;
use crate::{ApplicationKind, Invalid, yaml};

pub use crate::chart::Chart;

/// The name of the Compose file.
pub const COMPOSE: &str = "compose.yaml";
/// The name of the environment template.
pub const ENVIRONMENT: &str = ".env";
/// The name of the base values.
pub const VALUES: &str = "values.yaml";

/// The text of a file: up to 256 KiB, without control characters but line breaks and tabs, and with license keys asked
/// for in the [known ways](crate::license_reference) alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    text: String,
    /// How many places of it stand for license keys.
    references: usize,
}

impl FileText {
    /// The most bytes of one file.
    pub const MOST_BYTES: usize = 256 * 1024;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it looks once filled: every license key is a long text as a token might be.
    fn sample(&self) -> String {
        // Longer than a key of a mapping may be in YAML, so that a token is not asked for as one.
        let token = format!("eyJ{}.e30.c2ln", "A".repeat(2_000));
        fill(&self.text, |_| Some(&token)).unwrap_or_default()
    }
}

impl FromStr for FileText {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() > Self::MOST_BYTES {
            return Err(Invalid::new("too_long", format!("has more than {} bytes", Self::MOST_BYTES)));
        }
        check_lines(text)?;
        let references = references(text).map_err(|mut faults| faults.swap_remove(0))?.len();
        Ok(Self { text: text.to_owned(), references })
    }
}

crate::described!(exact FileText = crate::openapi::pattern(crate::text::LINES_PATTERN););

/// What a further file is called: letters, digits, `.`, `_` and `-` of ASCII, up to 100.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    /// The longest.
    pub const MOST: usize = 100;
    /// How it is written, as a regular expression, white space at its ends left out.
    pub const PATTERN: &str = r"^(\.*[A-Za-z0-9_]|\.+-)[A-Za-z0-9._-]*$";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = (1..=Self::MOST).contains(&text.len()) && text.chars().all(known);
        if fits && text.chars().any(|c| c != '.') && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            let message = "must be 1 to 100 letters, digits, '.', '_' and '-'";
            Err(Invalid::new("invalid_file_name", message))
        }
    }
}

crate::described!(FileName = crate::openapi::text(Self::MOST, Self::PATTERN););

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A named text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, unique in the version.
    pub name: FileName,
    /// Its text.
    pub text: FileText,
}

crate::described!(object File;);

/// What is given for a new version; which of it must be there depends on the application's kind.
#[derive(Debug, Clone, Default)]
pub struct FilesDraft {
    /// The Compose file.
    pub compose: Option<FileText>,
    /// The environment template.
    pub environment: Option<FileText>,
    /// The chart.
    pub chart: Option<Chart>,
    /// The base values of the chart.
    pub values: Option<FileText>,
    /// Further files.
    pub further: Vec<File>,
}

impl FilesDraft {
    /// How many bytes the texts have together.
    pub fn bytes(&self) -> usize {
        let own = [&self.compose, &self.environment, &self.values].into_iter().flatten();
        own.chain(self.further.iter().map(|file| &file.text)).map(|text| text.text.len()).sum()
    }
}

/// All that a version consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    chart: Option<Chart>,
    files: Vec<File>,
}

impl Files {
    /// The most further files.
    pub const MOST_FURTHER: usize = 16;
    /// The most bytes of all files together.
    pub const MOST_BYTES: usize = 512 * 1024;
    /// The most places that stand for license keys.
    pub const MOST_REFERENCES: usize = 100;

    /// Checks a draft for an application of `kind`, naming every fault with its field.
    pub fn new(kind: ApplicationKind, draft: FilesDraft) -> Result<Self, Vec<(&'static str, Invalid)>> {
        let mut faults = Vec::new();
        let required = || Invalid::new("required", "is required");
        let other = |field| kind.not_for_it(field);
        // So many tokens are not filled in for nothing.
        let asked = [&draft.compose, &draft.environment, &draft.values].into_iter().flatten();
        let asked = asked.chain(draft.further.iter().map(|file| &file.text));
        let asked: usize = asked.map(|text| text.references).sum();
        let no_mapping = |text: &Option<FileText>| match text {
            Some(text) if asked <= Self::MOST_REFERENCES => yaml::check_mapping(&text.sample()).err(),
            Some(_) | None => None,
        };
        match kind {
            ApplicationKind::Compose => {
                let compose = no_mapping(&draft.compose).or(draft.compose.is_none().then(required));
                faults.extend(compose.map(|fault| ("compose", fault)));
                faults.extend(draft.chart.is_some().then(|| other("chart")));
                faults.extend(draft.values.is_some().then(|| other("values")));
            }
            ApplicationKind::Helm => {
                faults.extend(draft.compose.is_some().then(|| other("compose")));
                faults.extend(draft.environment.is_some().then(|| other("environment")));
                faults.extend(draft.chart.is_none().then(|| ("chart", required())));
                faults.extend(no_mapping(&draft.values).map(|fault| ("values", fault)));
            }
        }
        if draft.further.len() > Self::MOST_FURTHER {
            let message = format!("has more than {} files", Self::MOST_FURTHER);
            faults.push(("files", Invalid::new("too_many", message)));
        }
        let own = [(COMPOSE, draft.compose), (ENVIRONMENT, draft.environment), (VALUES, draft.values)];
        let own = own.into_iter().filter_map(|(name, text)| Some((FileName(name.to_owned()), text?)));
        let mut files: Vec<_> = own.map(|(name, text)| File { name, text }).collect();
        // Of too many, one too many is looked at.
        for (index, file) in draft.further.into_iter().enumerate().take(Self::MOST_FURTHER + 1) {
            if files.iter().any(|earlier| earlier.name == file.name) {
                let twice = Invalid::new("duplicate_name", "is the name of another file");
                faults.push(("files", twice.at("name").at(&index.to_string())));
            }
            files.push(file);
        }
        let all = Self { chart: draft.chart, files };
        if all.files.iter().map(|file| file.text.text.len()).sum::<usize>() > Self::MOST_BYTES {
            let message = format!("have more than {} bytes together", Self::MOST_BYTES);
            faults.push(("files", Invalid::new("too_long", message)));
        }
        if asked > Self::MOST_REFERENCES {
            let message = format!("ask for license keys in more than {} places", Self::MOST_REFERENCES);
            faults.push(("files", Invalid::new("too_many", message)));
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    /// As they were stored.
    pub fn stored(chart: Option<Chart>, files: Vec<File>) -> Self {
        Self { chart, files }
    }

    /// The chart of a Helm application.
    pub fn chart(&self) -> Option<&Chart> {
        self.chart.as_ref()
    }

    /// Every file, those with a place of their own first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &File> {
        self.files.iter()
    }

    /// One of them.
    pub fn find(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name.as_str() == name)
    }

    /// How many bytes they have together.
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.text.text.len()).sum()
    }

    /// The images that it deploys, as far as they are named in full with their registry: those of a Compose file's
    /// services, and a chart in an OCI registry. Each once.
    pub fn images(&self) -> BTreeSet<ImageReference> {
        self.image_names().iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// The same as the files write them, wherever they are.
    pub fn image_names(&self) -> BTreeSet<String> {
        let compose =
            self.find(COMPOSE).map(|file| yaml::service_images(&file.text.sample())).unwrap_or_default();
        let chart = self.chart.as_ref().and_then(|chart| {
            let place = chart.url.strip_prefix("oci://")?;
            // Helm writes a version's `+` as `_`: a tag has no `+`.
            Some(format!("{place}:{}", chart.version.replace('+', "_")))
        });
        compose.into_iter().chain(chart).collect()
    }

    /// Every place that stands for a license key, with its file.
    pub fn references(&self) -> Vec<(&FileName, crate::license_reference::Reference)> {
        // Most files ask for none, which is known.
        let asks = |file: &File| file.text.references > 0;
        let of = |file: &File| references(&file.text.text).unwrap_or_default();
        self.files
            .iter()
            .filter(|file| asks(file))
            .flat_map(|file| of(file).into_iter().map(|found| (&file.name, found)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
