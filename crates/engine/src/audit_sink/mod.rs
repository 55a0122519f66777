//! Where audit logs are streamed to: sinks of organizations, and those of the operator, who has the logs of all.
//!
//! | to find | look in |
//! |---|---|
//! | how far a sink has come, and what a failing one means | [`keyward_domain::audit_sink`] |
//! | the job that streams | `stream` |
//! | what is sent, and what is missing | `batch` |
//! | how it is sent | `syslog`, `otlp`, `transport` |

mod batch;
mod otlp;
pub(crate) mod stream;
mod syslog;
mod transport;

use keyward_domain::audit_sink::{
    MOST_AUDIT_SINKS, MOST_HEADERS, Pem, Reached, SinkCredential, SinkCursor, SinkHeader, SinkHealth,
};
use keyward_domain::permission::{ReadAuditSinks, WriteAuditSinks};
use keyward_domain::{
    Access, Action, AuditSink, AuditSinkId, AuditSinkState, Feature, Idempotency, Invalid, Name,
    OrganizationScope, Page, PageRequest, SinkAddress, Versioned as _,
};
use keyward_storage::{SinkProgress, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::audit::Differences;
use crate::change::{Change, Done, unchanged};
use crate::vault::{Place, SealError};
use crate::{Engine, Error, Resource, Result};

/// A sink to be created.
#[derive(Debug, Clone)]
pub struct NewAuditSink {
    /// What it is called.
    pub name: Name,
    /// Where it is.
    pub address: SinkAddress,
    /// The only certificate authorities that count there; absent for those that the server trusts.
    pub ca_certificates: Option<Pem>,
    /// The certificate that the server shows there.
    pub client_certificate: Option<Pem>,
    /// Its private key.
    pub client_key: Option<Pem>,
    /// Headers, for OTLP.
    pub headers: Vec<SinkHeader>,
    /// Whether it begins with the next event, and not with the first that is kept.
    pub skip_history: bool,
}

keyward_domain::described!(object NewAuditSink;);

/// What is to be changed; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct AuditSinkChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new address. Certificate and headers do not go along: they are given anew, or there are none.
    pub address: Option<SinkAddress>,
    /// Other certificate authorities; `Some(None)` for those that the server trusts.
    pub ca_certificates: Option<Option<Pem>>,
    /// Another certificate; `Some(None)` for none.
    pub client_certificate: Option<Option<Pem>>,
    /// Its private key.
    pub client_key: Option<Option<Pem>>,
    /// Other headers.
    pub headers: Option<Vec<SinkHeader>>,
}

keyward_domain::described!(object AuditSinkChange;);

/// A sink, and how it stands.
#[derive(Debug, Clone)]
pub struct AuditSinkView {
    /// The sink.
    pub sink: AuditSink,
    /// How it has taken what it was sent.
    pub health: SinkHealth,
    /// How far it has come.
    pub reached: Reached,
    /// The number of the last event that there is.
    pub last: i64,
    /// How many events it will never have.
    pub missed: i64,
}

/// A sink that gets the audit logs of all organizations.
#[derive(Debug, Clone)]
pub struct OperatorSink {
    /// Where it is.
    pub address: SinkAddress,
    /// The only certificate authorities that count there; absent for those that the server trusts.
    pub ca_certificates: Option<Pem>,
    /// By what it knows the server.
    pub credential: SinkCredential,
}

impl OperatorSink {
    /// Looks whether certificates and key can be used.
    ///
    /// # Errors
    /// What can't be.
    pub fn check(&self) -> std::result::Result<(), String> {
        transport::check(self.ca_certificates.as_ref(), &self.credential)
            .map_err(|(_, fault)| fault.to_owned())
    }

    /// By which it is known in the database. There is one of each kind, wherever it is: one that moves goes on where it was.
    pub(crate) fn id(&self) -> AuditSinkId {
        let number = match self.address {
            SinkAddress::Syslog { .. } => 1,
            SinkAddress::Otlp(_) => 2,
        };
        Uuid::from_u128(number).into()
    }
}

impl Engine {
    /// The sinks, the latest first, where the plan includes the audit log.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn audit_sinks(
        &self,
        access: &Access<ReadAuditSinks>,
        page: PageRequest,
    ) -> Result<Page<AuditSinkView>> {
        let (scope, tx) = (access.scope(), self.store.read().await?);
        self.includes(&tx, scope, Feature::AuditLog).await?;
        let (sinks, next) = tx.audit_sinks(scope).list(page).await?.into_parts();
        let mut views = Vec::with_capacity(sinks.len());
        for sink in sinks {
            views.push(view(&tx, sink).await?);
        }
        Ok(Page::new(views, next))
    }

    /// One sink.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn audit_sink(
        &self,
        access: &Access<ReadAuditSinks>,
        id: AuditSinkId,
    ) -> Result<AuditSinkView> {
        let (scope, tx) = (access.scope(), self.store.read().await?);
        self.includes(&tx, scope, Feature::AuditLog).await?;
        let sink = tx.audit_sinks(scope).find(id).await?.ok_or(Error::NotFound(Resource::AuditSink))?;
        view(&tx, sink).await
    }

    /// Creates a sink.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_audit_sink(
        &self,
        access: &Access<WriteAuditSinks>,
        new: NewAuditSink,
        once: Option<&Idempotency>,
    ) -> Result<Done<AuditSinkView>> {
        let (scope, now, id) = (access.scope(), self.now(), self.id(AuditSinkId::new));
        let credential = credential(new.client_certificate, new.client_key, &new.headers)?;
        let sink = AuditSink {
            id,
            organization: scope.id(),
            name: new.name,
            address: new.address,
            ca_certificates: new.ca_certificates,
            has_client_certificate: credential.client.is_some(),
            header_names: credential.header_names(),
            state: AuditSinkState::Enabled,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        usable(&sink, &credential)?;
        let sealed = self.sealed_credential(scope, id, &credential)?;
        let earlier =
            async |change: Change<'_>, id: Uuid| view(&change, lock(&change, scope, id.into()).await?).await;
        self.change_once(access, once, earlier, async |change| {
            self.includes(&change, scope, Feature::AuditLog).await?;
            // Of many who create one at once, none is too many.
            change.organizations().lock(scope).await?;
            if change.audit_sinks(scope).count().await? >= MOST_AUDIT_SINKS {
                let most = format!("There are {MOST_AUDIT_SINKS} audit sinks already, which is the most.");
                return Err(Error::Transition(most));
            }
            let missing = || Error::NotFound(Resource::Organization);
            let stand = change.checkpoints(scope).find().await?.ok_or_else(missing)?;
            let begin = if new.skip_history {
                Reached { seq: stand.end.seq, signed: stand.end.seq }
            } else {
                beginning(stand.cut)
            };
            change.audit_sinks(scope).insert(&sink, sealed.clone()).await?;
            let progresses = change.sink_progresses();
            progresses.begin(id, Some(scope.id())).await?;
            let begun = SinkProgress { cursor: SinkCursor::at(begin), missed: 0 };
            progresses.advance(id, scope, begun, begun).await?;
            let detail = [("name", json!(sink.name)), ("address", json!(sink.address))];
            let shown = view(&change, sink.clone()).await?;
            change.commit(Action::AuditSinkCreated, id.uuid(), &detail).await?;
            Ok(shown)
        })
        .await
    }

    /// Changes a sink.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_audit_sink(
        &self,
        access: &Access<WriteAuditSinks>,
        id: AuditSinkId,
        update: AuditSinkChange,
        expected: Option<i64>,
    ) -> Result<AuditSinkView> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            self.includes(&change, scope, Feature::AuditLog).await?;
            let before = lock(&change, scope, id).await?;
            unchanged(before.version, expected)?;
            let update = update.clone();
            let kept = match change.audit_sinks(scope).credential(id).await? {
                Some(sealed) => self.opened_credential(scope, id, &sealed)?,
                None => SinkCredential::default(),
            };
            let moved = update.address.as_ref().is_some_and(|address| *address != before.address);
            // Whoever may change where it is could otherwise have them sent to themselves.
            let own = if moved { SinkCredential::default() } else { kept.clone() };
            let credential = changed_credential(own, &update)?;
            let sink = AuditSink {
                name: update.name.unwrap_or_else(|| before.name.clone()),
                address: update.address.unwrap_or_else(|| before.address.clone()),
                ca_certificates: update.ca_certificates.unwrap_or_else(|| before.ca_certificates.clone()),
                has_client_certificate: credential.client.is_some(),
                header_names: credential.header_names(),
                updated_at: now,
                version: before.version + 1,
                ..before.clone()
            };
            if sink.is_unchanged(&before) && credential == kept {
                return view(&change, before).await;
            }
            usable(&sink, &credential)?;
            let sealed = self.sealed_credential(scope, id, &credential)?;
            change.audit_sinks(scope).save_with(&sink, sealed).await?;
            // Elsewhere, or otherwise: what failed so far says nothing any more.
            change.sink_progresses().note_health(id, SinkHealth::default(), now).await?;
            let changes = Differences::default()
                .of("name", &before.name, &sink.name)
                .of("address", &before.address, &sink.address)
                .hidden("ca_certificates", &before.ca_certificates, &sink.ca_certificates)
                .hidden("credential", &kept, &credential);
            let shown = view(&change, sink.clone()).await?;
            let detail = [("name", json!(sink.name)), changes.detail()];
            change.commit(Action::AuditSinkUpdated, id.uuid(), &detail).await?;
            Ok(shown)
        })
        .await
    }

    /// Sends a sink nothing until it is resumed. One that is paused stays so.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn pause_audit_sink(
        &self,
        access: &Access<WriteAuditSinks>,
        id: AuditSinkId,
    ) -> Result<AuditSinkView> {
        let now = self.now();
        self.switch_audit_sink(access, id, Action::AuditSinkPaused, |sink| sink.paused(now)).await
    }

    /// Sends a sink what it has missed while it was paused, and what comes.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn resume_audit_sink(
        &self,
        access: &Access<WriteAuditSinks>,
        id: AuditSinkId,
    ) -> Result<AuditSinkView> {
        self.switch_audit_sink(access, id, Action::AuditSinkResumed, AuditSink::resumed).await
    }

    async fn switch_audit_sink(
        &self,
        access: &Access<WriteAuditSinks>,
        id: AuditSinkId,
        action: Action,
        switch: impl Fn(AuditSink) -> Option<AuditSink>,
    ) -> Result<AuditSinkView> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let before = lock(&change, scope, id).await?;
            let Some(switched) = switch(before.clone()) else { return view(&change, before).await };
            let sink = AuditSink { updated_at: now, version: before.version + 1, ..switched };
            change.audit_sinks(scope).save(&sink).await?;
            let shown = view(&change, sink.clone()).await?;
            change.commit(action, id.uuid(), &[("name", json!(sink.name))]).await?;
            Ok(shown)
        })
        .await
    }

    /// Deletes a sink. What it has not got it does not get any more.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_audit_sink(
        &self,
        access: &Access<WriteAuditSinks>,
        id: AuditSinkId,
        expected: Option<i64>,
    ) -> Result<()> {
        let scope = access.scope();
        self.change(access, async |change| {
            let sink = lock(&change, scope, id).await?;
            unchanged(sink.version, expected)?;
            change.audit_sinks(scope).remove(id).await?;
            let detail = [("name", json!(sink.name)), ("address", json!(sink.address))];
            change.commit(Action::AuditSinkDeleted, id.uuid(), &detail).await
        })
        .await
    }

    fn sealed_credential(
        &self,
        scope: OrganizationScope,
        id: AuditSinkId,
        credential: &SinkCredential,
    ) -> Result<Option<Vec<u8>>> {
        if credential.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_vec(credential).map_err(|_| fault(id, SealError::Form))?;
        let place = Place::AuditSinkCredential(scope.id(), id);
        let sealed = self.vault.seal_text(&place, &text, &self.seal_entropy());
        sealed.map(Some).map_err(|source| fault(id, source))
    }

    fn opened_credential(
        &self,
        scope: OrganizationScope,
        id: AuditSinkId,
        sealed: &[u8],
    ) -> Result<SinkCredential> {
        let place = Place::AuditSinkCredential(scope.id(), id);
        let text = self.vault.open_text(&place, sealed).map_err(|source| fault(id, source))?;
        serde_json::from_slice(&text).map_err(|_| fault(id, SealError::Form))
    }
}

/// Where a sink begins that gets all there is: at the checkpoint that was cut at, if something was.
fn beginning(cut: i64) -> Reached {
    Reached { seq: cut, signed: (cut - 1).max(0) }
}

fn fault(id: AuditSinkId, source: SealError) -> Error {
    Error::Key { kid: format!("credential of audit sink {id}"), source }
}

async fn lock(tx: &Tx, scope: OrganizationScope, id: AuditSinkId) -> Result<AuditSink> {
    tx.audit_sinks(scope).lock(id).await?.ok_or(Error::NotFound(Resource::AuditSink))
}

async fn view(tx: &Tx, sink: AuditSink) -> Result<AuditSinkView> {
    let (scope, progresses) = (sink.scope(), tx.sink_progresses());
    let progress = progresses.find(sink.id, scope).await?.unwrap_or_default();
    let last = tx.checkpoints(scope).find().await?.map_or(0, |stand| stand.end.seq);
    let health = progresses.health(sink.id).await?.unwrap_or_default();
    Ok(AuditSinkView { sink, health, reached: progress.cursor.reached, last, missed: progress.missed })
}

fn credential(certificate: Option<Pem>, key: Option<Pem>, headers: &[SinkHeader]) -> Result<SinkCredential> {
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate.as_str().to_owned(), key.as_str().to_owned())),
        (None, None) => None,
        (Some(_), None) => {
            return Err(Error::field(
                "client_key",
                Invalid::new("required", "is required with a certificate"),
            ));
        }
        (None, Some(_)) => {
            let fault = Invalid::new("required", "is required with a private key");
            return Err(Error::field("client_certificate", fault));
        }
    };
    Ok(SinkCredential { client, headers: listed(headers)? })
}

fn listed(headers: &[SinkHeader]) -> Result<Vec<(String, String)>> {
    let fault = |code, text: String| Err(Error::field("headers", Invalid::new(code, text)));
    if headers.len() > MOST_HEADERS {
        return fault("too_many", format!("has more than {MOST_HEADERS} headers"));
    }
    let mut listed: Vec<(String, String)> = Vec::with_capacity(headers.len());
    for header in headers {
        if listed.iter().any(|(name, _)| name == header.name()) {
            return fault("repeated_header", format!("has {} twice", header.name()));
        }
        listed.push((header.name().to_owned(), header.value().to_owned()));
    }
    Ok(listed)
}

fn changed_credential(own: SinkCredential, update: &AuditSinkChange) -> Result<SinkCredential> {
    let client = match (&update.client_certificate, &update.client_key) {
        (None, None) => own.client,
        (certificate, key) => credential(certificate.clone().flatten(), key.clone().flatten(), &[])?.client,
    };
    let headers = match &update.headers {
        Some(headers) => listed(headers)?,
        None => own.headers,
    };
    Ok(SinkCredential { client, headers })
}

/// Refuses what could never work.
fn usable(sink: &AuditSink, credential: &SinkCredential) -> Result<()> {
    if matches!(sink.address, SinkAddress::Syslog { .. }) && !credential.headers.is_empty() {
        return Err(Error::field("headers", Invalid::new("not_used", "are for OTLP alone")));
    }
    transport::check(sink.ca_certificates.as_ref(), credential)
        .map_err(|(field, fault)| Error::field(field, Invalid::new("invalid_pem", fault)))
}
