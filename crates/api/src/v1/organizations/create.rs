use actix_web::{post, web};
use keyward_domain::permission::Operate;
use keyward_domain::{Email, Name, Slug};
use keyward_engine::{Engine, NewOrganization};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};
use serde::Serialize;

use super::OrganizationView;

/// An organization to be founded.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateOrganization {
    #[schema(value_type = String, example = "Acme")]
    name: Name,
    /// The first owner's address.
    #[schema(value_type = String, format = Email, example = "ada@acme.example")]
    owner_email: Email,
    /// The first owner's name; absent for the part of the address before the `@`.
    #[schema(value_type = Option<String>)]
    owner_name: Option<Name>,
    /// In public addresses and tokens; absent for one made from the name, numbered where that is taken.
    #[schema(value_type = Option<String>, example = "acme")]
    slug: Option<Slug>,
}

impl Request for CreateOrganization {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, owner_email) = (fields.required("name"), fields.required("owner_email"));
        let (owner_name, slug) = (fields.optional("owner_name"), fields.optional("slug"));
        Some(Self { name: name?, owner_email: owner_email?, owner_name, slug })
    }
}

/// An organization just founded.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedOrganization {
    organization: OrganizationView,
    /// Its first management token with full scope, shown this once.
    #[schema(example = "kw_mgmt_…")]
    token: String,
}

/// Found an organization
///
/// For the server's operator: needs the scope `operator`, which `bootstrap --operator` gives.
#[utoipa::path(
    tag = "organizations",
    operation_id = "create_organization",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateOrganization,
    security(("management_token" = ["operator"])),
    responses((status = 201, body = CreatedOrganization), Refused),
)]
#[post("/api/v1/organizations")]
pub(crate) async fn create(
    command: Command<Operate, CreateOrganization>,
    engine: web::Data<Engine>,
) -> Result<Answer<CreatedOrganization>, Problem> {
    let Command { access, body, once } = command;
    let new = NewOrganization {
        name: body.name,
        owner_email: body.owner_email,
        owner_name: body.owner_name,
        slug: body.slug,
    };
    let founded = engine.create_organization(&access, new, once.as_ref()).await?;
    let location = format!("/api/v1/organizations/{}", founded.organization.id);
    let organization = OrganizationView::at(founded.organization, engine.now());
    let token = founded.secret.expose().to_owned();
    Ok(Answer::created(location, CreatedOrganization { organization, token }))
}
