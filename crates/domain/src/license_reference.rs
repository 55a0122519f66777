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

/// The references of a text in their order, or every place where license keys are asked for in another way.
pub fn references(text: &str) -> Result<Vec<Reference>, Vec<Invalid>> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let (mut position, mut line, mut counted) = (0, 1, 0);
    while let Some(start) = text[position..].find("{{").map(|offset| position + offset) {
        line += text[counted..start].matches('\n').count();
        counted = start;
        let inside = &text[start + 2..];
        if let Some((name, rest)) = reference(inside) {
            position = text.len() - rest.len();
            found.push(Reference { name, line, range: start..position });
            continue;
        }
        position = start + 1;
        let opened = text[position..].find("{{").map_or(text.len(), |offset| position + offset);
        let closed = inside.find("}}").map_or(text.len(), |offset| start + 2 + offset);
        if asks(text.get(start + 2..opened.min(closed)).unwrap_or_default()) {
            let message = format!(
                "asks for license keys in line {line} in a way that is not known; write \
                 {{{{ .LicenseKeys.name }}}} or {{{{ index .LicenseKeys \"name\" }}}}"
            );
            faults.push(Invalid::new("license_key_reference", message));
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
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
    let inside = inside.trim_ascii_start();
    let (name, rest) = match inside.strip_prefix(WORD).and_then(|rest| rest.strip_prefix('.')) {
        Some(rest) => word(rest)?,
        None => {
            let rest = spaced(inside.strip_prefix("index")?)?.strip_prefix(WORD)?;
            quoted(spaced(rest)?)?
        }
    };
    let rest = rest.trim_ascii_start().strip_prefix("}}")?;
    (1..=200).contains(&name.chars().count()).then_some((name, rest))
}

fn spaced(text: &str) -> Option<&str> {
    let rest = text.trim_ascii_start();
    (rest.len() < text.len()).then_some(rest)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.starts_with(|c: char| c.is_numeric())).then(|| (name.to_owned(), rest))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let (name, rest) = raw.split_once('`')?;
        return (!name.contains('\n')).then(|| (name.to_owned(), rest));
    }
    let mut chars = text.strip_prefix('"')?.chars();
    let mut name = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((name, chars.as_str())),
            '\\' => name.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c if c.is_control() => return None,
            c => name.push(c),
        }
    }
}

/// Whether the inside of an action asks for license keys: `.Values.LicenseKeys` is another thing's.
fn asks(inside: &str) -> bool {
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

/// A license that a file of a customer may name.
#[derive(Debug, Clone, Copy)]
pub struct Nameable<'a> {
    /// The license.
    pub license: &'a License,
    /// Of which product.
    pub product: Option<&'a Slug>,
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
        fit(name, &form, nameable.license.name.as_str(), nameable.product).map(|fit| foreign + fit)
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

/// Whether a license of this name and product, of whomever, is one that `name` could stand for.
pub fn could_be(name: &str, license: &str, product: Option<&Slug>) -> bool {
    fit(name, &key_form(name), license, product).is_some()
}

/// How well a license fits: the less the better.
fn fit(name: &str, form: &str, license: &str, product: Option<&Slug>) -> Option<u8> {
    let same = |text: &str| !form.is_empty() && key_form(text) == form;
    if license == name {
        Some(0)
    } else if same(license) {
        Some(1)
    } else {
        product.is_some_and(|slug| same(slug.as_str())).then_some(2)
    }
}

#[cfg(test)]
mod tests;
