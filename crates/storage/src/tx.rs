//! The unit of work.

use std::collections::{BTreeSet, HashMap, HashSet};

use keyward_domain::provider::Departure;
use keyward_domain::registry::{
    Endpoint, Holder, Host, Notifications, Registry, RegistryKey, RepositoryName, Upstream,
};
use keyward_domain::{
    AgentId, AlertId, AuditEvent, AuditSink, AuditSinkId, Customer, CustomerUser, DeploymentTarget, Email,
    JoinCode, LicenseId, Link, MailId, ManagementToken, Member, Organization, OrganizationId,
    OrganizationScope, Product, ProductId, RegistryId, RegistryKeyId, SecretHash, Session, SigningKey,
    Timestamp, TokenId, Webhook, WebhookId,
};

use crate::connection::Connection;
use crate::{
    Addresses, Aged, AlertPatience, Alerts, ApplicationEntitlements, ApplicationVersions, Applications,
    ArtifactEntitlements, Artifacts, AuditCounts, AuditEvents, AuditSinks, Beginnings, BucketAlerts, Changes,
    Checkpoints, ClockRecord, CounterDays, Credentials, CustomerUsers, Customers, Deletions, Deliveries,
    DeploymentTargets, Deployments, DueAlert, Erasure, Generation, Habits, IdempotencyKeys, Jobs,
    LicenseHolders, LicenseNotices, LicenseUseOf, LicenseUses, Licenses, Links, LiveMarks, MailCounts,
    Members, Names, Occurrences, Organizations, OwnRows, Products, Providers, QueuedMail, Registries,
    RegistryEvents, RegistryHints, RegistryKeys, RegistryNotifications, Result, Sessions, Settings,
    ShownOnce, SignInAttempts, SigningKeys, SinkProgresses, StatusPlaces, StorageError, Tokens, UsageDays,
    UsageShares, Webhooks, audit, audit_sink, changes, customer_user, deployment_alert, deployment_target,
    link, mail, member, notice, product, provider, registry, registry_key, registry_notification, retention,
    session, signing_key, token, upstream_claim, webhook,
};

/// Proof that an event was recorded: audit log, outbox and generation have it. [`AuditEvents::record`] alone makes one.
#[derive(Debug)]
pub struct Recorded(pub(crate) AuditEvent);

impl Recorded {
    /// The event.
    pub fn event(&self) -> &AuditEvent {
        &self.0
    }
}

/// Why a transaction has no event: it changes nothing that a vendor, a customer or a copy in memory rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Technical {
    /// What an older server left as it knows it was brought up to date.
    Upgrade,
    /// Attempts to sign in were counted, by which guessing is slowed down.
    Attempts,
    /// A person is on the way to the sign-in provider, or back from there.
    ProviderTrip,
    /// A session was ended by its own person, or goes on under a new secret; who begins one is recorded.
    Session,
    /// A link was mailed to who asked for it; opening it is recorded.
    MailedLink,
    /// What the installation knows of itself was written: the link of the first start, the mark of the master key. There is no
    /// organization that could have an event.
    Installation,
    /// A secret waits, sealed, for the page that shows it once; making it was recorded.
    ShownOnce,
    /// A mail was claimed, sent, put off or given up.
    Mail,
    /// A webhook endpoint was claimed, and what was tried there was noted.
    Delivery,
    /// An audit sink was claimed, and how far it has come was noted.
    Streaming,
    /// Webhook endpoints are told of what the server has found.
    Occurrence,
    /// An organization has had its turn of notices, or something due was put off.
    Turn,
    /// A job was claimed, goes on, or has ended.
    Job,
    /// Uses were counted, and the addresses of validations noted.
    Usage,
    /// Lines of the access log, which is a log itself, and when credentials were last used.
    AccessLog,
    /// How a deployment or its host is, as its agent has told it; what has ended in it is recorded.
    AgentReport,
    /// What the upstream of a registry was seen to hold or to be, and when to look again.
    Upstream,
    /// Old rows were removed, and the clock was noted.
    Retention,
    /// A part of an organization that is out of the world already, or its exit, which takes the log along.
    Deletion,
    /// The chain of events was signed up to where it ends.
    Checkpoint,
    /// A part of the log was rewritten for an erasure, which is recorded at its end.
    Erasure,
    /// The key of a request that found all as it asked for.
    IdempotencyKey,
    /// Rows that a test or a measurement begins with.
    Seed,
}

/// A transaction. Dropped without [`commit`](Self::commit), it never happened.
pub struct Tx {
    pub(crate) inner: Connection,
}

impl Tx {
    pub(crate) fn new(inner: Connection) -> Self {
        Self { inner }
    }

    /// Makes everything done in it durable, at once, with the event that was recorded of it.
    pub async fn commit(self, _: Recorded) -> Result<()> {
        self.inner.commit().await.map_err(StorageError::of_commit)
    }

    /// The same for what is no change of the business, and has no event.
    pub async fn commit_unrecorded(self, _: Technical) -> Result<()> {
        self.inner.commit().await.map_err(StorageError::of_commit)
    }

    /// Takes everything done in it back, and what it has locked is free when this returns. A transaction that is dropped is taken
    /// back in the background.
    pub async fn roll_back(self) -> Result<()> {
        Ok(self.inner.rollback().await?)
    }

    /// Rows of the program that embeds this crate, in tables of its own.
    pub fn own_rows(&self) -> OwnRows<'_> {
        OwnRows::new(&self.inner)
    }

    /// Organizations.
    pub fn organizations(&self) -> Organizations<'_> {
        Organizations { tx: &self.inner }
    }

    /// Members of one organization.
    pub fn members(&self, scope: OrganizationScope) -> Members<'_> {
        Members { tx: &self.inner, scope }
    }

    /// Management tokens of one organization.
    pub fn tokens(&self, scope: OrganizationScope) -> Tokens<'_> {
        Tokens { tx: &self.inner, scope }
    }

    /// Customers of one organization.
    pub fn customers(&self, scope: OrganizationScope) -> Customers<'_> {
        Customers { tx: &self.inner, scope }
    }

    /// Users of one organization's customers.
    pub fn customer_users(&self, scope: OrganizationScope) -> CustomerUsers<'_> {
        CustomerUsers { tx: &self.inner, scope }
    }

    /// What the things of one organization are called.
    pub fn names(&self, scope: OrganizationScope) -> Names<'_> {
        Names { tx: &self.inner, scope }
    }

    /// The customers of one organization as holders of licenses.
    pub fn license_holders(&self, scope: OrganizationScope) -> LicenseHolders<'_> {
        LicenseHolders { tx: &self.inner, scope }
    }

    /// The keys and credentials of one organization, by how they begin.
    pub fn beginnings(&self, scope: OrganizationScope) -> Beginnings<'_> {
        Beginnings { tx: &self.inner, scope }
    }

    /// Licenses of one organization.
    pub fn licenses(&self, scope: OrganizationScope) -> Licenses<'_> {
        Licenses { tx: &self.inner, scope }
    }

    /// Products of one organization.
    pub fn products(&self, scope: OrganizationScope) -> Products<'_> {
        Products { tx: &self.inner, scope }
    }

    /// Registries of one organization.
    pub fn registries(&self, scope: OrganizationScope) -> Registries<'_> {
        Registries { tx: &self.inner, scope }
    }

    /// Registry keys of one organization.
    pub fn registry_keys(&self, scope: OrganizationScope) -> RegistryKeys<'_> {
        RegistryKeys { tx: &self.inner, scope }
    }

    /// What happened at the registries of one organization.
    pub fn registry_events(&self, scope: OrganizationScope) -> RegistryEvents<'_> {
        RegistryEvents { tx: &self.inner, scope }
    }

    /// What may send notifications about the registries of one organization.
    pub fn registry_notifications(&self, scope: OrganizationScope) -> RegistryNotifications<'_> {
        RegistryNotifications { tx: &self.inner, scope }
    }

    /// Places in registries that are to be looked at.
    pub fn registry_hints(&self) -> RegistryHints<'_> {
        RegistryHints { tx: &self.inner }
    }

    /// The registry of whatever organization about which the bearer of this secret may send notifications.
    pub async fn registry_by_notification(
        &self,
        hash: &SecretHash,
    ) -> Result<Option<(Registry, Notifications)>> {
        registry_notification::by_hash(&self.inner, hash).await
    }

    /// What one holder, found in its organization before, usually does.
    pub fn habits(&self, holder: Holder) -> Habits<'_> {
        Habits { tx: &self.inner, holder }
    }

    /// Alerts of one organization.
    pub fn alerts(&self, scope: OrganizationScope) -> Alerts<'_> {
        Alerts { tx: &self.inner, scope }
    }

    /// Artifacts of one organization.
    pub fn artifacts(&self, scope: OrganizationScope) -> Artifacts<'_> {
        Artifacts { tx: &self.inner, scope }
    }

    /// Artifact entitlements of one organization.
    pub fn artifact_entitlements(&self, scope: OrganizationScope) -> ArtifactEntitlements<'_> {
        ArtifactEntitlements { tx: &self.inner, scope }
    }

    /// The registry that clients reach under this host, of whatever organization.
    pub async fn registry_by_host(&self, host: &Host) -> Result<Option<Registry>> {
        registry::by_host(&self.inner, host).await
    }

    /// The same with its organization.
    pub async fn registry_with_organization(&self, host: &Host) -> Result<Option<(Registry, Organization)>> {
        registry::by_host_with_organization(&self.inner, host).await
    }

    /// The registries whose clients may go to the upstream itself and know it by this name, of whatever organization:
    /// the one at that host first, and then the oldest, at most `most`.
    pub async fn direct_registries(&self, service: &Host, most: u64) -> Result<Vec<Registry>> {
        registry::direct(&self.inner, service, most).await
    }

    /// The registry key with this secret, or that had it before, of whatever organization.
    pub async fn registry_key_by_hash(&self, hash: &SecretHash) -> Result<Option<RegistryKey>> {
        registry_key::by_hash(&self.inner, hash).await
    }

    /// The registry key of the server that has needed something for longest, locked until the end of the transaction.
    pub async fn registry_key_in_need(&self, now: Timestamp) -> Result<Option<RegistryKeyId>> {
        registry_key::in_need(&self.inner, now).await
    }

    /// A registry key of whatever organization, locked until the end of the transaction.
    pub async fn lock_registry_key(&self, id: RegistryKeyId) -> Result<Option<RegistryKey>> {
        registry_key::lock_any(&self.inner, id).await
    }

    /// Says when to look again at a registry key that needs something, readable or not.
    pub async fn postpone_registry_key(&self, id: RegistryKeyId, until: Timestamp) -> Result<()> {
        registry_key::postpone(&self.inner, id, until).await
    }

    /// Makes everyone else who wants one of these endpoints wait until the end of the transaction.
    pub async fn lock_endpoints(&self, endpoints: &BTreeSet<Endpoint>) -> Result<()> {
        upstream_claim::hold(&self.inner, endpoints).await
    }

    /// What is known of the upstream of a registry.
    pub async fn upstream_claims(&self, registry: RegistryId) -> Result<BTreeSet<Endpoint>> {
        upstream_claim::of(&self.inner, registry).await
    }

    /// Writes what is known of the upstream of a registry. The endpoints are locked.
    pub async fn claim_upstream(&self, registry: RegistryId, endpoints: &BTreeSet<Endpoint>) -> Result<()> {
        upstream_claim::put(&self.inner, registry, endpoints).await
    }

    /// The prefixes of other organizations' registries at any of these endpoints; `None` for one that has all.
    pub async fn prefixes_elsewhere(
        &self,
        organization: OrganizationId,
        endpoints: &BTreeSet<Endpoint>,
    ) -> Result<Vec<Option<RepositoryName>>> {
        upstream_claim::prefixes_elsewhere(&self.inner, organization, endpoints).await
    }

    /// The upstreams of other organizations' registries of which no endpoint is known, with the prefix that each has.
    pub async fn unclaimed_upstreams_elsewhere(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<(Upstream, Option<RepositoryName>)>> {
        upstream_claim::unclaimed_elsewhere(&self.inner, organization).await
    }

    /// The registries of all organizations that were last looked at `period` seconds ago or longer, or never, and at which
    /// no server is looking, as it would have said within `lease` seconds.
    pub async fn unswept_registries(
        &self,
        now: Timestamp,
        (period, lease): (i64, i64),
    ) -> Result<Vec<Registry>> {
        registry::unswept(&self.inner, now, (period, lease)).await
    }

    /// Applications of one organization.
    pub fn applications(&self, scope: OrganizationScope) -> Applications<'_> {
        Applications { tx: &self.inner, scope }
    }

    /// The versions of the applications of one organization.
    pub fn application_versions(&self, scope: OrganizationScope) -> ApplicationVersions<'_> {
        ApplicationVersions { tx: &self.inner, scope }
    }

    /// What the customers of one organization may deploy.
    pub fn application_entitlements(&self, scope: OrganizationScope) -> ApplicationEntitlements<'_> {
        ApplicationEntitlements { tx: &self.inner, scope }
    }

    /// The addresses of a license that was found in its organization before.
    pub fn addresses(&self, license: LicenseId) -> Addresses<'_> {
        Addresses { tx: &self.inner, license }
    }

    /// What licenses are used for, of all organizations.
    pub fn license_uses(&self) -> LicenseUses<'_> {
        LicenseUses { tx: &self.inner }
    }

    /// What an organization's licenses are used for.
    pub fn license_use(&self, scope: OrganizationScope) -> LicenseUseOf<'_> {
        LicenseUseOf { tx: &self.inner, scope }
    }

    /// How often a product, found in its organization before, was asked.
    pub fn usage(&self, product: ProductId) -> UsageDays<'_> {
        UsageDays { tx: &self.inner, product }
    }

    /// The present generations of organizations; of one that is gone, that before the first change.
    pub async fn generations(
        &self,
        organizations: &HashSet<OrganizationId>,
    ) -> Result<HashMap<OrganizationId, Generation>> {
        changes::present(&self.inner, organizations).await
    }

    /// What counters were allotted of products' days, and have counted.
    pub fn counter_days(&self) -> CounterDays<'_> {
        CounterDays { tx: &self.inner }
    }

    /// What partitions took of products' days.
    pub fn usage_shares(&self) -> UsageShares<'_> {
        UsageShares { tx: &self.inner }
    }

    /// What was told of the buckets of one organization's products.
    pub fn bucket_alerts(&self, scope: OrganizationScope) -> BucketAlerts<'_> {
        BucketAlerts { tx: &self.inner, scope }
    }

    /// What was changed in one organization.
    pub fn changes(&self, organization: OrganizationId) -> Changes<'_> {
        Changes { tx: &self.inner, organization }
    }

    /// The status list of one organization.
    pub fn status_list(&self, scope: OrganizationScope) -> StatusPlaces<'_> {
        StatusPlaces { tx: &self.inner, scope }
    }

    /// Signing keys of one organization.
    pub fn signing_keys(&self, scope: OrganizationScope) -> SigningKeys<'_> {
        SigningKeys { tx: &self.inner, scope }
    }

    /// The audit log of one organization.
    pub fn audit(&self, scope: OrganizationScope) -> AuditEvents<'_> {
        AuditEvents { tx: &self.inner, scope }
    }

    /// Requests of one organization that were carried out.
    pub fn idempotency(&self, scope: OrganizationScope) -> IdempotencyKeys<'_> {
        IdempotencyKeys { tx: &self.inner, scope }
    }

    /// What the server knows of itself.
    pub fn settings(&self) -> Settings<'_> {
        Settings { tx: &self.inner }
    }

    /// The management token with this secret, of whatever organization: this is how a caller is recognised.
    pub async fn token_by_hash(&self, hash: &SecretHash) -> Result<Option<ManagementToken>> {
        token::by_hash(&self.inner, hash).await
    }

    /// Sessions of one organization.
    pub fn sessions(&self, scope: OrganizationScope) -> Sessions<'_> {
        Sessions { tx: &self.inner, scope }
    }

    /// What waits to be shown once to people of one organization.
    pub fn shown_once(&self, scope: OrganizationScope) -> ShownOnce<'_> {
        ShownOnce { tx: &self.inner, scope }
    }

    /// Links of one organization.
    pub fn links(&self, scope: OrganizationScope) -> Links<'_> {
        Links { tx: &self.inner, scope }
    }

    /// The sign-in provider of one organization.
    pub fn providers(&self, scope: OrganizationScope) -> Providers<'_> {
        Providers { tx: &self.inner, scope }
    }

    /// The departure to a provider whose state this is, of whatever organization.
    pub async fn departure(&self, state: &SecretHash) -> Result<Option<Departure>> {
        provider::departure(&self.inner, state).await
    }

    /// Takes out the departure to a provider whose state this is, of whatever organization: it is given once.
    pub async fn take_departure(&self, state: &SecretHash) -> Result<Option<Departure>> {
        provider::take(&self.inner, state).await
    }

    /// What one organization sends mails about.
    pub fn notices(&self, scope: OrganizationScope) -> LicenseNotices<'_> {
        LicenseNotices { tx: &self.inner, scope }
    }

    /// The organization that has waited longest for its notices, whose turn comes every `period` seconds, locked until the
    /// end of the transaction.
    pub async fn next_turn(&self, now: Timestamp, period: i64) -> Result<Option<OrganizationId>> {
        notice::next_turn(&self.inner, now, period).await
    }

    /// Ends the turn of an organization, readable or not.
    pub async fn end_turn(&self, organization: OrganizationId, now: Timestamp) -> Result<()> {
        notice::end_turn(&self.inner, organization, now).await
    }

    /// The session whose cookie holds this secret, of whatever organization.
    pub async fn session_by_hash(&self, hash: &SecretHash) -> Result<Option<Session>> {
        session::by_hash(&self.inner, hash).await
    }

    /// The link with this secret, of whatever organization.
    pub async fn link_by_hash(&self, hash: &SecretHash) -> Result<Option<Link>> {
        link::by_hash(&self.inner, hash, false).await
    }

    /// The same, locked until the end of the transaction.
    pub async fn lock_link_by_hash(&self, hash: &SecretHash) -> Result<Option<Link>> {
        link::by_hash(&self.inner, hash, true).await
    }

    /// The members with this address, of whatever organizations, each with what they sign in with.
    pub async fn members_by_email(&self, email: &Email) -> Result<Vec<(Member, Credentials)>> {
        member::by_email(&self.inner, email).await
    }

    /// The users of customers with this address who have joined, of whatever organizations, each with what they sign in with.
    pub async fn customer_users_by_email(&self, email: &Email) -> Result<Vec<(CustomerUser, Credentials)>> {
        customer_user::by_email(&self.inner, email).await
    }

    /// The customers with this address who have no user for it yet, of whatever organizations.
    pub async fn customers_behind(&self, email: &Email) -> Result<Vec<Customer>> {
        customer_user::customers_behind(&self.inner, email).await
    }

    /// The organization of what was recognised by a credential of its own.
    pub async fn organization_of(&self, id: OrganizationId) -> Result<Option<Organization>> {
        self.organizations().by_id(id).await
    }

    /// Failed sign-ins, of whatever accounts.
    pub fn sign_in_attempts(&self) -> SignInAttempts<'_> {
        SignInAttempts { tx: &self.inner }
    }

    /// How many mails one organization has written.
    pub fn mail_counts(&self, scope: OrganizationScope) -> MailCounts<'_> {
        MailCounts { tx: &self.inner, scope }
    }

    /// Removes what is older than `before`, of all organizations and the oldest first: at most `most`. Gives how many.
    pub async fn remove_aged(&self, what: Aged, before: Timestamp, most: u64) -> Result<u64> {
        retention::remove(&self.inner, what, before, most).await
    }

    /// Brings keys back to `now` that a clock has made which was ahead: their schedules, and how long the keys before them
    /// live on.
    pub async fn bring_keys_back(&self, now: Timestamp) -> Result<()> {
        retention::bring_keys_back(&self.inner, now).await
    }

    /// The organization whose chain of events is to be signed: with `most` events that are not signed, or any for `period` seconds. It
    /// is locked until the end of the transaction.
    pub async fn next_unsigned_chain(
        &self,
        now: Timestamp,
        period: i64,
        most: i64,
    ) -> Result<Option<OrganizationId>> {
        audit::next_unsigned(&self.inner, now, period, most).await
    }

    /// Moves the beginning of what is kept of chains to the last checkpoint from before `before`, in at most `most` organizations.
    pub async fn cut_chains(&self, before: Timestamp, most: u64) -> Result<u64> {
        audit::cut(&self.inner, before, most).await
    }

    /// An organization with counts of a day before this one.
    pub async fn organization_with_counts(&self, before: i64) -> Result<Option<OrganizationId>> {
        audit::organization_with_counts(&self.inner, before).await
    }

    /// The checkpoints of one organization's chain of events.
    pub fn checkpoints(&self, scope: OrganizationScope) -> Checkpoints<'_> {
        Checkpoints { tx: &self.inner, scope }
    }

    /// What is counted for one organization's chain of events.
    pub fn audit_counts(&self, scope: OrganizationScope) -> AuditCounts<'_> {
        AuditCounts { tx: &self.inner, scope }
    }

    /// People of one organization, to be taken out of what is kept.
    pub fn erasure(&self, scope: OrganizationScope) -> Erasure<'_> {
        Erasure { tx: &self.inner, scope }
    }

    /// Organizations that are to be deleted.
    pub fn deletions(&self) -> Deletions<'_> {
        Deletions { tx: &self.inner }
    }

    /// The jobs of the servers.
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs { tx: &self.inner }
    }

    /// What was seen of the clock.
    pub fn clock_record(&self) -> ClockRecord<'_> {
        ClockRecord { tx: &self.inner }
    }

    /// Where the audit log of one organization is streamed to.
    pub fn audit_sinks(&self, scope: OrganizationScope) -> AuditSinks<'_> {
        AuditSinks { tx: &self.inner, scope }
    }

    /// How audit sinks come along.
    pub fn sink_progresses(&self) -> SinkProgresses<'_> {
        SinkProgresses { tx: &self.inner }
    }

    /// The organizations' audit sinks that have something to be sent.
    pub async fn due_audit_sinks(&self, now: Timestamp, most: u64) -> Result<Vec<AuditSink>> {
        audit_sink::with_due(&self.inner, now, most).await
    }

    /// The organizations of which an audit sink of the operator has something to be sent, after one in the order of ids.
    pub async fn behind_audit_sink(
        &self,
        sink: AuditSinkId,
        after: Option<OrganizationId>,
        most: u64,
    ) -> Result<Vec<OrganizationId>> {
        audit_sink::behind(&self.inner, sink, after, most).await
    }

    /// Holds an audit sink back from others until `until`; whether nobody else does.
    pub async fn claim_audit_sink(&self, id: AuditSinkId, now: Timestamp, until: Timestamp) -> Result<bool> {
        audit_sink::claim(&self.inner, id, now, until).await
    }

    /// Lets others have an audit sink from `at` on.
    pub async fn release_audit_sink(&self, id: AuditSinkId, at: Timestamp) -> Result<()> {
        audit_sink::release(&self.inner, id, at).await
    }

    /// The hosts of one organization's customers.
    pub fn deployment_targets(&self, scope: OrganizationScope) -> DeploymentTargets<'_> {
        DeploymentTargets { tx: &self.inner, scope }
    }

    /// What is deployed on them.
    pub fn deployments(&self, scope: OrganizationScope) -> Deployments<'_> {
        Deployments { tx: &self.inner, scope }
    }

    /// The target whose agent this is, of whatever organization: this is how an agent is recognised.
    pub async fn target_by_agent(&self, agent: AgentId) -> Result<Option<DeploymentTarget>> {
        deployment_target::by_agent(&self.inner, agent).await
    }

    /// The join code with this secret, of whatever organization; locked until the end of the transaction if it is to be used.
    pub async fn join_code_by_hash(&self, hash: &SecretHash, hold: bool) -> Result<Option<JoinCode>> {
        deployment_target::code_by_hash(&self.inner, hash, hold).await
    }

    /// Writes that a join code was used; whether it had not been before.
    pub async fn use_join_code(&self, hash: &SecretHash, now: Timestamp) -> Result<bool> {
        deployment_target::use_code(&self.inner, hash, now).await
    }

    /// What of deployments and their targets is to be told, of whatever organizations: at most `most` of each kind.
    pub async fn due_deployment_alerts(
        &self,
        now: Timestamp,
        patience: AlertPatience,
        most: u64,
    ) -> Result<Vec<DueAlert>> {
        deployment_alert::due(&self.inner, now, patience, most).await
    }

    /// The open alerts of deployments and targets that are well again, of whatever organizations.
    pub async fn over_deployment_alerts(
        &self,
        now: Timestamp,
        patience: AlertPatience,
        most: u64,
    ) -> Result<Vec<(OrganizationId, AlertId)>> {
        deployment_alert::over(&self.inner, now, patience, most).await
    }

    /// Writes when agents were last there, of whatever organizations.
    pub async fn note_agents_seen(&self, seen: &[(AgentId, Timestamp)]) -> Result<()> {
        deployment_target::note_seen(&self.inner, seen).await
    }

    /// The webhook endpoints of one organization.
    pub fn webhooks(&self, scope: OrganizationScope) -> Webhooks<'_> {
        Webhooks { tx: &self.inner, scope }
    }

    /// What is found for the webhook endpoints of one organization.
    pub fn occurrences(&self, scope: OrganizationScope) -> Occurrences<'_> {
        Occurrences { tx: &self.inner, scope }
    }

    /// What is on its way to the webhook endpoints of one organization.
    pub fn deliveries(&self, scope: OrganizationScope) -> Deliveries<'_> {
        Deliveries { tx: &self.inner, scope }
    }

    /// The webhook endpoints at which something is due, of whatever organization: those that answer, or those that have `failing`
    /// last.
    pub async fn due_webhooks(&self, failing: bool, now: Timestamp, most: u64) -> Result<Vec<Webhook>> {
        webhook::with_due(&self.inner, failing, now, most).await
    }

    /// Holds a webhook endpoint back from others until `until`; whether nobody else does.
    pub async fn claim_webhook(&self, id: WebhookId, now: Timestamp, until: Timestamp) -> Result<bool> {
        webhook::claim(&self.inner, id, now, until).await
    }

    /// The organizations with a webhook endpoint, after one in the order of ids.
    pub async fn organizations_with_webhooks(
        &self,
        after: Option<OrganizationId>,
        most: u64,
    ) -> Result<Vec<OrganizationId>> {
        webhook::organizations(&self.inner, after, most).await
    }

    /// What is new in one organization.
    pub fn live_marks(&self, scope: OrganizationScope) -> LiveMarks<'_> {
        LiveMarks { tx: &self.inner, scope }
    }

    /// Puts a mail on its way.
    pub async fn send_mail(&self, mail: &QueuedMail) -> Result<()> {
        mail::insert(&self.inner, mail).await
    }

    /// Takes the next mail that is due, and holds it back from others until `again`. None is put off by more than `longest`
    /// seconds.
    pub async fn claim_mail(
        &self,
        now: Timestamp,
        again: Timestamp,
        longest: i64,
    ) -> Result<Option<QueuedMail>> {
        mail::claim(&self.inner, now, again, longest).await
    }

    /// Says when to try a mail again.
    pub async fn postpone_mail(&self, id: MailId, again: Timestamp) -> Result<()> {
        mail::postpone(&self.inner, id, again).await
    }

    /// Removes a mail that was handed over, or given up.
    pub async fn remove_mail(&self, id: MailId) -> Result<()> {
        mail::remove(&self.inner, id).await
    }

    /// The product with this API key, of whatever organization: this is how an application is recognised.
    pub async fn product_by_key(&self, hash: &SecretHash) -> Result<Option<Product>> {
        product::by_key(&self.inner, hash).await
    }

    /// Notes that a token was seen.
    pub async fn touch_token(&self, id: TokenId, now: Timestamp) -> Result<()> {
        token::touch(&self.inner, id, now).await
    }

    /// Every signing key of the server, for the operator's check.
    pub async fn all_signing_keys(&self) -> Result<Vec<SigningKey>> {
        signing_key::all(&self.inner).await
    }
}
