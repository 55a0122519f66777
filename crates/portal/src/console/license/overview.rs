//! A license at a glance, and how it gets to whoever is to have it: by a link, by mail, by hand, in a program.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::validation::Sighting;
use keyward_domain::{LicenseId, Link, LinkId, Timestamp};
use keyward_engine::Engine;
use keyward_web::{Code, Id, Problem, part};

use super::snippets::{Snippet, snippets};
use super::{Frame, MOST_EVENTS, crumbs};
use crate::ask::{self, Question};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell, minute};
use crate::shown_once::{self, ShownPage};
use crate::signed::Signed;
use crate::terms::{Term, terms};
use crate::use_of::Used;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/licenses/{id}", web::get().to(show))
        .route("/licenses/{id}/onboarding-link", web::post().to(share))
        .route("/licenses/{id}/onboarding-link", web::get().to(show_link))
        .route("/licenses/{id}/onboarding-links/{link}/withdraw", web::get().to(ask_withdraw))
        .route("/licenses/{id}/onboarding-links/{link}/withdraw", web::post().to(withdraw))
        .route("/licenses/{id}/mail-onboarding-link", web::post().to(mail));
}

/// An onboarding link as it stands.
struct LinkRow {
    id: LinkId,
    created: String,
    state: String,
    /// Whether it still opens something.
    is_live: bool,
}

impl LinkRow {
    fn at(link: &Link, now: Timestamp) -> Self {
        let state = match link.used_at {
            Some(used) => format!("used or withdrawn {}", minute(used)),
            None if link.is_live(now) => format!("unused, until {}", minute(link.expires_at)),
            None => "run out".to_owned(),
        };
        Self { id: link.id, created: minute(link.created_at), state, is_live: link.is_live(now) }
    }
}

#[derive(Template)]
#[template(path = "console/license.html")]
struct OverviewPage {
    shell: Shell,
    frame: Frame,
    terms: Vec<Term>,
    token: Option<String>,
    /// Why there is none.
    why: &'static str,
    snippets: Vec<Snippet>,
    addresses: Vec<Sighting>,
    links: Vec<LinkRow>,
    used: Used,
    /// A link that was just made.
    link: Option<String>,
}

impl OverviewPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        id: LicenseId,
        link: Option<String>,
        query: &str,
    ) -> Page {
        let now = engine.now();
        let view = engine.license_view(&signed.access.also::<ReadLicenses>()?, id, MOST_EVENTS).await?;
        let (shell, frame) = Frame::around(engine, signed, &view, "overview", query);
        let (token, why) = match view.token {
            Ok(token) => (Some(token), ""),
            Err(why) => (None, why),
        };
        let slug = signed.person.organization.slug.as_str();
        page::send(&Self {
            shell,
            terms: terms(&frame.license.revision.payload, frame.product.as_ref()),
            snippets: token.iter().flat_map(|token| snippets(&frame.license, slug, token)).collect(),
            token,
            why,
            addresses: view.addresses,
            links: view.links.iter().map(|link| LinkRow::at(link, now)).collect(),
            used: Used::of_license(view.used, now),
            link,
            frame,
        })
    }
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    OverviewPage::send(&engine, &signed, id.0, None, request.query_string()).await
}

async fn share(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let made = engine.create_onboarding_link(&signed.access, id.0).await?;
    let page = format!("/licenses/{}/onboarding-link", id.0);
    shown_once::lead(&engine, &signed.person.session, &page, &made.url).await
}

async fn show_link(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    match shown_once::take(&request, &engine, &signed.person.session).await? {
        Some(url) => OverviewPage::send(&engine, &signed, id.0, Some(url), "").await,
        None => page::send(&ShownPage {
            shell: Shell::vendor(&signed.person, &signed.csrf, "licenses", engine.now()),
            what: "The onboarding link",
            otherwise: "If you have not copied it, share another.",
            back: format!("/licenses/{}", id.0),
        }),
    }
}

async fn mail(
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.mail_onboarding_link(&signed.access, id.0).await?;
    Ok(page::go(format!("/licenses/{}?done=mailed", id.0)))
}

async fn ask_withdraw(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Page {
    let link: LinkId = part(&request, "link")?;
    let view = engine.license_view(&signed.access.also::<ReadLicenses>()?, id.0, MOST_EVENTS).await?;
    let found = view.links.iter().find(|one| one.id == link).map(|one| LinkRow::at(one, engine.now()));
    let found = found.filter(|one| one.is_live).ok_or_else(|| Problem::new(Code::NotFound))?;
    let license = format!("/licenses/{}", id.0);
    let holder =
        view.customer.map_or_else(|| "Whoever has it".to_owned(), |customer| customer.name.to_string());
    let asked = Question {
        crumbs: crumbs(&view.license),
        title: "Withdraw this onboarding link?".to_owned(),
        effects: vec![
            format!(
                "{holder} can no longer open the link of {} UTC: it opens nothing any more.",
                found.created
            ),
            "The license stays as it is, and you can share another link.".to_owned(),
        ],
        action: format!("{license}/onboarding-links/{link}/withdraw"),
        button: "Withdraw the link".to_owned(),
        back: format!("{license}#share"),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "licenses", engine.now()), asked, Form::EMPTY)
}

async fn withdraw(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let (license, link): (LicenseId, LinkId) = (part(&request, "id")?, part(&request, "link")?);
    engine.revoke_onboarding_link(&signed.access, link).await?;
    Ok(page::go(format!("/licenses/{license}?done=withdrawn#share")))
}
