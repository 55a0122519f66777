//! What an organization publishes: its keys, and which licenses are withdrawn. No permission is needed.

use std::sync::Arc;

use keyward_domain::{Kid, Organization, OrganizationScope, Slug, Timestamp};
use keyward_storage::{Generation, Tx, Withdrawal};
use keyward_token::{Keyring, PublicKey, Status, StatusTable, UnixSeconds};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::heavy::heavy;
use crate::issue::status_list_uri;
use crate::metrics::CacheName;
use crate::vault::SealError;
use crate::{Engine, Error, Result};

/// For how long a status list may be kept before it is fetched again, in seconds.
const STATUS_LIST_TTL: u64 = 300;

/// For how long a status list can be relied upon offline, in seconds.
const STATUS_LIST_LIFETIME: i64 = 30 * 24 * 60 * 60;

/// For how long a signed list is given again, in seconds.
const SIGNED_SECONDS: i64 = 60;

/// How many signed lists are at hand, as long as they take no more than [`MOST_SIGNED_BYTES`].
const MOST_SIGNED: usize = 1_000;

/// How much memory signed lists may take.
const MOST_SIGNED_BYTES: u64 = 32 * 1024 * 1024;

/// The most addresses under which a list is published. A server moves seldom.
const MOST_ISSUERS: usize = 100;

impl Engine {
    /// The JWK Set (RFC 7517) of an organization's published keys; `None` if there is no such organization.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn jwks(&self, slug: &Slug) -> Result<Option<String>> {
        Ok(self.published_keys(slug).await?.map(|keys| keys.to_jwks()))
    }

    /// The same keys as SPKI PEM (RFC 8410), one block after the other.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn public_keys_pem(&self, slug: &Slug) -> Result<Option<String>> {
        Ok(self.published_keys(slug).await?.map(|keys| keys.to_pem()))
    }

    async fn published_keys(&self, slug: &Slug) -> Result<Option<Keyring>> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organizations().by_slug(slug).await? else { return Ok(None) };
        let mut keyring = Keyring::new();
        for key in tx.signing_keys(organization.scope()).list().await? {
            if key.is_published() {
                let public = PublicKey::from_bytes(&key.public).and_then(|public| keyring.insert(public));
                public.map_err(|_| Error::Key { kid: key.kid.to_string(), source: SealError::Mismatch })?;
            }
        }
        Ok(Some(keyring))
    }

    /// The SPKI PEM (RFC 8410) of the key that signs now.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn public_key_pem(&self, slug: &Slug) -> Result<Option<String>> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organizations().by_slug(slug).await? else { return Ok(None) };
        let active = tx.signing_keys(organization.scope()).active().await?;
        active.map(|key| self.public_pem(&key)).transpose()
    }

    /// The addresses under which an organization's status list is published, the present one first: a token names that
    /// of its time, so the list is signed for each that a living token names. `None` if there is no such organization.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn status_list_uris(&self, slug: &Slug) -> Result<Option<Vec<String>>> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organizations().by_slug(slug).await? else { return Ok(None) };
        self.uris(&tx, &organization).await.map(Some)
    }

    /// Where the list of these addresses is, and each of those lists on this server, whatever the address it is for.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn status_lists(&self, slug: &Slug) -> Result<Option<Vec<String>>> {
        let Some(uris) = self.status_list_uris(slug).await? else { return Ok(None) };
        let present = uris.first().cloned().unwrap_or_default();
        let reached = |uri: &String| {
            if *uri == present {
                return uri.clone();
            }
            let uri = url::form_urlencoded::byte_serialize(uri.as_bytes()).collect::<String>();
            format!("{present}?uri={uri}")
        };
        Ok(Some(uris.iter().map(reached).collect()))
    }

    /// The signed Token Status List of all revisions that are withdrawn, for one of the addresses under which it is
    /// published; `None` if it is not.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn status_list(&self, slug: &Slug, asked: AskedList<'_>) -> Result<Option<Arc<str>>> {
        let tx = self.store.read().await?;
        let Some(organization) = tx.organizations().by_slug(slug).await? else { return Ok(None) };
        // Most ask for the present one, which is found without a look at what living tokens name.
        let present = status_list_uri(self.issuer.as_str(), slug.as_str());
        let uri = if asked.is(&present) {
            Some(present)
        } else {
            asked.among(self.uris(&tx, &organization).await?)
        };
        let Some(uri) = uri else { return Ok(None) };
        let scope = organization.scope();
        let Some(key) = tx.signing_keys(scope).active().await? else { return Ok(None) };
        let (generation, now) = (tx.changes(organization.id).present().await?, self.now());
        let at_hand = self.signed_lists.get(&uri).filter(|list| list.is_fresh(generation, key.kid, now));
        self.metrics.looked_up(CacheName::StatusLists, at_hand.is_some());
        if let Some(list) = at_hand {
            return Ok(Some(list.token));
        }
        let table = table(&tx, scope).await?;
        drop(tx);
        let signer = self.signer(&key)?;
        let (subject, kid) = (uri.clone(), key.kid);
        let end = now.plus_seconds(STATUS_LIST_LIFETIME);
        let token = heavy(usize::try_from(table.len() / 4).unwrap_or(usize::MAX), move || {
            let (now, end) = (UnixSeconds::new(now.unix()), UnixSeconds::new(end.unix()));
            table.sign(&signer, &subject, now, Some(end), Some(STATUS_LIST_TTL))
        });
        let token = Arc::<str>::from(token.await?);
        let list = SignedList { token: Arc::clone(&token), generation, kid, signed_at: now };
        self.signed_lists.insert(uri, list);
        Ok(Some(token))
    }

    async fn uris(&self, tx: &Tx, organization: &Organization) -> Result<Vec<String>> {
        let (present, slug) = (self.issuer.as_str(), organization.slug.as_str());
        // Verifiers' clocks are behind, and some accept a token a little longer.
        let living = self.now().plus_days(-1);
        let issuers = tx.status_list(organization.scope()).issuers(living, MOST_ISSUERS).await?;
        let earlier = issuers.iter().map(String::as_str).filter(|issuer| *issuer != present);
        Ok(std::iter::once(present).chain(earlier).map(|issuer| status_list_uri(issuer, slug)).collect())
    }
}

/// Which of the addresses of a status list is asked for.
#[derive(Debug, Clone, Copy)]
pub enum AskedList<'a> {
    /// The one of tokens that are issued now.
    Present,
    /// This one.
    Uri(&'a str),
    /// One at this host, as clients write it in `Host`; else the present one.
    At(&'a str),
}

impl AskedList<'_> {
    /// Whether it is this one, where the present one is asked first.
    fn is(self, uri: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Uri(asked) => uri == asked,
            // Of http and https at one host it is not known which was asked for: the present one comes first.
            Self::At(authority) => {
                let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
                rest.split('/').next().is_some_and(|host| host.eq_ignore_ascii_case(authority))
            }
        }
    }

    /// Of the `uris`, of which the first is the present one.
    fn among(self, uris: Vec<String>) -> Option<String> {
        let present = uris.first().cloned().filter(|_| matches!(self, Self::At(_)));
        uris.into_iter().find(|uri| self.is(uri)).or(present)
    }
}

/// A list as it was signed: good while nothing of its organization has changed, and for a minute at most.
#[derive(Clone)]
pub(crate) struct SignedList {
    token: Arc<str>,
    generation: Generation,
    kid: Kid,
    signed_at: Timestamp,
}

impl SignedList {
    fn is_fresh(&self, generation: Generation, kid: Kid, now: Timestamp) -> bool {
        let age = now.unix() - self.signed_at.unix();
        self.generation == generation && self.kid == kid && (0..SIGNED_SECONDS).contains(&age)
    }
}

/// Weighs signed lists by their length.
#[derive(Clone)]
pub(crate) struct ListBytes;

impl Weighter<String, SignedList> for ListBytes {
    fn weight(&self, uri: &String, list: &SignedList) -> u64 {
        200 + (uri.len() + list.token.len()) as u64
    }
}

/// The signed lists at hand, by their addresses.
pub(crate) type SignedLists = Cache<String, SignedList, ListBytes>;

/// None yet.
pub(crate) fn no_signed_lists() -> SignedLists {
    Cache::with_weighter(MOST_SIGNED, MOST_SIGNED_BYTES, ListBytes)
}

async fn table(tx: &Tx, scope: OrganizationScope) -> Result<StatusTable> {
    let list = tx.status_list(scope);
    let mut table = StatusTable::new(list.window().await? as usize);
    for (index, withdrawal) in list.withdrawn().await? {
        let status = match withdrawal {
            Withdrawal::Revoked => Status::Invalid,
            Withdrawal::Suspended => Status::Suspended,
        };
        // Every index was drawn from within the window, and the window only grows.
        table.set(index.into(), status).map_err(|_| Error::StatusIndex { index })?;
    }
    Ok(table)
}
