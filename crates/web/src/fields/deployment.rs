//! What is read of deployments that is no text of its own.

use std::collections::BTreeMap;

use keyward_domain::Invalid;
use keyward_domain::deployment::{Mode, Values, Volumes};
use keyward_domain::openapi::{Composed, one_of};
use serde_json::{Value, json};

use super::value::{Field, Reads};

impl Reads<Mode> for Composed {
    fn read(field: &Field) -> Result<Mode, Vec<Invalid>> {
        let text = field.text().map_err(|fault| vec![fault])?;
        let unknown = || vec![Invalid::new("unknown_mode", "must be manage or witness")];
        Mode::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(unknown)
    }

    fn schema() -> Value {
        one_of(Mode::ALL.map(Mode::as_str))
    }
}

impl Reads<Volumes> for Composed {
    fn read(field: &Field) -> Result<Volumes, Vec<Invalid>> {
        match field.text().map_err(|fault| vec![fault])?.as_str() {
            "keep" => Ok(Volumes::Keep),
            "delete" => Ok(Volumes::Delete),
            _ => Err(vec![Invalid::new("unknown_choice", "must be keep or delete")]),
        }
    }

    fn schema() -> Value {
        one_of(["keep", "delete"])
    }
}

impl Reads<Values> for Composed {
    fn read(field: &Field) -> Result<Values, Vec<Invalid>> {
        let texts: BTreeMap<String, String> = serde_json::from_str(field.literal())
            .map_err(|_| vec![Invalid::new("wrong_type", "must be a JSON object of strings")])?;
        Values::new(texts).map_err(|faults| {
            let named =
                |(name, fault): (String, Invalid)| if name.is_empty() { fault } else { fault.at(&name) };
            faults.into_iter().map(named).collect()
        })
    }

    fn schema() -> Value {
        let text = json!({"type": "string", "maxLength": Values::MOST_BYTES});
        let name = json!({"pattern": Values::PATTERN, "maxLength": Values::MOST_NAME});
        json!({
            "type": "object",
            "maxProperties": Values::MOST,
            "propertyNames": name,
            "additionalProperties": text,
        })
    }
}
