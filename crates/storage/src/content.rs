//! What is in an artifact: what its tags point to, and what its manifests are made of.

use std::collections::{BTreeMap, HashSet};

use keyward_domain::registry::{Digest, Manifest, Puller, Reference, Referrer, Step, Tag, Trace};
use keyward_domain::{ArtifactId, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;

mod tag {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "artifact_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub artifact_id: Uuid,
        pub tag: String,
        pub digest: String,
        pub since: i64,
        pub until: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod manifest {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "artifact_manifests")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub artifact_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub digest: String,
        pub media_type: String,
        pub size: i64,
        pub total: i64,
        pub artifact_type: Option<String>,
        pub annotations: Option<String>,
        pub gone_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod edge {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "artifact_edges")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub artifact_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub child: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub parent: String,
        pub kind: String,
        pub size: i64,
        pub platform: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TAGS: Table = Table("artifact_tags");
const EDGES: Table = Table("artifact_edges");
const MANIFESTS: Table = Table("artifact_manifests");

/// The kind of edge from what a manifest is about down to the manifest.
const SUBJECT: &str = "subject";

/// How many rows one statement writes or asks for: databases bound the values of a statement.
const CHUNK: usize = 500;

/// What is in one artifact, which was found in its organization before.
pub struct Content<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) artifact: ArtifactId,
}

/// What a tag points or pointed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointing {
    /// The row's own id.
    pub id: Uuid,
    /// The tag.
    pub tag: Tag,
    /// The manifest.
    pub digest: Digest,
    /// Since when it is known to.
    pub since: Timestamp,
    /// Until when it did; `None` for now.
    pub until: Option<Timestamp>,
}

/// A manifest as it is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// With all blobs it names, in bytes; of an index, of all its images that are known.
    pub total: u64,
    /// For which systems.
    pub platforms: Vec<String>,
    /// What pulls it.
    pub puller: Puller,
}

/// What is known to be about a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Referrers {
    /// Those whose type and annotations are known, by digest.
    pub described: Vec<Referrer>,
    /// Those that were read before types and annotations were kept, by digest.
    pub undescribed: Vec<Digest>,
    /// Those that were removed, by digest.
    pub gone: Vec<Digest>,
}

impl Content<'_> {
    /// The tags that there are, by name.
    pub async fn tags(&self) -> Result<Vec<Pointing>> {
        let current = self.pointings().filter(tag::Column::Until.is_null());
        let rows = current.order_by_asc(tag::Column::Tag).all(self.tx).await?;
        rows.into_iter().map(read_tag).collect()
    }

    /// All that a tag pointed to, the latest first.
    pub async fn history(&self, tag: &Tag) -> Result<Vec<Pointing>> {
        let all = self.pointings().filter(tag::Column::Tag.eq(tag.as_str()));
        let rows = all.order_by_desc(tag::Column::Since).order_by_desc(tag::Column::Id).all(self.tx).await?;
        rows.into_iter().map(read_tag).collect()
    }

    /// What a tag points to now, as far as is known.
    pub async fn pointed(&self, tag: &Tag) -> Result<Option<Digest>> {
        let one =
            self.pointings().filter(tag::Column::Until.is_null()).filter(tag::Column::Tag.eq(tag.as_str()));
        one.one(self.tx).await?.map(|row| TAGS.parse("digest", &row.digest)).transpose()
    }

    /// Writes that a tag points to `digest`, under a fresh `id`. What it pointed to before becomes history. The
    /// artifact is locked.
    pub async fn point(&self, id: Uuid, tag: &Tag, digest: &Digest, now: Timestamp) -> Result<()> {
        if self.pointed(tag).await?.as_ref() == Some(digest) {
            return Ok(());
        }
        self.unpoint(tag, now).await?;
        let row = tag::ActiveModel {
            id: Set(id),
            artifact_id: Set(self.artifact.uuid()),
            tag: Set(tag.to_string()),
            digest: Set(digest.to_string()),
            since: Set(now.unix()),
            until: Set(None),
        };
        tag::Entity::insert(row).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Writes that a tag is gone.
    pub async fn unpoint(&self, tag: &Tag, now: Timestamp) -> Result<()> {
        self.end(tag::Column::Tag.eq(tag.as_str()), now).await
    }

    /// Writes that a manifest is gone, and so all tags that point to it.
    pub async fn remove(&self, digest: &Digest, now: Timestamp) -> Result<()> {
        manifest::Entity::update_many()
            .col_expr(manifest::Column::GoneAt, Expr::value(now.unix()))
            .filter(manifest::Column::ArtifactId.eq(self.artifact.uuid()))
            .filter(manifest::Column::Digest.eq(digest.as_str()))
            .filter(manifest::Column::GoneAt.is_null())
            .exec(self.tx)
            .await?;
        self.end(tag::Column::Digest.eq(digest.as_str()), now).await
    }

    async fn end(&self, which: sea_orm::sea_query::SimpleExpr, now: Timestamp) -> Result<()> {
        tag::Entity::update_many()
            .col_expr(tag::Column::Until, Expr::value(now.unix()))
            .filter(tag::Column::ArtifactId.eq(self.artifact.uuid()))
            .filter(tag::Column::Until.is_null())
            .filter(which)
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// Whether a manifest has been read with all that is kept of it, and is there as far as is known.
    pub async fn knows(&self, digest: &Digest) -> Result<bool> {
        let known = known().filter(manifest::Column::ArtifactId.eq(self.artifact.uuid()));
        Ok(known.filter(manifest::Column::Digest.eq(digest.as_str())).one(self.tx).await?.is_some())
    }

    /// Writes what a manifest is made of, and that it is there.
    pub async fn learn(&self, digest: &Digest, manifest: &Manifest) -> Result<()> {
        let bytes = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        let artifact = self.artifact.uuid();
        let row = manifest::ActiveModel {
            artifact_id: Set(artifact),
            digest: Set(digest.to_string()),
            media_type: Set(manifest.media_type.clone()),
            size: Set(bytes(manifest.size)),
            total: Set(bytes(manifest.total())),
            artifact_type: Set(manifest.artifact_type.clone()),
            annotations: Set(Some(serde_json::json!(manifest.annotations).to_string())),
            gone_at: Set(None),
        };
        let known = OnConflict::columns([manifest::Column::ArtifactId, manifest::Column::Digest])
            .update_columns([
                manifest::Column::ArtifactType,
                manifest::Column::Annotations,
                manifest::Column::GoneAt,
            ])
            .to_owned();
        manifest::Entity::insert(row).on_conflict(known).exec_without_returning(self.tx).await?;
        let mut children = HashSet::new();
        let parts = manifest.parts.iter().filter(|part| children.insert(&part.digest));
        let mut edges: Vec<_> = parts
            .map(|part| edge::ActiveModel {
                artifact_id: Set(artifact),
                child: Set(part.digest.to_string()),
                parent: Set(digest.to_string()),
                kind: Set(part.kind.as_str().to_owned()),
                size: Set(bytes(part.size)),
                platform: Set(part.platform.clone()),
            })
            .collect();
        edges.extend(manifest.subject.as_ref().map(|subject| edge::ActiveModel {
            artifact_id: Set(artifact),
            child: Set(digest.to_string()),
            parent: Set(subject.to_string()),
            kind: Set(SUBJECT.to_owned()),
            size: Set(0),
            platform: Set(None),
        }));
        for some in edges.chunks(CHUNK) {
            let known =
                OnConflict::columns([edge::Column::ArtifactId, edge::Column::Child, edge::Column::Parent])
                    .do_nothing()
                    .to_owned();
            edge::Entity::insert_many(some.to_vec())
                .on_conflict(known)
                .exec_without_returning(self.tx)
                .await?;
        }
        Ok(())
    }

    /// Whether one of the tags of a search leads to its digest, or did at some time.
    pub async fn trace(&self, mut trace: Trace<'_>) -> Result<bool> {
        loop {
            let level = match trace.step() {
                Step::Found => return Ok(true),
                Step::Nothing => return Ok(false),
                Step::Ask(level) => level.iter().map(Digest::to_string).collect::<Vec<_>>(),
            };
            for some in level.chunks(CHUNK) {
                let names: Vec<String> = tag::Entity::find()
                    .select_only()
                    .column(tag::Column::Tag)
                    .distinct()
                    .filter(tag::Column::ArtifactId.eq(self.artifact.uuid()))
                    .filter(tag::Column::Digest.is_in(some))
                    .into_tuple()
                    .all(self.tx)
                    .await?;
                for name in names {
                    trace.tag(&TAGS.parse("tag", &name)?);
                }
                let above: Vec<String> =
                    self.edges().filter(edge::Column::Child.is_in(some)).into_tuple().all(self.tx).await?;
                for digest in above {
                    trace.above(EDGES.parse("parent", &digest)?);
                }
            }
            trace.rise();
        }
    }

    /// What is known to be about a manifest, or was, at most `most`, by digest.
    pub async fn referrers(&self, subject: &Digest, most: u64) -> Result<Referrers> {
        let about = edge::Entity::find()
            .select_only()
            .column(edge::Column::Child)
            .filter(edge::Column::ArtifactId.eq(self.artifact.uuid()))
            .filter(edge::Column::Parent.eq(subject.as_str()))
            .filter(edge::Column::Kind.eq(SUBJECT))
            .into_query();
        let rows = manifest::Entity::find()
            .filter(manifest::Column::ArtifactId.eq(self.artifact.uuid()))
            .filter(manifest::Column::Digest.in_subquery(about))
            .order_by_asc(manifest::Column::Digest)
            .limit(most)
            .all(self.tx)
            .await?;
        let mut referrers = Referrers::default();
        for row in rows {
            let digest = MANIFESTS.parse("digest", &row.digest)?;
            let annotations = match (row.gone_at, row.annotations) {
                (Some(_), _) => {
                    referrers.gone.push(digest);
                    continue;
                }
                (None, None) => {
                    referrers.undescribed.push(digest);
                    continue;
                }
                (None, Some(annotations)) => annotations,
            };
            referrers.described.push(Referrer {
                media_type: row.media_type,
                digest,
                size: u64::try_from(row.size).unwrap_or_default(),
                artifact_type: row.artifact_type,
                annotations: MANIFESTS.take("annotations", serde_json::from_str(&annotations))?,
            });
        }
        Ok(referrers)
    }

    /// Whether no other manifest is known to contain this one: pulling it is pulling all of something.
    pub async fn is_root(&self, digest: &Digest) -> Result<bool> {
        let above = self
            .edges()
            .filter(edge::Column::Child.eq(digest.as_str()))
            .filter(edge::Column::Kind.eq("manifest"));
        let above: Option<String> = above.limit(1).into_tuple().one(self.tx).await?;
        Ok(above.is_none())
    }

    /// A manifest as it is shown to people, if it was read.
    pub async fn shown(&self, digest: &Digest) -> Result<Option<Shown>> {
        let Some(found) = self.manifest(digest).one(self.tx).await? else { return Ok(None) };
        let images = edge::Entity::find()
            .filter(edge::Column::ArtifactId.eq(self.artifact.uuid()))
            .filter(edge::Column::Parent.eq(digest.as_str()))
            .filter(edge::Column::Kind.eq("manifest"))
            .order_by_asc(edge::Column::Platform)
            .all(self.tx)
            .await?;
        let mut total = found.total;
        for image in &images {
            let digest = EDGES.parse("child", &image.child)?;
            let known = self.manifest(&digest).one(self.tx).await?;
            total = total.saturating_add(known.map_or(image.size, |known| known.total));
        }
        // Attestations call themselves unknown.
        let platforms = images.into_iter().filter_map(|image| image.platform);
        let platforms = platforms.filter(|platform| !platform.starts_with("unknown")).collect();
        Ok(Some(Shown {
            digest: digest.clone(),
            puller: Puller::of(&found.media_type, found.artifact_type.as_deref()),
            media_type: found.media_type,
            total: u64::try_from(total).unwrap_or_default(),
            platforms,
        }))
    }

    /// What pulls each of these tags, where it is known what they point to.
    pub async fn pullers(&self, tags: &[Tag]) -> Result<BTreeMap<Tag, Puller>> {
        let mut pullers = BTreeMap::new();
        for some in tags.chunks(CHUNK) {
            let current = self.pointings().filter(tag::Column::Until.is_null());
            let current = current.filter(tag::Column::Tag.is_in(some.iter().map(Tag::as_str)));
            let columns = current.select_only().columns([tag::Column::Tag, tag::Column::Digest]);
            let pointed: Vec<(String, String)> = columns.into_tuple().all(self.tx).await?;
            let known: Vec<(String, String, Option<String>)> = manifest::Entity::find()
                .select_only()
                .columns([
                    manifest::Column::Digest,
                    manifest::Column::MediaType,
                    manifest::Column::ArtifactType,
                ])
                .filter(manifest::Column::ArtifactId.eq(self.artifact.uuid()))
                .filter(manifest::Column::Digest.is_in(pointed.iter().map(|(_, digest)| digest)))
                .into_tuple()
                .all(self.tx)
                .await?;
            let of = |(digest, media_type, kind): (String, String, Option<String>)| {
                (digest, Puller::of(&media_type, kind.as_deref()))
            };
            let known: BTreeMap<_, _> = known.into_iter().map(of).collect();
            for (tag, digest) in pointed {
                if let Some(puller) = known.get(&digest) {
                    pullers.insert(TAGS.parse("tag", &tag)?, *puller);
                }
            }
        }
        Ok(pullers)
    }

    fn pointings(&self) -> Select<tag::Entity> {
        tag::Entity::find().filter(tag::Column::ArtifactId.eq(self.artifact.uuid()))
    }

    fn manifest(&self, digest: &Digest) -> Select<manifest::Entity> {
        manifest::Entity::find_by_id((self.artifact.uuid(), digest.to_string()))
    }

    /// The parents of what is then filtered for.
    fn edges(&self) -> Select<edge::Entity> {
        let parents = edge::Entity::find().select_only().column(edge::Column::Parent).distinct();
        parents.filter(edge::Column::ArtifactId.eq(self.artifact.uuid()))
    }
}

/// The manifests that were read with all that is kept of them, and are there as far as is known.
fn known() -> Select<manifest::Entity> {
    manifest::Entity::find()
        .filter(manifest::Column::Annotations.is_not_null())
        .filter(manifest::Column::GoneAt.is_null())
}

/// The digest that a reference stands for in one of these artifacts, if it is of a manifest that is known.
pub(crate) async fn known_manifest(
    tx: &Connection,
    artifact: SelectStatement,
    reference: &Reference,
) -> Result<Option<Digest>> {
    let of_artifact = known().filter(manifest::Column::ArtifactId.in_subquery(artifact.clone()));
    let found = match reference {
        Reference::Digest(digest) => of_artifact.filter(manifest::Column::Digest.eq(digest.as_str())),
        Reference::Tag(tag) => {
            let pointed = tag::Entity::find()
                .select_only()
                .column(tag::Column::Digest)
                .filter(tag::Column::ArtifactId.in_subquery(artifact))
                .filter(tag::Column::Until.is_null())
                .filter(tag::Column::Tag.eq(tag.as_str()));
            of_artifact.filter(manifest::Column::Digest.in_subquery(pointed.into_query()))
        }
    };
    let digest: Option<String> =
        found.select_only().column(manifest::Column::Digest).into_tuple().one(tx).await?;
    digest.map(|digest| MANIFESTS.parse("digest", &digest)).transpose()
}

/// The tags that there are of each of these artifacts, the latest first.
pub(crate) async fn tags_of(
    tx: &Connection,
    artifacts: &[ArtifactId],
) -> Result<BTreeMap<ArtifactId, Vec<Tag>>> {
    let rows: Vec<(Uuid, String)> = tag::Entity::find()
        .select_only()
        .columns([tag::Column::ArtifactId, tag::Column::Tag])
        .filter(tag::Column::ArtifactId.is_in(artifacts.iter().map(|id| id.uuid())))
        .filter(tag::Column::Until.is_null())
        .order_by_desc(tag::Column::Since)
        .order_by_desc(tag::Column::Tag)
        .into_tuple()
        .all(tx)
        .await?;
    let mut tags: BTreeMap<ArtifactId, Vec<Tag>> = BTreeMap::new();
    for (artifact, tag) in rows {
        tags.entry(artifact.into()).or_default().push(TAGS.parse("tag", &tag)?);
    }
    Ok(tags)
}

fn read_tag(row: tag::Model) -> Result<Pointing> {
    Ok(Pointing {
        id: row.id,
        tag: TAGS.parse("tag", &row.tag)?,
        digest: TAGS.parse("digest", &row.digest)?,
        since: TAGS.time("since", row.since)?,
        until: TAGS.optional_time("until", row.until)?,
    })
}
