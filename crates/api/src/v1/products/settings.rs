//! The settings of a product, on their way in and out.

use keyward_domain::CustomResponse;
use keyward_domain::product::Settings;
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
    /// Days after their end by the contract in which new licenses stay valid; `null` or 0 for none.
    default_grace_days: Option<u32>,
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
    /// How much of a day's bucket one address (IPv6: one /64) may take, in percent; never less than 1,000 validations.
    #[schema(example = 50)]
    address_share_percent: u32,
    /// How much of it one license may take, in percent; never less than 1,000 validations.
    #[schema(example = 50)]
    license_share_percent: u32,
    /// How much of it all requests may take that name no license of the product, in percent; never less than 100 validations.
    #[schema(example = 10)]
    unknown_key_share_percent: u32,
}

impl From<Settings> for SettingsView {
    fn from(settings: Settings) -> Self {
        let raw = |custom: CustomResponse| RawValue::from_string(custom.as_str().to_owned()).ok();
        Self {
            ip_enforcement: settings.addresses.as_str(),
            default_max_ips: settings.default_max_ips,
            default_grace_days: settings.default_grace_days,
            ip_ttl_hours: settings.ip_ttl_hours,
            ipv6_by_64: settings.ipv6_by_64,
            expiry_enforcement: settings.enforce_expiry,
            version_gating: settings.gate_versions,
            require_version: settings.require_version,
            custom_response: settings.custom,
            custom_response_template: settings.custom_response.and_then(raw),
            webhooks: settings.webhooks,
            signed_validation: settings.sign,
            address_share_percent: settings.shares.address,
            license_share_percent: settings.shares.license,
            unknown_key_share_percent: settings.shares.unknown_key,
        }
    }
}
