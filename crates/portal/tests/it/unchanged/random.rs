//! Random values for every field, with what a form might lose.

use keyward_domain::product::AddressMode;
use keyward_domain::{CustomResponse, FieldDraft, Name, Notes, Pin, Template};
use keyward_engine::{BoundsChange, SettingsChange};
use proptest::prelude::*;

pub(super) fn name() -> impl Strategy<Value = Name> {
    "[a-zA-Z0-9äöüß中文★ ,.;:!?&<>\"'+%=-]{1,40}".prop_filter_map("a name", |text| text.parse().ok())
}

/// Text of several lines, with what a browser might leave out at its start and end.
pub(super) fn lines() -> impl Strategy<Value = String> {
    "[\n\t ]{0,3}[a-zA-Z0-9äöü <>&\"'\n\t#*_`-]{1,60}[\n ]{0,3}"
}

pub(super) fn notes() -> impl Strategy<Value = Option<Notes>> {
    let notes = lines().prop_map(|text| text.parse::<Notes>().unwrap());
    prop::option::of(notes.prop_filter("something is written in it", |notes| !notes.is_blank()))
}

fn choices() -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set("[a-c,;\"'<>&= x-z]{1,8}", 1..5).prop_filter_map("choices", |choices| {
        let trimmed: std::collections::BTreeSet<_> =
            choices.iter().map(|choice| choice.trim().to_owned()).collect();
        (!trimmed.contains("")).then(|| trimmed.into_iter().collect())
    })
}

fn default() -> impl Strategy<Value = Option<String>> {
    let odd = prop::sample::select(vec![
        "", " ", "\"", "\"\"", "\"a\" b", "null", "1", "true", "a,b", "\\u0041", "  x  ",
    ]);
    prop::option::of(prop_oneof![odd.prop_map(str::to_owned), "[a-z<>&\"' ]{0,12}"])
}

fn field() -> impl Strategy<Value = FieldDraft> {
    let kinds =
        prop::sample::select(vec!["text", "textarea", "number", "select", "checkbox", "date", "email"]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (kinds, prop::option::of(name()), flags, default(), choices()).prop_map(
        |(kind, label, (required, editable, hidden), text, choices)| {
            let default = text.and_then(|text| {
                let fixed = match kind {
                    "text" => serde_json::json!(text),
                    "textarea" => serde_json::json!(format!("\n{text}\n ")),
                    "select" => serde_json::json!(choices[0]),
                    "checkbox" => serde_json::json!(text.len() % 2 == 0),
                    "date" => serde_json::json!("2028-02-29"),
                    "email" => serde_json::json!("a+b@c.example"),
                    _ => serde_json::from_str("1.50").unwrap(),
                };
                serde_json::value::RawValue::from_string(fixed.to_string()).ok()
            });
            FieldDraft {
                name: String::new(),
                label: label.map(|label| label.to_string()),
                kind: kind.to_owned(),
                required,
                editable: editable || (required && default.is_none()),
                hidden,
                default,
                choices: if kind == "select" { choices } else { Vec::new() },
            }
        },
    )
}

pub(super) fn template() -> impl Strategy<Value = Template> {
    prop::collection::vec(field(), 0..5).prop_map(|fields| {
        let named = fields
            .into_iter()
            .enumerate()
            .map(|(number, field)| FieldDraft { name: format!("f_{number}"), ..field });
        Template::new(named.collect()).unwrap()
    })
}

fn custom() -> impl Strategy<Value = Option<CustomResponse>> {
    let text = (lines(), any::<i32>())
        .prop_map(|(text, number)| serde_json::json!({ "b": text, "a": number }).to_string());
    prop::option::of(text.prop_map(|text| CustomResponse::parse(&text).unwrap()))
}

pub(super) fn settings() -> impl Strategy<Value = SettingsChange> {
    let modes = vec![AddressMode::Off, AddressMode::Monitor, AddressMode::Enforce, AddressMode::Allowlist];
    let numbers =
        (prop::option::of(any::<u32>()), prop::option::of(1..1_000_u32), prop::option::of(0..366_u32));
    let shares = prop::array::uniform3(1..101_u32);
    (prop::sample::select(modes), numbers, prop::array::uniform7(any::<bool>()), custom(), shares).prop_map(
        |(addresses, (most, hours, grace), flags, custom, shares)| SettingsChange {
            addresses: Some(addresses),
            default_max_ips: Some(most),
            default_grace_days: Some(grace),
            ip_ttl_hours: Some(hours),
            ipv6_by_64: Some(flags[0]),
            enforce_expiry: Some(flags[1]),
            gate_versions: Some(flags[2]),
            require_version: Some(flags[3]),
            custom: Some(flags[4]),
            custom_response: Some(custom),
            webhooks: Some(flags[5]),
            sign: Some(flags[6]),
            address_share: Some(shares[0]),
            license_share: Some(shares[1]),
            unknown_key_share: Some(shares[2]),
        },
    )
}

pub(super) fn bounds() -> impl Strategy<Value = BoundsChange> {
    let pins = vec!["*", "2.1", "v2.1.0", ">=2.1 <3", ">=2", "<3.0.0-rc.1"];
    (prop::option::of(any::<u32>()), prop::sample::select(pins), custom()).prop_map(|(most, pin, custom)| {
        BoundsChange {
            max_ips: Some(most),
            pin: Some(pin.parse::<Pin>().unwrap_or_default()),
            custom_response: Some(custom),
            blocked: None,
        }
    })
}
