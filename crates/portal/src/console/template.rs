//! The editor of a product's fields, and the form that comes of them.

use keyward_domain::template::{Field, FieldKind};
use keyward_domain::{FieldDraft, Template};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::form::Form;

/// How many rows are left free for new fields.
const FREE_ROWS: usize = 2;

/// One row of the editor.
pub(crate) struct Row {
    pub name: String,
    pub label: String,
    pub kind: String,
    pub required: bool,
    pub editable: bool,
    pub hidden: bool,
    pub default: String,
    pub choices: String,
}

/// The kinds that a field may have.
pub(crate) const KINDS: [&str; 7] = ["text", "textarea", "email", "number", "select", "checkbox", "date"];

/// The rows of a product's template, and free ones.
pub(crate) fn rows(template: &Template) -> Vec<Row> {
    let row = |draft: FieldDraft| Row {
        name: draft.name,
        label: draft.label.unwrap_or_default(),
        kind: draft.kind,
        required: draft.required,
        editable: draft.editable,
        hidden: draft.hidden,
        default: draft.default.as_deref().map(shown).unwrap_or_default(),
        choices: draft.choices.join("\n"),
    };
    let free = || Row {
        name: String::new(),
        label: String::new(),
        kind: "text".to_owned(),
        required: false,
        editable: true,
        hidden: false,
        default: String::new(),
        choices: String::new(),
    };
    let drafts = template.drafts().into_iter().map(row);
    drafts.chain(std::iter::repeat_with(free).take(FREE_ROWS)).collect()
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

/// The template that the editor's rows make; rows without a name are left out.
pub(crate) fn read(form: &mut Form) -> Option<Template> {
    let mut drafts = Vec::new();
    for number in 0..=Template::MOST_FIELDS + FREE_ROWS {
        let at = |part: &str| format!("f{number}_{part}");
        let Some(name) = form.given(&at("name")) else { continue };
        let kind = form.value(&at("kind")).to_owned();
        let default = form.given(&at("default")).and_then(|_| default(&kind, form.value(&at("default"))));
        let list = form.value(&at("choices")).lines().map(str::to_owned);
        drafts.push(FieldDraft {
            name: name.to_owned(),
            label: form.given(&at("label")).map(str::to_owned),
            required: form.is(&at("required"), "yes"),
            editable: !form.is(&at("editable"), "no"),
            hidden: form.is(&at("hidden"), "yes"),
            default,
            choices: if kind == "select" {
                list.filter(|choice| !choice.trim().is_empty()).collect()
            } else {
                Vec::new()
            },
            kind,
        });
    }
    match Template::new(drafts) {
        Ok(template) => Some(template),
        Err(faults) => {
            for fault in faults {
                let place = fault.pointer.trim_start_matches('/').replace('/', " ");
                form.refuse(&format!("field {place}"), fault.message);
            }
            None
        }
    }
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
