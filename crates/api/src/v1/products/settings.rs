//! The settings of a product, on their way in and out.

use keyward_domain::CustomResponse;
use keyward_domain::product::{AddressMode, Settings};
use keyward_engine::SettingsChange;
use keyward_web::fields::Bounded;
use keyward_web::{Fields, Request};
use serde::Serialize;
use serde_json::value::RawValue;

/// How validation behaves.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Settings)]
pub(crate) struct SettingsView {
    /// `off`, `monitor` (record, never refuse), `enforce` (new addresses register up to `max_ips`) or
    /// `allowlist` (registered addresses only).
    #[schema(example = "enforce")]
    ip_enforcement: &'static str,
    /// `max_ips` of new licenses; `null` or 0 for no limit.
    default_max_ips: Option<u32>,
    /// Hours after which an address that was not seen is free again; `null` for never.
    ip_ttl_hours: Option<u32>,
    /// Whether the addresses of one IPv6 /64 count as one.
    ipv6_by_64: bool,
    /// Whether licenses end when their time does.
    expiry_enforcement: bool,
    /// Whether versions are checked.
    version_gating: bool,
    /// Whether applications must name their version; otherwise the latest counts.
    require_version: bool,
    /// Whether answers carry the custom response.
    custom_response: bool,
    /// The custom response; that of a license is laid over it, member by member.
    #[schema(value_type = Option<Object>)]
    custom_response_template: Option<Box<RawValue>>,
    /// Whether webhooks tell of its licenses.
    webhooks: bool,
    /// Whether answers are signed.
    signed_validation: bool,
}

impl From<Settings> for SettingsView {
    fn from(settings: Settings) -> Self {
        let raw = |custom: CustomResponse| RawValue::from_string(custom.as_str().to_owned()).ok();
        Self {
            ip_enforcement: settings.addresses.as_str(),
            default_max_ips: settings.default_max_ips,
            ip_ttl_hours: settings.ip_ttl_hours,
            ipv6_by_64: settings.ipv6_by_64,
            expiry_enforcement: settings.enforce_expiry,
            version_gating: settings.gate_versions,
            require_version: settings.require_version,
            custom_response: settings.custom,
            custom_response_template: settings.custom_response.and_then(raw),
            webhooks: settings.webhooks,
            signed_validation: settings.sign,
        }
    }
}

/// Settings to be changed; what is absent stays.
#[derive(Debug, Default, utoipa::ToSchema)]
pub(crate) struct UpdateSettings {
    /// `off`, `monitor`, `enforce` or `allowlist`.
    #[schema(value_type = Option<String>)]
    ip_enforcement: Option<AddressMode>,
    /// `null` or 0 for no limit.
    default_max_ips: Option<Option<u32>>,
    /// 1 to 87,840; `null` for never.
    ip_ttl_hours: Option<Option<u32>>,
    ipv6_by_64: Option<bool>,
    expiry_enforcement: Option<bool>,
    version_gating: Option<bool>,
    require_version: Option<bool>,
    custom_response: Option<bool>,
    /// Up to 16 KiB; whole numbers up to 2^53 - 1, so that its signature can be checked everywhere.
    #[schema(value_type = Option<Object>)]
    custom_response_template: Option<Option<CustomResponse>>,
    webhooks: Option<bool>,
    signed_validation: Option<bool>,
}

impl Request for UpdateSettings {
    fn read(fields: &mut Fields) -> Option<Self> {
        let ip_ttl_hours: Option<Option<Bounded<1, { Settings::MOST_TTL_HOURS }>>> =
            fields.patch("ip_ttl_hours");
        Some(Self {
            ip_enforcement: fields.optional("ip_enforcement"),
            default_max_ips: fields.patch("default_max_ips"),
            ip_ttl_hours: ip_ttl_hours.map(|hours| hours.map(|Bounded(hours)| hours)),
            ipv6_by_64: fields.optional("ipv6_by_64"),
            expiry_enforcement: fields.optional("expiry_enforcement"),
            version_gating: fields.optional("version_gating"),
            require_version: fields.optional("require_version"),
            custom_response: fields.optional("custom_response"),
            custom_response_template: fields.patch("custom_response_template"),
            webhooks: fields.optional("webhooks"),
            signed_validation: fields.optional("signed_validation"),
        })
    }
}

impl From<UpdateSettings> for SettingsChange {
    fn from(update: UpdateSettings) -> Self {
        Self {
            addresses: update.ip_enforcement,
            default_max_ips: update.default_max_ips,
            ip_ttl_hours: update.ip_ttl_hours,
            ipv6_by_64: update.ipv6_by_64,
            enforce_expiry: update.expiry_enforcement,
            gate_versions: update.version_gating,
            require_version: update.require_version,
            custom: update.custom_response,
            custom_response: update.custom_response_template,
            webhooks: update.webhooks,
            sign: update.signed_validation,
        }
    }
}
