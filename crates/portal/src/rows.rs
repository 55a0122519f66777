//! Lists in a form: rows of fields such as `f0_name` and `f0_label`, which are added, removed and moved by buttons of the
//! form itself. The server does it, so that it needs no script, and whatever was typed stays.

use std::collections::BTreeMap;

use crate::form::Form;

/// The fields of one row, by what follows the number.
type Row = BTreeMap<String, String>;

/// What a button of the list asks for: `add`, `remove-2`, `up-2`, `down-2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Add,
    Remove(usize),
    Up(usize),
    Down(usize),
}

impl Edit {
    fn read(text: &str) -> Option<Self> {
        if text == "add" {
            return Some(Self::Add);
        }
        let (verb, row) = text.split_once('-')?;
        let row = row.parse().ok()?;
        match verb {
            "remove" => Some(Self::Remove(row)),
            "up" => Some(Self::Up(row)),
            "down" => Some(Self::Down(row)),
            _ => None,
        }
    }
}

impl Form {
    /// The numbers of the rows of a list, in order.
    pub(crate) fn rows(&self, list: char) -> Vec<usize> {
        self.read_rows(list).into_keys().collect()
    }

    /// Fills a list.
    pub(crate) fn fill_rows(
        &mut self,
        list: char,
        rows: impl IntoIterator<Item = Vec<(&'static str, String)>>,
    ) {
        for (number, row) in rows.into_iter().enumerate() {
            for (part, value) in row {
                self.set(&format!("{list}{number}_{part}"), value);
            }
        }
    }

    /// Carries out what the button `do_{list}` asks for; `blank` are the fields of a new row, up to `most` of which there may be.
    pub(crate) fn edit_rows(&mut self, list: char, most: usize, blank: &[(&str, &str)]) {
        let Some(edit) = Edit::read(self.value(&format!("do_{list}"))) else { return };
        let (numbers, mut rows): (Vec<usize>, Vec<Row>) = self.read_rows(list).into_iter().unzip();
        let place = |number: usize| numbers.iter().position(|one| *one == number);
        match edit {
            Edit::Add if rows.len() < most => {
                rows.push(
                    blank.iter().map(|(part, value)| ((*part).to_owned(), (*value).to_owned())).collect(),
                );
            }
            Edit::Add => {}
            Edit::Remove(number) => {
                if let Some(place) = place(number) {
                    rows.remove(place);
                }
            }
            Edit::Up(number) => {
                if let Some(place) = place(number).filter(|place| *place > 0) {
                    rows.swap(place, place - 1);
                }
            }
            Edit::Down(number) => {
                if let Some(place) = place(number).filter(|place| place + 1 < rows.len()) {
                    rows.swap(place, place + 1);
                }
            }
        }
        self.retain(|name| split(list, name).is_none());
        for (number, row) in rows.into_iter().enumerate() {
            for (part, value) in row {
                self.set(&format!("{list}{number}_{part}"), value);
            }
        }
        self.keep_unsaved();
    }

    fn read_rows(&self, list: char) -> BTreeMap<usize, Row> {
        let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
        for (name, value) in self.entries() {
            if let Some((number, part)) = split(list, name) {
                rows.entry(number).or_default().insert(part.to_owned(), value.to_owned());
            }
        }
        rows
    }
}

/// The number and the part of a field of this list.
fn split(list: char, name: &str) -> Option<(usize, &str)> {
    let (number, part) = name.strip_prefix(list)?.split_once('_')?;
    Some((number.parse().ok()?, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(edit: &str) -> Form {
        let rows = [("a", "1"), ("b", "2"), ("c", "3")];
        let values = rows.iter().enumerate().flat_map(|(number, (name, value))| {
            [
                (format!("f{number}_name"), (*name).to_owned()),
                (format!("f{number}_value"), (*value).to_owned()),
            ]
        });
        let mut all: Vec<_> = values.collect();
        all.push(("do_f".to_owned(), edit.to_owned()));
        all.push(("free_text".to_owned(), "kept".to_owned()));
        Form::filled(all.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }

    fn edited(edit: &str) -> String {
        let mut form = form(edit);
        form.edit_rows('f', 4, &[("name", ""), ("value", "new")]);
        assert_eq!(form.value("free_text"), "kept");
        let row = |number| {
            format!("{}{}", form.value(&format!("f{number}_name")), form.value(&format!("f{number}_value")))
        };
        form.rows('f').into_iter().map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn rows_are_added_removed_and_moved_with_all_that_is_typed() {
        assert_eq!(edited("add"), "a1 b2 c3 new");
        assert_eq!(edited("remove-1"), "a1 c3");
        assert_eq!(edited("up-2"), "a1 c3 b2");
        assert_eq!(edited("down-0"), "b2 a1 c3");
        for nothing in ["up-0", "down-2", "remove-9", "up-x", "up", ""] {
            assert_eq!(edited(nothing), "a1 b2 c3", "{nothing}");
        }
        let mut full = form("add");
        full.edit_rows('f', 3, &[("name", "")]);
        assert_eq!(full.rows('f'), [0, 1, 2]);
    }
}
