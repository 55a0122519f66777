//! What a customer may pull, with the commands for it.

use std::collections::BTreeSet;

use actix_web::web;
use askama::Template;
use keyward_domain::registry::{Ground, Tag};
use keyward_engine::{CustomerVisit, Engine, OwnArtifact, OwnRegistry};

use crate::page::{self, Page, Shell};
use crate::signed::SignedCustomer;
use crate::trouble::Trouble;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/portal/images", web::get().to(images));
}

/// One registry of a vendor.
struct RegistryView {
    name: String,
    address: String,
    logins: Vec<Login>,
    images: Vec<ImageView>,
}

/// How to log in with one license.
struct Login {
    license: String,
    /// `None` while the license has no token.
    token: Option<String>,
}

/// One repository.
struct ImageView {
    repository: String,
    reasons: BTreeSet<String>,
    tags: Vec<TagView>,
}

/// One tag.
struct TagView {
    tag: Tag,
    /// The licenses it takes, where not each one of the registry's will do.
    with: Vec<String>,
}

fn image(own: OwnArtifact, licenses: usize, vendor: &str) -> ImageView {
    let reasons = own.licenses.iter().flat_map(|license| {
        let name = license.license.name.to_string();
        license.grounds.iter().map(move |ground| match ground {
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
        TagView { tag: tag.clone(), with }
    };
    ImageView {
        repository: own.artifact.repository.to_string(),
        reasons: reasons.collect(),
        tags: own.tags.iter().map(tag).collect(),
    }
}

async fn registry(engine: &Engine, visit: &CustomerVisit, own: OwnRegistry) -> Result<RegistryView, Trouble> {
    let (licenses, vendor) = (own.licenses.len(), visit.organization.name.as_str());
    let mut logins = Vec::new();
    for license in own.licenses {
        let token = engine.own_license(visit, license.id).await?.token;
        logins.push(Login { license: license.name.to_string(), token });
    }
    Ok(RegistryView {
        name: own.registry.name.to_string(),
        address: own.address,
        logins,
        images: own.artifacts.into_iter().map(|artifact| image(artifact, licenses, vendor)).collect(),
    })
}

#[derive(Template)]
#[template(path = "customer/images.html")]
struct ImagesPage {
    shell: Shell,
    registries: Vec<RegistryView>,
    /// Why licenses open nothing now.
    halted: Vec<String>,
}

async fn images(signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let own = engine.own_images(&signed.visit).await?;
    let mut registries = Vec::new();
    for one in own.registries {
        registries.push(registry(&engine, &signed.visit, one).await?);
    }
    let shell = Shell::customer(&signed.visit, &signed.csrf, "images");
    page::send(&ImagesPage {
        shell,
        registries,
        halted: own.halted.into_iter().map(|(_, why)| why).collect(),
    })
}
