//! How a page is put together and sent.

use actix_web::HttpResponse;
use actix_web::http::header::{
    Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue,
};
use actix_web::http::{StatusCode, header};
use askama::Template;
use keyward_domain::{Feature, LicenseHealth, Permission, Scopes, Timestamp, Validity};
use keyward_engine::{CustomerSession, MemberSession};

use crate::assets;
use crate::error_page::PageError;

/// What a handler gives.
pub(crate) type Page = Result<HttpResponse, PageError>;

/// Nothing but what this site sends itself, and no inline script or style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Whose pages they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The vendor's.
    Vendor,
    /// The customer's.
    Customer,
}

/// What surrounds every page of someone who is signed in.
pub(crate) struct Shell {
    /// Whose page it is.
    pub side: Side,
    /// The organization's name.
    pub organization: String,
    /// Who is signed in.
    pub person: String,
    /// The place in the navigation.
    pub active: &'static str,
    /// What the person may do.
    scopes: Scopes,
    /// For forms.
    pub csrf: String,
    /// What was just done.
    pub done: Option<&'static str>,
    /// What must be told on every page.
    pub notice: Option<String>,
    /// The plan, where it does not include license management.
    pub lacking: Option<&'static str>,
}

impl Shell {
    /// Around a vendor's page.
    pub(crate) fn vendor(person: &MemberSession, csrf: &str, active: &'static str, now: Timestamp) -> Self {
        let notice = match person.organization.plan {
            keyward_domain::Plan::ProTrial { until } if now < until => {
                Some(format!("Your trial of Pro runs until {}.", end(until)))
            }
            keyward_domain::Plan::ProTrial { .. } => {
                Some("Your trial has ended: license management is read-only until you upgrade.".to_owned())
            }
            keyward_domain::Plan::Free | keyward_domain::Plan::Pro | keyward_domain::Plan::Enterprise => None,
        };
        let limits = person.organization.limits(now);
        Self {
            side: Side::Vendor,
            organization: person.organization.name.to_string(),
            person: person.member.name.to_string(),
            active,
            scopes: person.identity.scopes(),
            csrf: csrf.to_owned(),
            done: None,
            notice,
            lacking: (!limits.includes(Feature::LicenseManagement)).then_some(limits.plan),
        }
    }

    /// Around a customer's page.
    pub(crate) fn customer(person: &CustomerSession, csrf: &str, active: &'static str) -> Self {
        Self {
            side: Side::Customer,
            organization: person.organization.name.to_string(),
            person: person.user.name.to_string(),
            active,
            scopes: Scopes::NONE,
            csrf: csrf.to_owned(),
            done: None,
            notice: None,
            lacking: None,
        }
    }

    /// Whether the person has a scope, such as `products:write`: what is refused is not offered.
    pub(crate) fn may(&self, scope: &str) -> bool {
        scope.parse::<Permission>().is_ok_and(|permission| self.scopes.contains(permission))
    }

    /// With what was done before, as the address tells.
    #[must_use]
    pub(crate) fn after(self, query: &str) -> Self {
        let done = query.split('&').find_map(|pair| pair.strip_prefix("done=")).and_then(|done| match done {
            "saved" => Some("Saved."),
            "archived" => Some("Archived. Validation answers product_archived and is not counted."),
            "unarchived" => Some("Back in sale and service."),
            "disabled" => Some("Disabled. Validation answers product_disabled."),
            "enabled" => Some("Back in service."),
            "deleted" => Some("Deleted. All licenses of this customer are revoked."),
            "license-deleted" => Some("Deleted. Its tokens count as revoked, from the very next request on."),
            "withdrawn" => Some("Withdrawn. The link opens nothing any more."),
            "revoked" => Some("Revoked, from the very next request on."),
            "suspended" => Some("Suspended."),
            "resumed" => Some("Resumed."),
            "renewed" => Some("Renewed: the license has a new token."),
            "reset" => Some("Done. No address is registered."),
            "mailed" => Some("Mailed. The link opens once, within 7 days."),
            "granted" => Some("Granted. The customer sees it at the next click."),
            "withheld" => Some("Archived. It is offered to nobody new; who had it keeps it."),
            "offered" => Some("Offered again."),
            "invited" => Some("Invited. The link in the mail works for 7 days."),
            "removed" => Some("Removed."),
            "taken-over" => Some("Yours now. The token acts for you, from the very next request on."),
            "password" => Some("Password changed. All your other sessions have ended."),
            "second-factor-off" => Some("The second factor is off. All your other sessions have ended."),
            "ended" => Some("Session ended."),
            "swept" => Some("It is looked at within seconds."),
            "entitled" => Some("Saved. It holds from the next pull on."),
            "unentitled" => Some("Ended, from the very next pull on."),
            "scheduled" => Some("The deletion is scheduled, and the owners are told by mail."),
            "kept" => Some("The organization is kept."),
            "trial" => Some("Your trial has begun."),
            "acknowledged" => Some("Acknowledged."),
            "ordered" => Some("Ordered. The agent takes it within a second or two, if it is there."),
            "released" => Some("Released. What runs on the host is left as it is."),
            "sent" => Some("It is on its way."),
            "paused" => Some("Paused. Messages are kept until it is resumed."),
            "held" => Some("Paused. It gets what it misses once it is resumed."),
            "streaming" => Some("Created. Events are on their way within seconds."),
            "activated" => Some("This key signs from now on; the one before still verifies."),
            _ => None,
        });
        Self { done, ..self }
    }
}

/// Sends a page.
pub(crate) fn send(template: &impl Template) -> Page {
    send_as(StatusCode::OK, template)
}

/// Sends a page with another status.
pub(crate) fn send_as(status: StatusCode, template: &impl Template) -> Page {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "a page can't be rendered");
        PageError::Problem(keyward_web::Problem::new(keyward_web::Code::InternalError))
    })?;
    Ok(HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        // With `no-referrer` browsers would hide where the page's own forms come from (`Origin: null`).
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .body(html))
}

/// Sends someone on after a form was carried out.
pub(crate) fn go(to: impl AsRef<str>) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, to.as_ref())).finish()
}

/// Sends a file to be kept, under its name as it is (RFC 6266). Browsers take dots from its front all the same.
pub(crate) fn file(name: &str, kind: &str, body: impl Into<Vec<u8>>) -> HttpResponse {
    let mut parameters = vec![DispositionParam::Filename(name.to_owned())];
    if !name.is_ascii() {
        let value = ExtendedValue {
            charset: Charset::Ext("UTF-8".to_owned()),
            language_tag: None,
            value: name.as_bytes().to_vec(),
        };
        parameters = vec![DispositionParam::FilenameExt(value)];
    }
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, kind))
        .insert_header(ContentDisposition { disposition: DispositionType::Attachment, parameters })
        .body(body.into())
}

/// Without it, spreadsheets take UTF-8 for an older encoding.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Rows as CSV (RFC 4180). What a spreadsheet would take for a formula is made text.
pub(crate) fn csv(name: &str, head: &[&str], rows: Vec<Vec<String>>) -> HttpResponse {
    let cell = |text: &str| {
        let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let text = if formula { format!("'{text}") } else { text.to_owned() };
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    };
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    let mut text = BYTE_ORDER_MARK.to_owned() + &line(head.iter().map(|text| cell(text)).collect());
    for row in rows {
        text.push_str(&line(row.iter().map(|text| cell(text)).collect()));
    }
    file(name, "text/csv; charset=utf-8", text)
}

/// An instant that may not be, however a template holds it.
pub(crate) trait Instant {
    /// The instant.
    fn at(&self) -> Option<Timestamp>;
}

impl Instant for Timestamp {
    fn at(&self) -> Option<Timestamp> {
        Some(*self)
    }
}

impl Instant for Option<Timestamp> {
    fn at(&self) -> Option<Timestamp> {
        *self
    }
}

impl<T: Instant> Instant for &T {
    fn at(&self) -> Option<Timestamp> {
        T::at(self)
    }
}

/// The day of an instant, UTC.
pub(crate) fn day(instant: impl Instant) -> String {
    instant.at().map(Timestamp::date).unwrap_or_default()
}

/// Day and minute of an instant, UTC.
pub(crate) fn minute(instant: impl Instant) -> String {
    instant
        .at()
        .map(|at| at.to_string().chars().take(16).collect::<String>().replace('T', " "))
        .unwrap_or_default()
}

/// A start: the first day, or day and time.
pub(crate) fn start(instant: impl Instant) -> String {
    instant.at().map(|at| at.as_start().to_string()).unwrap_or_default()
}

/// An end that may not be: the last day, or day and time.
pub(crate) fn end(instant: impl Instant) -> String {
    instant.at().map_or_else(|| "no end".to_owned(), |at| at.as_end().to_string())
}

/// When a term ends by its contract, and its grace where it has one.
pub(crate) fn term_end(validity: &Validity) -> String {
    match validity.grace_begins_at() {
        Some(ends_at) => format!("{}, grace until {}", end(ends_at), end(validity.expires_at())),
        None => end(validity.ends_at()),
    }
}

/// What a page warns of beside the status of a license that is valid.
pub(crate) fn warning(health: LicenseHealth) -> Option<&'static str> {
    match health {
        LicenseHealth::Ending => Some("ends soon"),
        LicenseHealth::InGrace => Some("in grace"),
        LicenseHealth::Fine
        | LicenseHealth::Ended
        | LicenseHealth::NotYet
        | LicenseHealth::Revoked
        | LicenseHealth::Suspended => None,
    }
}

/// The version of the assets, for their addresses.
pub(crate) fn assets() -> &'static str {
    &assets::VERSION
}

#[derive(Template)]
#[template(path = "error.html")]
struct TroublePage<'a> {
    title: &'a str,
    text: &'a str,
}

/// A page that says what is wrong.
pub(crate) fn error(status: StatusCode, title: &str, text: &str) -> HttpResponse {
    send_as(status, &TroublePage { title, text }).unwrap_or_else(|_| HttpResponse::build(status).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_runs_nothing() {
        let rows =
            vec![vec!["=HYPERLINK(1)".to_owned(), "a,\"b\"".to_owned()], vec!["-1".into(), "x\ny".into()]];
        let response = csv("x.csv", &["a", "b"], rows);
        let body = actix_web::body::MessageBody::try_into_bytes(response.into_body()).ok().unwrap();
        assert_eq!(body, "\u{feff}a,b\r\n'=HYPERLINK(1),\"a,\"\"b\"\"\"\r\n'-1,\"x\ny\"\r\n");
    }
}
