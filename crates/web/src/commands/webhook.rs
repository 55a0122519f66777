//! Webhook endpoints, and sending messages again.

use keyward_domain::event::EventPatterns;
use keyward_domain::openapi::{Composed, array};
use keyward_domain::{EndTime, EventPattern, Invalid, StartTime};
use keyward_engine::webhook::{NewWebhook, Replay, WebhookChange};
use serde_json::Value;

use crate::fields::{Field, FromField, Reads};
use crate::request;

request! {
    /// A webhook endpoint to be created.
    "CreateWebhook" for NewWebhook {
        /// Where messages are sent: `https://`, or `http://` within networks that the operator of the server has opened.
        /// Example: "https://hooks.example.com/keyward"
        url: required,
        /// What it is for.
        description: optional,
        /// Which events it is told: kinds such as `license.created`, groups such as `license.*`, or `*` for all, those of later
        /// versions too.
        /// Example: ["license.*", "alert.raised"]
        events: required,
        /// Of which products; empty for all. Events that belong to no product are told in any case.
        products: or_default,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "UpdateWebhook" for WebhookChange {
        /// Where messages are sent from now on, those that wait too.
        url: optional,
        /// What it is for; `null` removes it.
        description: patch,
        /// Which events it is told from now on.
        events: optional,
        /// Of which products; empty for all.
        products: optional,
    }
}

request! {
    /// What is to be sent again, the oldest first. What still waits is left as it is.
    "Replay" for Replay {
        /// Also what was delivered; only what has failed where absent.
        delivered: or_default,
        /// Messages from then on, or from this day on; absent for the first that is kept.
        since: optional as StartTime,
        /// Messages from before then, or this day and those before; absent for the last.
        until: optional as EndTime,
    }
}

impl Reads<EventPatterns> for Composed {
    fn read(field: &Field) -> Result<EventPatterns, Vec<Invalid>> {
        EventPatterns::new(Vec::from_field(field)?).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(EventPattern::schema(), 1, EventPatterns::MOST)
    }
}
