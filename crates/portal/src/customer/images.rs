//! What a customer may pull, with the commands for it.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::ArtifactId;
use keyward_domain::admission::Halt;
use keyward_domain::registry::{Ground, Puller, Tag};
use keyward_engine::{CustomerSession, Engine, EntitledArtifact, EntitledRegistry};
use keyward_web::Id;
use uuid::Uuid;

use crate::error_page::PageError;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::SignedCustomer;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/portal/images", web::get().to(images)).route("/portal/images/{id}", web::get().to(tags));
}

/// One registry of a vendor.
struct RegistryView {
    name: String,
    address: String,
    logins: Vec<Login>,
    /// How many further licenses one can log in with.
    further: usize,
    images: Vec<ImageView>,
}

/// How to log in with one license.
struct Login {
    license: String,
    /// `None` while the license has no token.
    token: Option<String>,
}

/// The most licenses of a registry whose tokens are shown.
const MOST_LOGINS: usize = 10;

/// The most tags that are shown of each image of the list.
const MOST_TAGS: usize = 20;

/// One repository.
struct ImageView {
    id: ArtifactId,
    repository: String,
    reasons: BTreeSet<String>,
    tags: Vec<TagView>,
    /// How many tags there are in all.
    count: usize,
}

/// One tag.
struct TagView {
    tag: Tag,
    /// What pulls it.
    command: String,
    /// The licenses it takes, where not each one of the registry's will do.
    with: Vec<String>,
}

/// One repository of the registry at `address`, of which `licenses` licenses open something.
async fn image(
    engine: &Engine,
    person: &CustomerSession,
    (address, licenses): (&str, usize),
    own: EntitledArtifact,
    most: usize,
) -> Result<ImageView, PageError> {
    let vendor = person.organization.name.as_str();
    let shown = &own.tags[..own.tags.len().min(most)];
    let pullers = engine.own_pullers(person, own.artifact.id, shown).await?;
    let reasons = own.licenses.iter().flat_map(|license| {
        let name = license.license.name.to_string();
        license.grounds.iter().map(move |(ground, _)| match ground {
            Ground::Entitlement => format!("{vendor} has entitled you to it"),
            Ground::Role => format!("part of your license {name}"),
            Ground::OpenPolicy => format!("open to all customers of {vendor}"),
        })
    });
    let tag = |tag: &Tag| {
        let with = own.licenses.iter().filter(|license| license.reach.has(tag));
        let mut with: Vec<_> = with.map(|license| license.license.name.to_string()).collect();
        if with.len() == licenses {
            with.clear();
        }
        let puller = pullers.get(tag).copied().unwrap_or(Puller::Docker);
        TagView { command: puller.command(address, &own.artifact.repository, tag), tag: tag.clone(), with }
    };
    Ok(ImageView {
        id: own.artifact.id,
        repository: own.artifact.repository.to_string(),
        reasons: reasons.collect(),
        tags: shown.iter().map(tag).collect(),
        count: own.tags.len(),
    })
}

async fn registry(
    engine: &Engine,
    person: &CustomerSession,
    own: EntitledRegistry,
) -> Result<RegistryView, PageError> {
    let licenses = own.licenses.len();
    let mut images = Vec::new();
    for artifact in own.artifacts {
        images.push(image(engine, person, (&own.address, licenses), artifact, MOST_TAGS).await?);
    }
    let mut logins = Vec::new();
    for license in own.licenses.into_iter().take(MOST_LOGINS) {
        let token = engine.customer_license(person, license.id).await?.token;
        logins.push(Login { license: license.name.to_string(), token });
    }
    Ok(RegistryView {
        name: own.registry.name.to_string(),
        address: own.address,
        logins,
        further: licenses.saturating_sub(MOST_LOGINS),
        images,
    })
}

#[derive(Template)]
#[template(path = "customer/images.html")]
struct ImagesPage {
    shell: Shell,
    registries: Vec<RegistryView>,
    pages: Pages,
    /// Why licenses open nothing now.
    halted: Vec<Halt>,
}

async fn images(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let paging = Paging::of(&request);
    let own = engine.entitled_images(&signed.person, paging.request()).await?;
    let pages = paging.links(own.next.map(|next| next.to_string()).as_deref());
    let mut registries = Vec::new();
    for one in own.registries {
        registries.push(registry(&engine, &signed.person, one).await?);
    }
    let shell = Shell::customer(&signed.person, &signed.csrf, "images");
    let halted = own.halted.into_iter().map(|(_, why)| why).collect();
    page::send(&ImagesPage { shell, registries, pages, halted })
}

#[derive(Template)]
#[template(path = "customer/image.html")]
struct ImagePage {
    shell: Shell,
    image: ImageView,
    pages: Pages,
}

/// All tags of one image.
async fn tags(
    request: HttpRequest,
    signed: SignedCustomer,
    id: Id<ArtifactId>,
    engine: web::Data<Engine>,
) -> Page {
    let (address, licenses, mut own) = engine.entitled_image(&signed.person, id.0).await?;
    let paging = Paging::of(&request);
    // A tag has no id; its place among the tags will do, and a tag that is pushed meanwhile moves it by one.
    let numbered: Vec<_> = own.tags.into_iter().enumerate().collect();
    let (shown, pages) = paging.cut(&numbered, |(number, _)| Uuid::from_u128(*number as u128));
    own.tags = shown.into_iter().map(|(_, tag)| tag).collect();
    let image = image(&engine, &signed.person, (&address, licenses), own, usize::MAX).await?;
    let shell = Shell::customer(&signed.person, &signed.csrf, "images");
    page::send(&ImagePage { shell, image, pages })
}
