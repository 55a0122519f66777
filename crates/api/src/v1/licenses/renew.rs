use actix_web::{post, web};
use keyward_domain::permission::WriteLicenses;
use keyward_domain::{EndTime, LicenseId, Payload, Renewal, StartTime};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, Problem, Request};

use super::LicenseView;

/// The new terms; what is absent stays, but for the end: that moves on by a year.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct RenewLicense {
    /// The first valid second, or a day in UTC, which begins it.
    #[schema(value_type = Option<String>, example = "2027-06-30T22:00:00Z")]
    not_before: Option<StartTime>,
    /// The first second that is no longer valid, or the last valid day in UTC, such as `2027-06-30`; absent for one more year, `null` for none.
    #[schema(value_type = Option<String>, example = "2027-06-30T22:00:00Z")]
    expires_at: Option<Option<EndTime>>,
    /// Custom claims.
    #[schema(value_type = Option<Object>)]
    payload: Option<Payload>,
    /// Whether the tokens issued before are withdrawn at once, instead of running out by themselves.
    revoke_previous: Option<bool>,
}

impl Request for RenewLicense {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (not_before, expires_at) = (fields.optional("not_before"), fields.patch("expires_at"));
        let (payload, revoke_previous) = (fields.optional("payload"), fields.optional("revoke_previous"));
        Some(Self { not_before, expires_at, payload, revoke_previous })
    }
}

/// Renew a license
///
/// Appends a revision: the license keeps its id and has another token.
#[utoipa::path(
    tag = "licenses",
    operation_id = "renew_license",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header)),
    request_body = RenewLicense,
    security(("management_token" = ["licenses:write"])),
    responses((status = 200, body = LicenseView), Refused),
)]
#[post("/api/v1/licenses/{id}/renew")]
pub(crate) async fn renew(
    command: Command<WriteLicenses, RenewLicense>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let Command { access, body, once } = command;
    let renewal = Renewal {
        not_before: body.not_before.map(Into::into),
        expires_at: body.expires_at.map(|end| end.map(Into::into)),
        payload: body.payload,
        revoke_previous: body.revoke_previous.unwrap_or_default(),
    };
    let done = engine.renew_license(&access, id.0, renewal, once.as_ref()).await?;
    Ok(LicenseView::done(done, engine.now()))
}
