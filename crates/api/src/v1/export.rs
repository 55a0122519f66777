//! All that an organization has, one JSON object a line, as the API shows it.
//!
//! It is read page by page, each page in one state, so that a slow reader holds no transaction open. The first and the last
//! line tell how often anything was changed before: the same number means that nothing was changed meanwhile.

use actix_web::web;
use keyward_domain::permission::{
    ReadApplications, ReadAuditEvents, ReadAuditSinks, ReadCustomers, ReadEntitlements, ReadLicenses,
    ReadMembers, ReadOrganization, ReadProducts, ReadRegistries, ReadSigningKeys, ReadTokens, ReadWebhooks,
    WriteOwners,
};
use keyward_domain::{Access, AuditFilter, Cursor, Grant, Page, PageRequest};
use keyward_engine::{Engine, Error};
use serde::Serialize;
use serde_json::json;

use super::application_entitlements::EntitlementView as ApplicationEntitlementView;
use super::applications::ApplicationView;
use super::applications::versions::VersionSheetView;
use super::artifact_entitlements::EntitlementView as ArtifactEntitlementView;
use super::artifacts::ArtifactView;
use super::audit_events::AuditEventView;
use super::audit_sinks::AuditSinkView;
use super::customers::CustomerView;
use super::customers::users::CustomerUserView;
use super::licenses::LicenseView;
use super::licenses::revisions::RevisionView;
use super::members::MemberView;
use super::organizations::OrganizationView;
use super::products::ProductView;
use super::registries::RegistryView;
use super::registry_keys::RegistryKeyView;
use super::signing_keys::SigningKeyView;
use super::tokens::TokenView;
use super::webhooks::WebhookView;

/// Why an export ends early.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// How many things are read at once.
const PAGE: u32 = 50;

/// The kinds of things, each after what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Organization,
    Members,
    SigningKeys,
    Tokens,
    Customers,
    CustomerUsers,
    Products,
    Licenses,
    Registries,
    Artifacts,
    RegistryKeys,
    ArtifactEntitlements,
    Applications,
    ApplicationEntitlements,
    Webhooks,
    AuditSinks,
    AuditEvents,
    End,
}

impl Part {
    const ALL: [Self; 18] = [
        Self::Organization,
        Self::Members,
        Self::SigningKeys,
        Self::Tokens,
        Self::Customers,
        Self::CustomerUsers,
        Self::Products,
        Self::Licenses,
        Self::Registries,
        Self::Artifacts,
        Self::RegistryKeys,
        Self::ArtifactEntitlements,
        Self::Applications,
        Self::ApplicationEntitlements,
        Self::Webhooks,
        Self::AuditSinks,
        Self::AuditEvents,
        Self::End,
    ];
}

/// An export that is under way.
pub struct Export {
    engine: web::Data<Engine>,
    access: Access<WriteOwners>,
    part: usize,
    cursor: Option<Cursor>,
    lines: u64,
}

impl Export {
    /// Begins one, which the audit log tells. Refused unless the caller may read everything.
    pub async fn begin(engine: web::Data<Engine>, access: Access<WriteOwners>) -> Result<Self, Error> {
        may_export(&access)?;
        engine.begin_export(&access).await?;
        Ok(Self { engine, access, part: 0, cursor: None, lines: 0 })
    }

    /// The next lines; `None` after the last. What ends early lacks the line of the type `end`.
    pub async fn next(&mut self) -> Result<Option<String>, Fault> {
        let Some(part) = Part::ALL.get(self.part) else { return Ok(None) };
        let mut lines = Lines::default();
        let next = self.read(*part, &mut lines).await?;
        self.lines += lines.count;
        match next {
            Some(cursor) => self.cursor = Some(cursor),
            None => {
                self.cursor = None;
                self.part += 1;
            }
        }
        Ok(Some(lines.text))
    }

    async fn read(&self, part: Part, lines: &mut Lines) -> Result<Option<Cursor>, Fault> {
        let (engine, now) = (&self.engine, self.engine.now());
        let page = PageRequest { limit: PAGE, after: self.cursor };
        match part {
            Part::Organization => {
                let organization = engine.organization(&self.may()?).await?;
                let change = engine.change_number(&self.access).await?;
                lines.add("export", &json!({ "version": 1, "change": change, "exported_at": now }))?;
                lines.add("organization", &OrganizationView::at(organization, now))?;
                Ok(None)
            }
            Part::Members => {
                let found = engine.members(&self.may::<ReadMembers>()?, page).await?;
                lines.page("member", found, MemberView::from)
            }
            Part::SigningKeys => {
                let found = engine.signing_keys(&self.may::<ReadSigningKeys>()?).await?;
                lines.page("signing_key", Page::new(found, None), SigningKeyView::from)
            }
            Part::Tokens => {
                let found = engine.tokens(&self.may::<ReadTokens>()?, page).await?;
                lines.page("token", found, |token| TokenView::at(token, now))
            }
            Part::Customers => {
                let found = engine.customers(&self.may::<ReadCustomers>()?, None, page).await?;
                lines.page("customer", found, CustomerView::from)
            }
            Part::CustomerUsers => {
                let found = engine.users_of_customers(&self.may::<ReadCustomers>()?, page).await?;
                lines.page("customer_user", found, CustomerUserView::from)
            }
            Part::Products => {
                let found = engine.products(&self.may::<ReadProducts>()?, None, page).await?;
                lines.page("product", found, ProductView::from)
            }
            Part::Licenses => {
                let access = self.may::<ReadLicenses>()?;
                let found = engine.licenses(&access, &Default::default(), page).await?;
                let (items, next) = found.into_parts();
                for license in items {
                    let id = license.id;
                    lines.add("license", &LicenseView::at(license, now))?;
                    // One that was deleted meanwhile has none.
                    for revision in engine.revisions(&access, id).await.or_else(nothing)? {
                        let of = Some(("license_id", id.to_string()));
                        lines.below("revision", of, &RevisionView::from(revision))?;
                    }
                }
                Ok(next)
            }
            Part::Registries => {
                let found = engine.registries(&self.may::<ReadRegistries>()?, page).await?;
                lines.page("registry", found, RegistryView::from)
            }
            Part::Artifacts => {
                let found = engine.artifacts(&self.may::<ReadRegistries>()?, None, None, page).await?;
                lines.page("artifact", found, ArtifactView::from)
            }
            Part::RegistryKeys => {
                let found = engine.registry_keys(&self.may::<ReadRegistries>()?, None, page).await?;
                lines.page("registry_key", found, RegistryKeyView::from)
            }
            Part::ArtifactEntitlements => {
                let found =
                    engine.artifact_entitlements(&self.may::<ReadEntitlements>()?, None, page).await?;
                lines.page("artifact_entitlement", found, ArtifactEntitlementView::from)
            }
            Part::Applications => {
                let access = self.may::<ReadApplications>()?;
                let (items, next) = engine.applications(&access, None, page).await?.into_parts();
                for application in items {
                    let id = application.id;
                    lines.add("application", &ApplicationView::from(application))?;
                    for version in engine.application_versions(&access, id).await.or_else(nothing)? {
                        let sheet = match engine.application_version(&access, id, &version.name).await {
                            Ok(sheet) => sheet,
                            Err(Error::NotFound(_)) => continue,
                            Err(error) => return Err(error.into()),
                        };
                        let of = Some(("application_id", id.to_string()));
                        lines.below("application_version", of, &VersionSheetView::from(sheet))?;
                    }
                }
                Ok(next)
            }
            Part::ApplicationEntitlements => {
                let access = self.may::<ReadEntitlements>()?;
                let found = engine.application_entitlements(&access, None, None, page).await?;
                lines.page("application_entitlement", found, ApplicationEntitlementView::from)
            }
            Part::Webhooks => {
                let found = engine.webhooks(&self.may::<ReadWebhooks>()?, page).await?;
                lines.page("webhook", found, WebhookView::from)
            }
            Part::AuditSinks => match engine.audit_sinks(&self.may::<ReadAuditSinks>()?, page).await {
                // The plan does not have them.
                Err(Error::PlanRequired { .. }) => Ok(None),
                found => lines.page("audit_sink", found?, AuditSinkView::from),
            },
            Part::AuditEvents => match engine
                .audit_events(&self.may::<ReadAuditEvents>()?, &AuditFilter::default(), page)
                .await
            {
                // The plan does not show it.
                Err(Error::PlanRequired { .. }) => Ok(None),
                found => lines.page("audit_event", found?, AuditEventView::from),
            },
            Part::End => {
                let change = engine.change_number(&self.access).await?;
                lines.add("end", &json!({ "lines": self.lines, "change": change }))?;
                Ok(None)
            }
        }
    }

    fn may<P: Grant>(&self) -> Result<Access<P>, Error> {
        Ok(self.access.also()?)
    }
}

/// Whoever exports must be able to read all of it, or half of it would be taken for the whole.
fn may_export(access: &Access<WriteOwners>) -> Result<(), Error> {
    access.also::<ReadOrganization>()?;
    access.also::<ReadMembers>()?;
    access.also::<ReadSigningKeys>()?;
    access.also::<ReadTokens>()?;
    access.also::<ReadCustomers>()?;
    access.also::<ReadProducts>()?;
    access.also::<ReadLicenses>()?;
    access.also::<ReadRegistries>()?;
    access.also::<ReadEntitlements>()?;
    access.also::<ReadApplications>()?;
    access.also::<ReadWebhooks>()?;
    access.also::<ReadAuditSinks>()?;
    access.also::<ReadAuditEvents>()?;
    Ok(())
}

fn nothing<T>(error: Error) -> Result<Vec<T>, Error> {
    match error {
        Error::NotFound(_) => Ok(Vec::new()),
        error => Err(error),
    }
}

#[derive(Default)]
struct Lines {
    text: String,
    count: u64,
}

impl Lines {
    fn add(&mut self, kind: &str, view: &impl Serialize) -> Result<(), Fault> {
        self.below(kind, None, view)
    }

    /// Adds a thing that is found below another one in the API, and so does not name it.
    fn below(&mut self, kind: &str, of: Option<(&str, String)>, view: &impl Serialize) -> Result<(), Fault> {
        // Put together as text: numbers in payloads stay as they were written.
        let view = serde_json::to_string(view)?;
        let of = of.map(|(name, id)| format!("\"{name}\":\"{id}\",")).unwrap_or_default();
        let fields = view.strip_prefix('{').unwrap_or_default();
        self.text.push_str(&format!("{{\"type\":\"{kind}\",{of}{fields}\n"));
        self.count += 1;
        Ok(())
    }

    fn page<D, T: Serialize>(
        &mut self,
        kind: &str,
        page: Page<D>,
        view: impl Fn(D) -> T,
    ) -> Result<Option<Cursor>, Fault> {
        let (items, next) = page.into_parts();
        for item in items {
            self.add(kind, &view(item))?;
        }
        Ok(next)
    }
}
