//! Where a version's Helm chart is.

use serde::{Deserialize, Serialize};

use crate::application::VersionName;
use crate::files::{FileName, VALUES};
use crate::{HttpUrl, Invalid};

/// Where a Helm chart is: in an OCI registry (`oci://…`), or in a chart repository under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// `oci://registry.example/acme/server`, or the URL of the repository.
    pub url: String,
    /// The chart's name in its repository; absent for `oci://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The chart's version.
    pub version: String,
}

crate::described!(composed Chart; named Chart = "Chart";);

impl Chart {
    /// Whether a chart can be at this address.
    pub fn check_url(text: &str) -> Result<(), Invalid> {
        chart_url(text).map(drop)
    }

    /// Checks all of it, naming every fault.
    pub fn checked(self) -> Result<Self, Vec<Invalid>> {
        let mut faults = Vec::new();
        let (url, oci) = (chart_url(&self.url), is_oci(&self.url));
        faults.extend(url.as_ref().err().map(|fault| fault.clone().at("url")));
        match (&self.name, oci) {
            (Some(_), true) => {
                faults.push(Invalid::new("not_allowed", "is part of the URL of an OCI chart").at("name"));
            }
            (None, false) => faults.push(Invalid::new("required", "is required").at("name")),
            (Some(name), false) if name.parse::<FileName>().is_err() => {
                faults.push(Invalid::new("invalid_chart_name", "is not the name of a chart").at("name"));
            }
            (Some(_), false) | (None, true) => {}
        }
        faults.extend(self.version.parse::<VersionName>().err().map(|fault| fault.at("version")));
        match url {
            Ok(url) if faults.is_empty() => Ok(Self { url, ..self }),
            Ok(_) | Err(_) => Err(faults),
        }
    }

    /// The command that deploys it under `release`, with the base values beside it.
    pub fn command(&self, release: &str, values: bool) -> String {
        let chart = match &self.name {
            Some(name) => format!("{name} --repo {}", self.url),
            None => self.url.clone(),
        };
        let values = if values { format!(" --values {VALUES}") } else { String::new() };
        format!("helm upgrade --install {release} {chart} --version {}{values}", self.version)
    }
}

fn is_oci(url: &str) -> bool {
    url.trim().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("oci://"))
}

/// A chart's address in its normal form. An `oci://` one is read as the `https://` one that it stands for. People paste
/// it into a shell, so what means something there is refused.
fn chart_url(text: &str) -> Result<String, Invalid> {
    let oci = is_oci(text);
    let fault = || {
        let message = "must be oci://registry/repository, or the https:// URL of a chart repository";
        Invalid::new("invalid_url", message)
    };
    let text = text.trim();
    let known = |c: char| c.is_ascii_alphanumeric() || "._~:/%+=-".contains(c);
    let normal = match text.get(6..).filter(|_| oci) {
        Some(rest) => format!("https://{rest}").parse::<HttpUrl>().map_err(|_| fault())?.to_string(),
        None => text.parse::<HttpUrl>().map_err(|_| fault())?.to_string(),
    };
    let normal = if oci { normal.replacen("https", "oci", 1) } else { normal };
    if normal.len() <= 500 && normal.chars().all(known) { Ok(normal) } else { Err(fault()) }
}
