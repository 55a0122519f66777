//! License keys in files: `{{ .LicenseKeys.server }}` stands for the token of the customer's license of that name.
//!
//! Two forms are known, with any white space around them, as Go templates write them:
//!
//! ```text
//! {{ .LicenseKeys.my_key }}              a name of letters, digits and _
//! {{ index .LicenseKeys "My key" }}      any name; in `back quotes` too
//! ```
//!
//! Nothing else of a template is looked at: what is no such reference stays as it is, so the templates of Helm and
//! others pass through. What asks `.LicenseKeys` in another way is refused, rather than left in a file that would
//! start without its license.

use std::collections::HashSet;
use std::ops::Range;

use crate::{CustomerId, Invalid, License, LicenseState, LicenseStatus, Slug, Timestamp};

/// The word that names the license keys.
const WORD: &str = ".LicenseKeys";

/// One place of a text that stands for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Which license, by its name.
    pub name: String,
    /// In which line, from 1.
    pub line: usize,
    /// Where, in bytes.
    range: Range<usize>,
}

/// The most references of one text.
const MOST: usize = 1_000;

/// The most places that are named where license keys are asked for in another way.
const MOST_FAULTS: usize = 20;

/// The most characters of a name.
const MOST_NAME: usize = 200;

/// The references of a text in their order, or the places where license keys are asked for in another way.
///
/// Takes time in proportion to the length: whatever stands between two `{{` is looked at a fixed number of times.
pub fn references(text: &str) -> Result<Vec<Reference>, Vec<Invalid>> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let (mut position, mut line, mut counted) = (0, 1, 0);
    while let Some(start) = find(text, position, "{{") {
        line += text[counted..start].matches('\n').count();
        counted = start;
        let inside = &text[start + 2..];
        if let Some((name, rest)) = reference(inside) {
            position = text.len() - rest.len();
            found.push(Reference { name, line, range: start..position });
            if found.len() > MOST {
                let message = format!("asks for license keys in more than {MOST} places");
                return Err(vec![Invalid::new("too_many", message)]);
            }
            continue;
        }
        position = start + 1;
        let opened = find(text, position, "{{").unwrap_or(text.len());
        let action = text.get(start + 2..opened).unwrap_or_default();
        let closed = find(action, 0, "}}").unwrap_or(action.len());
        if asks(&action[..closed]) {
            let message = format!(
                "asks for license keys in line {line} in a way that is not known; write \
                 {{{{ .LicenseKeys.name }}}} or {{{{ index .LicenseKeys \"name\" }}}}"
            );
            faults.push(Invalid::new("license_key_reference", message));
            if faults.len() == MOST_FAULTS {
                break;
            }
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// Where `wanted` is next.
fn find(text: &str, from: usize, wanted: &str) -> Option<usize> {
    let found = text[from..].find(wanted).map(|offset| from + offset);
    steps::took(found.unwrap_or(text.len()) - from);
    found
}

/// Counts what is looked at, for the tests that hold it against the length of a text.
mod steps {
    #[cfg(test)]
    thread_local! {
        pub(super) static TAKEN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    pub(super) fn took(bytes: usize) {
        #[cfg(test)]
        TAKEN.set(TAKEN.get() + bytes + 1);
        let _ = bytes;
    }
}

/// The text with a token for each reference. `None` where a reference has none, or the text asks in another way.
pub fn fill<'a>(text: &str, token: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let (mut filled, mut position) = (String::with_capacity(text.len()), 0);
    for reference in references(text).ok()? {
        filled.push_str(&text[position..reference.range.start]);
        filled.push_str(token(&reference.name)?);
        position = reference.range.end;
    }
    filled.push_str(&text[position..]);
    Some(filled)
}

/// Reads what follows `{{` up to and with `}}`.
fn reference(inside: &str) -> Option<(String, &str)> {
    let inside = trimmed(inside);
    let (name, rest) = match inside.strip_prefix(WORD).and_then(|rest| rest.strip_prefix('.')) {
        Some(rest) => word(rest)?,
        None => {
            let rest = spaced(inside.strip_prefix("index")?)?.strip_prefix(WORD)?;
            quoted(spaced(rest)?)?
        }
    };
    let rest = trimmed(rest).strip_prefix("}}")?;
    (1..=MOST_NAME).contains(&name.chars().count()).then_some((name, rest))
}

fn trimmed(text: &str) -> &str {
    let rest = text.trim_ascii_start();
    steps::took(text.len() - rest.len());
    rest
}

fn spaced(text: &str) -> Option<&str> {
    let rest = trimmed(text);
    (rest.len() < text.len()).then_some(rest)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    steps::took(end);
    let (name, rest) = text.split_at(end);
    (!name.starts_with(|c: char| c.is_numeric())).then(|| (name.to_owned(), rest))
}

/// What stands in quotes, which may be `{{` as well: so it is looked for no further than a name is long.
fn quoted(text: &str) -> Option<(String, &str)> {
    let raw = text.starts_with('`');
    let mut chars = text.strip_prefix(['`', '"'])?.chars();
    let mut name = String::new();
    for _ in 0..=MOST_NAME {
        steps::took(1);
        match chars.next()? {
            '`' if raw => return Some((name, chars.as_str())),
            '\n' if raw => return None,
            c if raw => name.push(c),
            '"' => return Some((name, chars.as_str())),
            '\\' => name.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c if c.is_control() => return None,
            c => name.push(c),
        }
    }
    None
}

/// Whether the inside of an action asks for license keys: `.Values.LicenseKeys` is another thing's.
fn asks(inside: &str) -> bool {
    steps::took(inside.len());
    inside.match_indices(WORD).any(|(start, word)| {
        let before = inside[..start].chars().next_back();
        let after = inside[start + word.len()..].chars().next();
        !before.is_some_and(|c| is_word(c) || c == ')') && !after.is_some_and(is_word)
    })
}

/// A name as a template can write it: lower case, and one `_` for each run of anything else.
pub fn key_form(name: &str) -> String {
    let mut form = String::new();
    for c in name.chars() {
        if is_word(c) && c != '_' {
            form.extend(c.to_lowercase());
        } else if !form.is_empty() && !form.ends_with('_') {
            form.push('_');
        }
    }
    form.truncate(form.trim_end_matches('_').len());
    form
}

/// A license that a file of a customer may name, with the forms of its names.
#[derive(Debug, Clone)]
pub struct Nameable<'a> {
    license: &'a License,
    form: String,
    product_form: Option<String>,
}

impl<'a> Nameable<'a> {
    /// A license, and the product it is of.
    pub fn new(license: &'a License, product: Option<&Slug>) -> Self {
        let product_form = product.map(|slug| key_form(slug.as_str()));
        Self { license, form: key_form(license.name.as_str()), product_form }
    }

    /// How well it fits a name: the less the better.
    fn fit(&self, name: &str, form: &str) -> Option<u8> {
        if self.license.name.as_str() == name {
            Some(0)
        } else if form.is_empty() {
            None
        } else if self.form == form {
            Some(1)
        } else {
            (self.product_form.as_deref() == Some(form)).then_some(2)
        }
    }
}

/// All that licenses and products are called, to tell whether a name could stand for one of them.
#[derive(Debug, Default)]
pub struct Called {
    names: HashSet<String>,
    forms: HashSet<String>,
}

impl Called {
    /// The names of licenses and the slugs of products, of whomever.
    pub fn new<'a>(licenses: Vec<String>, products: impl IntoIterator<Item = &'a Slug>) -> Self {
        let of_licenses = licenses.iter().map(|name| key_form(name));
        let of_products = products.into_iter().map(|slug| key_form(slug.as_str()));
        let forms = of_licenses.chain(of_products).collect();
        Self { forms, names: licenses.into_iter().collect() }
    }

    /// Whether `name` could stand for one.
    pub fn has(&self, name: &str) -> bool {
        let form = key_form(name);
        self.names.contains(name) || (!form.is_empty() && self.forms.contains(&form))
    }
}

/// Why a reference stands for no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unresolved {
    /// No license is called so.
    Missing,
    /// There is one, and it is suspended or revoked.
    Withheld(LicenseStatus),
}

/// Which license `name` stands for in the files of `customer`. The first of these that fits decides:
///
/// 1. their license of exactly this name,
/// 2. their license whose name has the same [key form](key_form),
/// 3. their license of the product whose slug has the same key form,
/// 4. the same three among the licenses of the whole organization.
///
/// Of several, one in force comes before others, and a newer before an older. Licenses of other customers never
/// count. One that is suspended or revoked gives no token, and none that fits less well takes its place.
pub fn resolve<'a>(
    name: &str,
    customer: CustomerId,
    licenses: &[Nameable<'a>],
    now: Timestamp,
) -> Result<&'a License, Unresolved> {
    let form = key_form(name);
    let rank = |nameable: &Nameable<'_>| {
        let foreign = match nameable.license.customer {
            Some(holder) if holder == customer => 0,
            Some(_) => return None,
            None => 3,
        };
        nameable.fit(name, &form).map(|fit| foreign + fit)
    };
    let best = licenses.iter().filter_map(&rank).min().ok_or(Unresolved::Missing)?;
    let fitting = || licenses.iter().filter(|nameable| rank(nameable) == Some(best)).map(|n| n.license);
    let usable = fitting().filter(|license| license.state == LicenseState::Active);
    let chosen = usable.max_by_key(|license| (license.status(now) == LicenseStatus::Active, license.id));
    chosen.ok_or_else(|| {
        let status = fitting().max_by_key(|license| license.id).map(|license| license.status(now));
        status.map_or(Unresolved::Missing, Unresolved::Withheld)
    })
}

#[cfg(test)]
mod tests;
