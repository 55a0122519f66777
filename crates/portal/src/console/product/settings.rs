//! All settings of a product, in one form: its name, how it is validated, and what its customers may pull.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_domain::product::{AddressMode, PullRole, PullRoles, Settings};
use keyward_domain::{CustomResponse, Name, Notes, Product, ProductId};
use keyward_engine::{Engine, ProductChange, SettingsChange};
use keyward_web::fields::Bounded;
use keyward_web::{Fields, Id, Request};

use super::{Frame, kept, of_version, seen};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/products/{id}/settings", web::get().to(show))
        .route("/products/{id}/settings", web::post().to(save))
        .route("/products/{id}/settings/edit", web::post().to(edit));
}

/// The list of pull roles in the form.
const ROLES: char = 'r';

#[derive(Template)]
#[template(path = "console/product_settings.html")]
struct SettingsPage {
    shell: Shell,
    product: Product,
    tab: &'static str,
    form: Form,
}

impl SettingsPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        id: ProductId,
        form: Option<Form>,
        query: &str,
    ) -> Page {
        let Frame { shell, product, tab } = Frame::of(engine, signed, id, "settings", query).await?;
        let form = form.map_or_else(|| filled(&product), |form| of_version(form, &product));
        page::send(&Self { shell, form, product, tab })
    }
}

fn filled(product: &Product) -> Form {
    let settings = &product.settings;
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let text = settings.custom_response.as_ref().map(|custom| custom.as_str().to_owned());
    let mut form = Form::filled([
        ("version", product.version.to_string()),
        ("name", product.name.to_string()),
        ("description", product.description.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("ip_enforcement", settings.addresses.as_str().to_owned()),
        ("default_max_ips", number(settings.default_max_ips)),
        ("default_grace_days", number(settings.default_grace_days)),
        ("ip_ttl_hours", number(settings.ip_ttl_hours)),
        ("ipv6_by_64", settings.ipv6_by_64.to_string()),
        ("expiry_enforcement", settings.enforce_expiry.to_string()),
        ("version_gating", settings.gate_versions.to_string()),
        ("require_version", settings.require_version.to_string()),
        ("custom_response", settings.custom.to_string()),
        ("custom_response_template", text.unwrap_or_default()),
        ("webhooks", settings.webhooks.to_string()),
        ("signed_validation", settings.sign.to_string()),
        ("address_share_percent", settings.shares.address.to_string()),
        ("license_share_percent", settings.shares.license.to_string()),
        ("unknown_key_share_percent", settings.shares.unknown_key.to_string()),
    ]);
    let role =
        |role: &PullRole| vec![("name", role.name.clone()), ("repositories", role.repositories.join(", "))];
    form.fill_rows(ROLES, product.pull_roles.roles().iter().map(role));
    form
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    SettingsPage::send(&engine, &signed, id.0, None, request.query_string()).await
}

/// What is typed.
struct Typed {
    name: Name,
    description: Option<Notes>,
    addresses: Option<AddressMode>,
    max_ips: Option<u32>,
    grace_days: Option<Bounded<0, { Settings::MOST_GRACE_DAYS }>>,
    ttl: Option<Bounded<1, { Settings::MOST_TTL_HOURS }>>,
    custom: Option<CustomResponse>,
    address_share: Option<Bounded<1, 100>>,
    license_share: Option<Bounded<1, 100>>,
    unknown_key_share: Option<Bounded<1, 100>>,
}

impl Request for Typed {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, description) = (fields.required("name"), fields.optional("description"));
        let (addresses, max_ips) = (fields.optional("ip_enforcement"), fields.optional("default_max_ips"));
        let (grace_days, ttl) = (fields.optional("default_grace_days"), fields.optional("ip_ttl_hours"));
        let custom = fields.optional("custom_response_template");
        let address_share = fields.optional("address_share_percent");
        let license_share = fields.optional("license_share_percent");
        let unknown_key_share = fields.optional("unknown_key_share_percent");
        Some(Self {
            name: name?,
            description,
            addresses,
            max_ips,
            grace_days,
            ttl,
            custom,
            address_share,
            license_share,
            unknown_key_share,
        })
    }
}

const TYPED: [&str; 10] = [
    "name",
    "description",
    "ip_enforcement",
    "default_max_ips",
    "default_grace_days",
    "ip_ttl_hours",
    "custom_response_template",
    "address_share_percent",
    "license_share_percent",
    "unknown_key_share_percent",
];

const BOXES: [&str; 7] = [
    "ipv6_by_64",
    "expiry_enforcement",
    "version_gating",
    "require_version",
    "custom_response",
    "webhooks",
    "signed_validation",
];

async fn save(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let (typed, roles) = (form.read::<Typed>(&TYPED), pull_roles(&mut form));
    form.boxes(&BOXES);
    let on = |name: &str| Some(form.is(name, "true"));
    let change = typed.zip(roles).map(|(typed, roles)| ProductChange {
        name: Some(typed.name),
        description: Some(typed.description),
        pull_roles: Some(roles),
        settings: SettingsChange {
            addresses: typed.addresses,
            default_max_ips: Some(typed.max_ips),
            default_grace_days: Some(typed.grace_days.map(Into::into)),
            ip_ttl_hours: Some(typed.ttl.map(Into::into)),
            ipv6_by_64: on("ipv6_by_64"),
            enforce_expiry: on("expiry_enforcement"),
            gate_versions: on("version_gating"),
            require_version: on("require_version"),
            custom: on("custom_response"),
            custom_response: Some(typed.custom),
            webhooks: on("webhooks"),
            sign: on("signed_validation"),
            address_share: typed.address_share.map(Into::into),
            license_share: typed.license_share.map(Into::into),
            unknown_key_share: typed.unknown_key_share.map(Into::into),
        },
        ..ProductChange::default()
    });
    if let Some(change) = change {
        match engine.update_product(&signed.access, id.0, change, seen(&form)).await {
            Ok(_) => return Ok(page::go(format!("/products/{}/settings?done=saved", id.0))),
            Err(error) => form = kept(form, error)?,
        }
    }
    SettingsPage::send(&engine, &signed, id.0, Some(form), "").await
}

/// Adds, removes or moves a pull role; nothing is saved.
async fn edit(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    form.boxes(&BOXES);
    form.edit_rows(ROLES, PullRoles::MOST, &[("name", ""), ("repositories", "")]);
    SettingsPage::send(&engine, &signed, id.0, Some(form), "").await
}

fn pull_roles(form: &mut Form) -> Option<PullRoles> {
    let (mut roles, mut numbers) = (Vec::new(), Vec::new());
    for number in form.rows(ROLES) {
        let name = form.value(&format!("{ROLES}{number}_name")).trim().to_owned();
        let repositories = form.value(&format!("{ROLES}{number}_repositories"));
        let repositories = repositories.split([',', '\n']).map(|text| text.trim().to_owned());
        let repositories: Vec<_> = repositories.filter(|text| !text.is_empty()).collect();
        // A row with nothing in it is none.
        if !name.is_empty() || !repositories.is_empty() {
            roles.push(PullRole { name, repositories });
            numbers.push(number);
        }
    }
    match PullRoles::new(roles) {
        Ok(roles) => Some(roles),
        Err(faults) => {
            for fault in faults {
                let mut place = fault.pointer.split('/').skip(1);
                let number = place.next().and_then(|row| row.parse::<usize>().ok());
                match number.and_then(|row| numbers.get(row)) {
                    Some(number) => {
                        let part = place.next().unwrap_or("name");
                        form.refuse(&format!("{ROLES}{number}_{part}"), fault.message);
                    }
                    None => form.refuse("pull_roles", fault.message),
                }
            }
            None
        }
    }
}
