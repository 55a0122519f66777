//! What customers get: the versions they may deploy, with their license keys in the files. Read from the database
//! each time, so whatever is changed shows at the next request.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::application_entitlement::{Decision, may_deploy};
use keyward_domain::files::{Chart, File};
use keyward_domain::license_reference::{Nameable, Unresolved, fill, references, resolve};
use keyward_domain::validation::{Asked, Rules, Status, decide};
use keyward_domain::{
    Address, Application, ApplicationVersion, Customer, LicenseId, Organization, OrganizationScope, Slug,
    VersionName,
};
use keyward_storage::Tx;

use crate::issue::TokenFormat;
use crate::sessions::CustomerSession;
use crate::validation::load::{self, Bearer};
use crate::{Engine, Error, LicenseUse, Resource, Result, heavy};

/// A customer who was recognised, by a session or by the token of a license. It reaches what the customer may
/// deploy, and nothing else.
#[derive(Debug, Clone)]
pub struct Recipient {
    organization: Organization,
    customer: Customer,
}

impl Recipient {
    /// A customer as the database knows it.
    pub(crate) fn of(organization: Organization, customer: Customer) -> Self {
        Self { organization, customer }
    }

    /// Who it is.
    pub(crate) fn customer(&self) -> &Customer {
        &self.customer
    }
}

impl From<&CustomerSession> for Recipient {
    fn from(person: &CustomerSession) -> Self {
        Self { organization: person.organization.clone(), customer: person.customer.clone() }
    }
}

/// An application with those of its versions that a customer may deploy, in the order of lists.
#[derive(Debug, Clone)]
pub struct EntitledApplication {
    /// The application.
    pub application: Application,
    /// Its versions.
    pub versions: Vec<ApplicationVersion>,
}

/// A version that a customer may deploy.
#[derive(Debug)]
pub struct EntitledVersion {
    /// Its application.
    pub application: Application,
    /// The version.
    pub version: ApplicationVersion,
    /// The chart of a Helm application.
    pub chart: Option<Chart>,
    /// Its files.
    pub files: Vec<DeliveredFile>,
}

/// A file with the customer's license keys in it.
#[derive(Debug)]
pub struct DeliveredFile {
    /// Its name.
    pub name: String,
    /// Its text, or the license keys that are not available, each with the reason.
    pub text: Result<String, Vec<(String, String)>>,
}

/// For each name that files ask for: its token, or why there is none.
pub(crate) type Keys = BTreeMap<String, Result<String, String>>;

impl Engine {
    /// The customer who holds the license of a token; `None` for what is no token of this server. The license has to
    /// be in force.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn recipient(&self, token: &str, address: Address) -> Result<Option<Recipient>> {
        let tx = self.store.read().await?;
        let Some(Bearer { organization, license_snapshot, product }) = load::bearer(self, &tx, token).await?
        else {
            return Ok(None);
        };
        // Whoever fetches files is no installation: neither addresses nor versions are counted here.
        let rules = Rules::of(product.as_ref()).without_versions();
        let asked = Asked { address, counted: false, version: None };
        let facts = license_snapshot.as_ref().map(|snapshot| &snapshot.facts);
        let status = decide(&organization, &rules, facts, &asked, self.now()).status;
        if status != Status::Active {
            return Err(Error::NotInForce(status));
        }
        let customer = match facts.and_then(|facts| facts.customer) {
            Some(customer) => tx.customers(organization.scope()).find(customer).await?,
            None => None,
        };
        let customer = customer.ok_or(Error::NoCustomer)?;
        Ok(Some(Recipient { organization, customer }))
    }

    /// What a license of a customer was used for today and in the `days` before; those of others are not there.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn own_license_use(
        &self,
        recipient: &Recipient,
        id: LicenseId,
        days: u32,
    ) -> Result<LicenseUse> {
        let (tx, scope) = (self.store.read().await?, recipient.organization.scope());
        let found = tx.licenses(scope).find(id).await?;
        let own = found.filter(|license| license.customer == Some(recipient.customer.id));
        let license = own.ok_or(Error::NotFound(Resource::License))?;
        let addresses = tx.addresses(id).list().await?.len();
        self.use_of(&tx, scope, (&license, addresses), days).await
    }

    /// The applications that a customer is entitled to, by name.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn entitled_applications(&self, recipient: &Recipient) -> Result<Vec<EntitledApplication>> {
        let (tx, scope) = (self.store.read().await?, recipient.organization.scope());
        let held = tx.application_entitlements(scope).of_customer(recipient.customer.id).await?;
        let ids: Vec<_> = held.iter().map(|entitlement| entitlement.application).collect();
        let mut own = Vec::new();
        for application in tx.applications(scope).among(&ids).await? {
            let mut versions = tx.application_versions(scope).list(application.id).await?;
            versions.retain(|version| may_deploy(&held, application.id, version) == Decision::Granted);
            own.push(EntitledApplication { application, versions });
        }
        Ok(own)
    }

    /// One application that a customer is entitled to; others are not there.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn entitled_application(
        &self,
        recipient: &Recipient,
        slug: &Slug,
    ) -> Result<EntitledApplication> {
        let tx = self.store.read().await?;
        entitled(&tx, recipient, slug).await
    }

    /// One version that a customer may deploy, with its files; others are not there.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn entitled_version(
        &self,
        recipient: &Recipient,
        slug: &Slug,
        name: &VersionName,
    ) -> Result<EntitledVersion> {
        let (tx, scope) = (self.store.read().await?, recipient.organization.scope());
        let (application, version) = entitled_one(&tx, recipient, slug, name).await?;
        let files = tx.application_versions(scope).files(&version).await?;
        drop(tx);
        let (bytes, chart) = (files.bytes(), files.chart().cloned());
        let (files, keys) = self
            .asked(recipient, bytes, files, |files| {
                files.references().into_iter().map(|(_, reference)| reference.name).collect()
            })
            .await?;
        let files = heavy(bytes, move || {
            let deliver = |file: &File| DeliveredFile {
                name: file.name.to_string(),
                text: filled(file.text.as_str(), &keys),
            };
            Ok::<_, Error>(files.iter().map(deliver).collect())
        });
        Ok(EntitledVersion { application, version, chart, files: files.await? })
    }

    /// One file of a version that a customer may deploy, with the customer's license keys in it.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn entitled_file(
        &self,
        recipient: &Recipient,
        slug: &Slug,
        name: &VersionName,
        file: &str,
    ) -> Result<String> {
        let (tx, scope) = (self.store.read().await?, recipient.organization.scope());
        let (_, version) = entitled_one(&tx, recipient, slug, name).await?;
        let files = tx.application_versions(scope).files(&version).await?;
        drop(tx);
        let file = files.find(file).ok_or(Error::NotFound(Resource::File))?.clone();
        let bytes = file.text.as_str().len();
        let (file, keys) = self
            .asked(recipient, bytes, file, |file| {
                let asked = references(file.text.as_str()).unwrap_or_default();
                asked.into_iter().map(|one| one.name).collect()
            })
            .await?;
        heavy(bytes, move || filled(file.text.as_str(), &keys).map_err(Error::NoKeys)).await
    }

    /// A text of so many bytes with the tokens for all names that it asks for. Nothing of the database is held while it
    /// is read.
    async fn asked<T: Send + 'static>(
        &self,
        recipient: &Recipient,
        bytes: usize,
        text: T,
        names: impl FnOnce(&T) -> BTreeSet<String> + Send + 'static,
    ) -> Result<(T, Keys)> {
        let (text, names) = heavy(bytes, move || {
            let names = names(&text);
            Ok::<_, Error>((text, names))
        })
        .await?;
        let keys = self.keys(&self.store.read().await?, recipient, names).await?;
        Ok((text, keys))
    }

    /// The present tokens of the licenses that files of a customer ask for.
    pub(crate) async fn keys(&self, tx: &Tx, recipient: &Recipient, names: BTreeSet<String>) -> Result<Keys> {
        let mut keys = Keys::new();
        if names.is_empty() {
            return Ok(keys);
        }
        let (scope, customer) = (recipient.organization.scope(), recipient.customer.id);
        let licenses = tx.licenses(scope).nameable(customer).await?;
        let slugs = tx.products(scope).slugs().await?;
        let slug_of = |product| slugs.get(&product);
        let nameable: Vec<_> = licenses
            .iter()
            .map(|license| Nameable::new(license, license.product.and_then(slug_of)))
            .collect();
        for name in names {
            let key = match resolve(&name, customer, &nameable, self.now()) {
                Ok(license) => self.key(tx, scope, license).await?,
                Err(Unresolved::Missing) => Err("no license is called so".to_owned()),
                Err(Unresolved::Withheld(status)) => Err(format!("the license is {status}")),
            };
            keys.insert(name, key);
        }
        Ok(keys)
    }

    async fn key(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        license: &keyward_domain::License,
    ) -> Result<Result<String, String>> {
        match self.sign(tx, scope, license, &license.revision, TokenFormat::Jwt).await {
            Ok(token) => Ok(Ok(token)),
            Err(Error::NoToken(why)) => Ok(Err(why.to_owned())),
            Err(error) => Err(error),
        }
    }
}

async fn entitled(tx: &Tx, recipient: &Recipient, slug: &Slug) -> Result<EntitledApplication> {
    let scope = recipient.organization.scope();
    let nothing = || Error::NotFound(Resource::Application);
    let application = tx.applications(scope).by_slug(slug).await?.ok_or_else(nothing)?;
    let held = tx.application_entitlements(scope).of_customer(recipient.customer.id).await?;
    if !held.iter().any(|entitlement| entitlement.application == application.id) {
        return Err(nothing());
    }
    let mut versions = tx.application_versions(scope).list(application.id).await?;
    versions.retain(|version| may_deploy(&held, application.id, version) == Decision::Granted);
    Ok(EntitledApplication { application, versions })
}

pub(crate) async fn entitled_one(
    tx: &Tx,
    recipient: &Recipient,
    slug: &Slug,
    name: &VersionName,
) -> Result<(Application, ApplicationVersion)> {
    let own = entitled(tx, recipient, slug).await?;
    let version = own.versions.into_iter().find(|version| version.name == *name);
    Ok((own.application, version.ok_or(Error::NotFound(Resource::ApplicationVersion))?))
}

/// The text with all its keys, or those that there are not.
fn filled(text: &str, keys: &Keys) -> Result<String, Vec<(String, String)>> {
    let token = |name: &str| keys.get(name).and_then(|key| key.as_ref().ok()).map(String::as_str);
    fill(text, token).ok_or_else(|| {
        let asked: BTreeSet<_> =
            references(text).unwrap_or_default().into_iter().map(|reference| reference.name).collect();
        let why = |name: String| {
            let why = keys.get(&name)?.as_ref().err()?.clone();
            Some((name, why))
        };
        asked.into_iter().filter_map(why).collect()
    })
}
