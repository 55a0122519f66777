//! The ends of a customer's licenses as a calendar (RFC 5545).

use actix_web::web;
use chrono::{Duration, NaiveDate};
use icalendar::{Alarm, Calendar, Component as _, Event, EventLike as _, Property};
use keyward_domain::{License, LicenseStatus, PageRequest, Timestamp};
use keyward_engine::Engine;

use crate::page::{self, Page};
use crate::signed::SignedCustomer;

/// How many licenses it is made of at most, the newest first.
const MOST: usize = 1_000;

/// How many days before an end it reminds of it.
const REMINDERS: [i64; 3] = [30, 7, 1];

pub(super) async fn ends(signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let now = engine.now();
    let mut calendar = Calendar::new();
    calendar.name(&format!("Licenses of {}", signed.person.organization.name));
    let (mut after, mut read) = (None, 0);
    loop {
        let request = PageRequest { limit: PageRequest::MOST, after };
        let (licenses, next) = engine.customer_licenses(&signed.person, request).await?.into_parts();
        (after, read) = (next, read + licenses.len());
        calendar.extend(licenses.iter().filter_map(|license| end(license, now)));
        if after.is_none() || read >= MOST {
            return Ok(page::file("licenses.ics", "text/calendar; charset=utf-8", calendar.to_string()));
        }
    }
}

/// The last day of a license by its contract; `None` for one without end, or that is revoked.
fn end(license: &License, now: Timestamp) -> Option<Event> {
    let end = license.revision.validity.ends_at()?;
    if license.status(now) == LicenseStatus::Revoked {
        return None;
    }
    let day: NaiveDate = end.plus_seconds(-1).date().parse().ok()?;
    let text = format!("{} ends", license.name);
    let mut event = Event::new();
    // The same each time, so that a calendar which has it already moves it to the new end.
    event.uid(&license.id.to_string()).summary(&text).starts(day).append_property(stamp(license));
    event.sequence(u32::try_from(license.version).unwrap_or(u32::MAX));
    let end = page::term_end(&license.revision.validity);
    event.description(&format!("The license is valid until {end}."));
    for days in REMINDERS {
        let mut alarm = Alarm::display(&text, -Duration::days(days));
        alarm.uid(&format!("{}-{days}", license.id)).append_property(stamp(license));
        event.alarm(alarm);
    }
    Some(event.done())
}

/// When the license was last changed, as `20270131T120000Z`.
fn stamp(license: &License) -> Property {
    Property::new("DTSTAMP", license.updated_at.to_string().replace(['-', ':'], ""))
}
