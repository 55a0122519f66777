//! Pages that show what happens, kept up to date by server-sent events: a page is told that there is something new, and fetches that
//! part of itself again. What is new is looked for in the database, once a second for all who follow the same on a server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream::unfold;
use keyward_domain::{DeploymentId, DeploymentTargetId, OrganizationId, ProductId, RegistryId, SessionId};
use keyward_engine::{Engine, Followed, LiveTopic};
use keyward_web::{Code, Id, Problem, Settings};

use crate::error_page::PageError;
use crate::page::{Page, Side};
use crate::signed;

/// How often it is looked for something new, and each stream sees what was found.
const PERIOD: Duration = Duration::from_secs(1);

/// How often it is looked whether whoever follows still may.
const CHECKED: Duration = Duration::from_secs(5);

/// How long nothing is said at most, so that proxies keep the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Streams of one session, of one organization, and of a server.
const MOST_OF_SESSION: u32 = 4;
const MOST_OF_ORGANIZATION: u32 = 200;
const MOST_OF_SERVER: u32 = 2_000;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/live/audit", web::get().to(audit))
        .route("/live/registries/{id}", web::get().to(registry))
        .route("/live/products/{id}", web::get().to(product))
        .route("/live/deployments", web::get().to(deployments))
        .route("/live/deployments/{id}", web::get().to(deployment))
        .route("/live/deployment-targets/{id}", web::get().to(target))
        .route("/portal/live/deployments", web::get().to(own_deployments))
        .route("/portal/live/deployments/{id}", web::get().to(own_deployment))
        .route("/portal/live/targets/{id}", web::get().to(own_target));
}

/// Part of a page that is kept up to date.
pub(crate) struct Live {
    /// Where it is told that there is something new.
    pub url: String,
    /// What there was when the page was made.
    pub mark: String,
}

impl Live {
    /// For what was just found to be allowed.
    pub(crate) async fn of(engine: &Engine, followed: &Followed, url: String) -> Result<Self, PageError> {
        Ok(Self { url, mark: engine.live_mark(followed).await? })
    }
}

/// All that is followed on this server.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sessions: HashMap<SessionId, u32>,
    organizations: HashMap<OrganizationId, u32>,
    streams: u32,
    /// Those that somebody listens to.
    topics: HashMap<Followed, Weak<Topic>>,
}

/// What is known of something that is followed.
struct Topic {
    followed: Followed,
    found: Mutex<Found>,
}

struct Found {
    mark: String,
    looked_at: Instant,
}

/// Who follows something takes up room until this is dropped.
struct Place {
    hub: Hub,
    session: SessionId,
    organization: OrganizationId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        let state = &mut *state;
        state.streams = state.streams.saturating_sub(1);
        release(&mut state.sessions, self.session);
        release(&mut state.organizations, self.organization);
    }
}

fn release<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, u32>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one more, if there is any.
    fn place(&self, session: SessionId, organization: OrganizationId) -> Option<Place> {
        let mut state = self.lock();
        let of = |count: Option<&u32>| count.copied().unwrap_or_default();
        let fits = state.streams < MOST_OF_SERVER
            && of(state.sessions.get(&session)) < MOST_OF_SESSION
            && of(state.organizations.get(&organization)) < MOST_OF_ORGANIZATION;
        if !fits {
            return None;
        }
        state.streams += 1;
        *state.sessions.entry(session).or_default() += 1;
        *state.organizations.entry(organization).or_default() += 1;
        Some(Place { hub: self.clone(), session, organization })
    }

    /// What somebody follows from now on, together with all who follow the same. Its mark is as it was found just now.
    fn topic(&self, followed: Followed, mark: String) -> Arc<Topic> {
        let mut state = self.lock();
        if let Some(topic) = state.topics.get(&followed).and_then(Weak::upgrade) {
            return topic;
        }
        state.topics.retain(|_, topic| topic.strong_count() > 0);
        let found = Mutex::new(Found { mark, looked_at: Instant::now() });
        let topic = Arc::new(Topic { followed, found });
        state.topics.insert(followed, Arc::downgrade(&topic));
        topic
    }
}

impl Topic {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark as it is. Of all who ask within a period, one looks.
    async fn mark(&self, engine: &Engine) -> String {
        let is_due = {
            let mut found = self.found();
            let is_due = found.looked_at.elapsed() >= PERIOD;
            if is_due {
                found.looked_at = Instant::now();
            }
            is_due
        };
        if is_due {
            match engine.live_mark(&self.followed).await {
                Ok(mark) => self.found().mark = mark,
                Err(error) => tracing::debug!(%error, "it could not be looked for something new"),
            }
        }
        self.found().mark.clone()
    }
}

async fn audit(request: HttpRequest, hub: web::Data<Hub>) -> Page {
    stream(request, &hub, LiveTopic::Audit).await
}

async fn registry(request: HttpRequest, id: Id<RegistryId>, hub: web::Data<Hub>) -> Page {
    stream(request, &hub, LiveTopic::Registry(id.0)).await
}

async fn product(request: HttpRequest, id: Id<ProductId>, hub: web::Data<Hub>) -> Page {
    stream(request, &hub, LiveTopic::Product(id.0)).await
}

async fn deployments(request: HttpRequest, hub: web::Data<Hub>) -> Page {
    stream(request, &hub, LiveTopic::Deployments).await
}

async fn deployment(request: HttpRequest, id: Id<DeploymentId>, hub: web::Data<Hub>) -> Page {
    stream(request, &hub, LiveTopic::Deployment(id.0)).await
}

async fn target(request: HttpRequest, id: Id<DeploymentTargetId>, hub: web::Data<Hub>) -> Page {
    stream(request, &hub, LiveTopic::DeploymentTarget(id.0)).await
}

async fn own_deployments(request: HttpRequest, hub: web::Data<Hub>) -> Page {
    let whose = signed::customer_unseen(&request).await?;
    let customer = whose.ok_or_else(|| Problem::new(Code::Unauthorized))?.customer.id;
    own_stream(request, &hub, LiveTopic::DeploymentsOf(customer)).await
}

async fn own_deployment(request: HttpRequest, id: Id<DeploymentId>, hub: web::Data<Hub>) -> Page {
    own_stream(request, &hub, LiveTopic::Deployment(id.0)).await
}

async fn own_target(request: HttpRequest, id: Id<DeploymentTargetId>, hub: web::Data<Hub>) -> Page {
    own_stream(request, &hub, LiveTopic::DeploymentTarget(id.0)).await
}

/// Whose pages follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Follower {
    side: Side,
    about: LiveTopic,
}

impl Follower {
    /// The session that follows, and the right to, as they are now.
    async fn follow(self, request: &HttpRequest) -> Result<(SessionId, Followed), PageError> {
        let engine = signed::engine(request)?;
        let nobody = || Problem::new(Code::Unauthorized);
        match self.side {
            Side::Vendor => {
                let person = signed::member_unseen(request).await?.ok_or_else(nobody)?;
                Ok((person.session.id, engine.follow(&person.identity, self.about).await?))
            }
            Side::Customer => {
                let person = signed::customer_unseen(request).await?.ok_or_else(nobody)?;
                Ok((person.session.id, engine.follow_own(&person, self.about).await?))
            }
        }
    }
}

async fn stream(request: HttpRequest, hub: &Hub, about: LiveTopic) -> Page {
    stream_to(request, hub, Follower { side: Side::Vendor, about }).await
}

async fn own_stream(request: HttpRequest, hub: &Hub, about: LiveTopic) -> Page {
    stream_to(request, hub, Follower { side: Side::Customer, about }).await
}

/// A stream under way.
struct Stream {
    request: HttpRequest,
    engine: web::Data<Engine>,
    topic: Arc<Topic>,
    follower: Follower,
    /// What was said last.
    told: Option<String>,
    checked: Instant,
    spoken: Instant,
    _place: Place,
}

async fn stream_to(request: HttpRequest, hub: &Hub, follower: Follower) -> Page {
    let engine = signed::engine(&request)?.clone();
    let (session, followed) = follower.follow(&request).await?;
    let place = hub.place(session, followed.organization());
    let place = place.ok_or_else(|| Problem::new(Code::TooManyRequests).retry_after(60))?;
    let mark = engine.live_mark(&followed).await?;
    let now = Instant::now();
    let stream = Stream {
        topic: hub.topic(followed, mark),
        request,
        engine,
        follower,
        told: None,
        checked: now,
        spoken: now,
        _place: place,
    };
    let body = unfold(stream, async |mut stream| {
        let text = stream.next().await?;
        Some((Ok::<_, std::io::Error>(Bytes::from(text)), stream))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // nginx would hold back what is so little.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

impl Stream {
    /// What is said next; `None` once the server stops, or whoever follows may no longer.
    async fn next(&mut self) -> Option<String> {
        loop {
            let mark = self.topic.mark(&self.engine).await;
            if self.told.as_ref() != Some(&mark) {
                let first = self.told.is_none();
                self.spoken = Instant::now();
                let event = format!("event: mark\ndata: {mark}\n\n");
                self.told = Some(mark);
                return Some(if first { format!("retry: 3000\n\n{event}") } else { event });
            }
            actix_web::rt::time::sleep(PERIOD).await;
            let settings = self.request.app_data::<web::Data<Settings>>();
            if settings.is_some_and(|settings| settings.is_draining()) {
                return None;
            }
            if self.checked.elapsed() >= CHECKED {
                self.checked = Instant::now();
                if !self.may_go_on().await {
                    return None;
                }
            }
            if self.spoken.elapsed() >= HEARTBEAT {
                self.spoken = Instant::now();
                return Some(":\n\n".to_owned());
            }
        }
    }

    /// Whether the session and the role behind it still open the page. While the database does not answer, nobody is told anything.
    async fn may_go_on(&self) -> bool {
        self.follower.follow(&self.request).await.is_ok()
    }
}
