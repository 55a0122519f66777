//! The editor of a product's fields, and the form that comes of them.

use keyward_domain::template::{Field, FieldKind};
use keyward_domain::{FieldDraft, Template};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::form::Form;

/// The list of fields in the editor's form.
pub(crate) const FIELDS: char = 'f';

/// The fields of a new row.
pub(crate) const BLANK: [(&str, &str); 8] = [
    ("name", ""),
    ("label", ""),
    ("kind", "text"),
    ("required", ""),
    ("editable", "true"),
    ("hidden", ""),
    ("default", ""),
    ("choices", ""),
];

/// The kinds that a field may have, with what they are.
pub(crate) const KINDS: [(&str, &str); 7] = [
    ("text", "Text, one line"),
    ("textarea", "Text, several lines"),
    ("email", "E-mail address"),
    ("number", "Number"),
    ("select", "Choice"),
    ("checkbox", "Yes or no"),
    ("date", "Date"),
];

/// The editor's form as a product's template is.
pub(crate) fn filled(template: &Template) -> Form {
    let tick = |on: bool| if on { "true".to_owned() } else { String::new() };
    let row = |draft: FieldDraft| {
        vec![
            ("name", draft.name),
            ("label", draft.label.unwrap_or_default()),
            ("kind", draft.kind),
            ("required", tick(draft.required)),
            ("editable", tick(draft.editable)),
            ("hidden", tick(draft.hidden)),
            ("default", draft.default.as_deref().map(shown).unwrap_or_default()),
            ("choices", draft.choices.join("\n")),
        ]
    };
    let mut form = Form::default();
    form.fill_rows(FIELDS, template.drafts().into_iter().map(row));
    form
}

/// A default as the editor shows it: its text, or in the quotes of JSON where an empty field would mean none.
fn shown(raw: &RawValue) -> String {
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) if !text.trim().is_empty() && !text.starts_with('"') => text,
        Ok(_) | Err(_) => raw.get().to_owned(),
    }
}

/// What was typed as a default: the reverse of [`shown`].
fn default(kind: &str, text: &str) -> Option<Box<RawValue>> {
    let quoted = text.trim();
    match serde_json::from_str::<String>(quoted) {
        Ok(_) => RawValue::from_string(quoted.to_owned()).ok(),
        Err(_) if matches!(kind, "text" | "textarea") => json(kind, text),
        Err(_) => json(kind, quoted),
    }
}

/// One field as the editor's row has it; `None` for a row with nothing in it.
fn draft(form: &Form, number: usize) -> Option<FieldDraft> {
    let at = |part: &str| format!("{FIELDS}{number}_{part}");
    let texts = ["name", "label", "default", "choices"];
    if texts.iter().all(|part| form.given(&at(part)).is_none()) {
        return None;
    }
    let kind = form.value(&at("kind")).to_owned();
    let choices = form.value(&at("choices")).lines().map(str::to_owned);
    Some(FieldDraft {
        name: form.value(&at("name")).trim().to_owned(),
        label: form.given(&at("label")).map(str::to_owned),
        required: form.is(&at("required"), "true"),
        editable: form.is(&at("editable"), "true"),
        hidden: form.is(&at("hidden"), "true"),
        default: form.given(&at("default")).and_then(|_| default(&kind, form.value(&at("default")))),
        choices: match kind.as_str() {
            "select" => choices.filter(|choice| !choice.trim().is_empty()).collect(),
            _ => Vec::new(),
        },
        kind,
    })
}

/// The template that the editor's rows make. Whatever is wrong stands beside its field.
pub(crate) fn read(form: &mut Form) -> Option<Template> {
    let rows = form.rows(FIELDS);
    let drafts = rows.into_iter().filter_map(|number| Some((number, draft(form, number)?)));
    let (numbers, drafts): (Vec<_>, Vec<_>) = drafts.unzip();
    match Template::new(drafts) {
        Ok(template) => Some(template),
        Err(faults) => {
            let mut told = std::collections::BTreeSet::new();
            for fault in faults {
                let mut place = fault.pointer.split('/').skip(1);
                let number = place.next().and_then(|row| row.parse::<usize>().ok());
                let Some(number) = number.and_then(|row| numbers.get(row)) else {
                    form.refuse("fields", fault.message);
                    continue;
                };
                let part = match place.next() {
                    Some("type") => "kind",
                    Some(part) => part,
                    None => "name",
                };
                let field = format!("{FIELDS}{number}_{part}");
                // Where there is no label, the name is it, and would be told of twice.
                let is_named_twice = part == "label" && form.given(&field).is_none();
                if !is_named_twice && told.insert((field.clone(), fault.message.clone())) {
                    form.refuse(&field, fault.message);
                }
            }
            if form.faults().is_empty() {
                form.refuse("fields", "need a name each");
            }
            None
        }
    }
}

/// The form of a key as far as the editor's rows can be read.
pub(crate) fn preview(form: &Form) -> Vec<Input> {
    let mut sound: Vec<FieldDraft> = Vec::new();
    for number in form.rows(FIELDS) {
        let Some(draft) = draft(form, number) else { continue };
        sound.push(draft);
        if Template::new(sound.clone()).is_err() {
            sound.pop();
        }
    }
    Template::new(sound).map(|template| inputs(&template, None)).unwrap_or_default()
}

/// What was typed, as the JSON of its kind; what does not fit is left for the domain to refuse.
fn json(kind: &str, text: &str) -> Option<Box<RawValue>> {
    let json = match kind {
        "number" if serde_json::from_str::<serde_json::Number>(text).is_ok() => text.to_owned(),
        "checkbox" if matches!(text, "true" | "false") => text.to_owned(),
        "checkbox" => (text == "on" || text == "yes").to_string(),
        _ => Value::from(text).to_string(),
    };
    RawValue::from_string(json).ok()
}

/// One field of the form of a new key.
pub(crate) struct Input {
    pub name: String,
    pub label: String,
    /// As the template names it.
    pub kind: &'static str,
    pub required: bool,
    pub editable: bool,
    pub value: String,
    pub choices: Vec<String>,
    pub fault: Option<String>,
}

/// The form of a new key, with what was typed so far.
pub(crate) fn inputs(template: &Template, form: Option<&Form>) -> Vec<Input> {
    let input = |field: &Field| {
        let name = format!("field_{}", field.name);
        let default = field.default.as_ref().map(|value| {
            serde_json::from_str::<String>(value.as_str()).unwrap_or_else(|_| value.as_str().to_owned())
        });
        let typed = form.map(|form| form.value(&name).to_owned()).filter(|_| field.editable);
        Input {
            label: field.label.to_string(),
            kind: field.kind.as_str(),
            required: field.required,
            editable: field.editable,
            value: typed.or(default).unwrap_or_default(),
            choices: match &field.kind {
                FieldKind::Select { choices } => choices.clone(),
                _ => Vec::new(),
            },
            fault: form.and_then(|form| form.fault(&format!("fields.{}", field.name))),
            name,
        }
    };
    template.fields().iter().map(input).collect()
}

/// The values that were typed into the form of a new key.
pub(crate) fn values(template: &Template, form: &Form) -> Vec<(String, Box<RawValue>)> {
    let value = |field: &Field| {
        if !field.editable {
            return None;
        }
        let name = format!("field_{}", field.name);
        let typed = match field.kind {
            FieldKind::Checkbox => Some(if form.given(&name).is_some() { "true" } else { "false" }),
            FieldKind::Textarea => form.given(&name).map(|_| form.value(&name)),
            _ => form.given(&name),
        };
        Some((field.name.to_string(), json(field.kind.as_str(), typed?)?))
    };
    template.fields().iter().filter_map(value).collect()
}
