//! What a Compose file may never do.
//!
//! What is not known is refused: each mapping has a list of the keys that it may have ([`keys`]), and each position at which
//! Compose would read a file by itself is looked at before it does.

use std::fmt;

mod keys;

use crate::document::{Document, Node, Path};
use crate::needs::{Access, Mount, Place, entries_of, mount, normal, port};
use keys::Keys;

/// Something that is not carried out, whoever allows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where, such as `services.app.build`.
    pub path: String,
    /// Why: the rest of a sentence that begins with the path.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.message)
    }
}

/// The most refusals that are told.
const MOST: usize = 100;

/// What is refused of a file as the vendor wrote it, before Compose sees it.
pub fn check_raw(document: &Document) -> Vec<Refusal> {
    let mut check = Check { resolved: false, found: Vec::new() };
    check.document(document);
    check.found
}

/// What is refused of what Compose has made of the file. `has` tells whether the project's folder has a file of that name, by
/// its path from there.
pub fn check_resolved(document: &Document, place: &Place<'_>, has: impl Fn(&str) -> bool) -> Vec<Refusal> {
    let mut check = Check { resolved: true, found: Vec::new() };
    check.document(document);
    check.own_files(document, place, &has);
    check.found
}

/// Why something of the project's folder is not mounted.
const WRITABLE: &str = "must be mounted read-only (`:ro`): what is written there would decide what this host is asked for next; use \
                        a named volume for data";

/// The file that Compose itself fills variables from.
const ENVIRONMENT: &str = ".env";

struct Check {
    /// Whether Compose has been at it: it writes the project's name, and absolute paths.
    resolved: bool,
    found: Vec<Refusal>,
}

impl Check {
    fn refuse(&mut self, path: &Path<'_>, message: impl Into<String>) {
        if self.found.len() < MOST {
            let path: String = path.to_string().chars().take(200).collect();
            self.found.push(Refusal { path, message: message.into() });
        }
    }

    fn document(&mut self, document: &Document) {
        let root = Path::Root;
        for (key, node) in document.root().entries() {
            let path = root.key(key);
            match key.as_str() {
                "services" => self.each(&path, node, Self::service),
                "networks" => self.each(&path, node, Self::network),
                "volumes" => self.each(&path, node, Self::volume),
                "secrets" | "configs" => self.each(&path, node, Self::stored_file),
                "version" => {}
                "name" if self.resolved => {}
                "name" => self.refuse(&path, "is not allowed: the deployment has a name of its own"),
                "include" => self.refuse(&path, "is not allowed: it reads other files"),
                _ if key.starts_with("x-") => {}
                _ => self.unknown(&path),
            }
        }
        if document.services().is_empty() {
            self.refuse(&root.key("services"), "must name at least one service");
        }
    }

    fn unknown(&mut self, path: &Path<'_>) {
        self.refuse(path, "is not known here, and what is not known is not carried out");
    }

    /// Looks at each entry of a mapping of names.
    fn each(&mut self, path: &Path<'_>, node: &Node, look: fn(&mut Self, &Path<'_>, &Node)) {
        if !matches!(node, Node::Mapping(_) | Node::Null) {
            self.refuse(path, "must be a mapping");
        }
        for (name, node) in node.entries() {
            let path = path.key(name);
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if name.is_empty() || name.len() > 100 || !name.chars().all(known) || name.starts_with(['.', '-'])
            {
                self.refuse(&path, "has a name of other characters than letters, digits, '.', '_' and '-'");
            }
            look(self, &path, node);
        }
    }

    /// Whether a mapping has only keys that are known, and below them the same.
    fn keys(&mut self, path: &Path<'_>, node: &Node, keys: &Keys) {
        match (keys, node) {
            (Keys::Any, _) | (_, Node::Null) => {}
            (Keys::Named(inner), Node::Mapping(entries)) => {
                for (key, node) in entries {
                    self.keys(&path.key(key), node, inner);
                }
            }
            (Keys::List(inner), Node::Sequence(items)) => {
                for (index, node) in items.iter().enumerate() {
                    self.keys(&path.index(index), node, inner);
                }
            }
            // A short form, such as the names of networks alone.
            (Keys::Named(_), Node::Sequence(items)) => {
                if items.iter().any(|item| item.text().is_none()) {
                    self.refuse(path, "is written in a way that is not known");
                }
            }
            (Keys::Of(known), Node::Mapping(entries)) => {
                for (key, node) in entries {
                    let path = path.key(key);
                    match known.iter().find(|(name, _)| name == key) {
                        Some((_, inner)) => self.keys(&path, node, inner),
                        None if key.starts_with("x-") => {}
                        None => self.unknown(&path),
                    }
                }
            }
            (Keys::Of(_) | Keys::Named(_) | Keys::List(_), Node::Scalar(_)) => {}
            (Keys::Of(_), Node::Sequence(_)) | (Keys::List(_), Node::Mapping(_)) => {
                self.refuse(path, "is written in a way that is not known");
            }
        }
    }

    fn service(&mut self, path: &Path<'_>, service: &Node) {
        if !matches!(service, Node::Mapping(_)) {
            self.refuse(path, "must be a mapping");
        }
        for (key, node) in service.entries() {
            let path = path.key(key);
            if let Some((_, why)) = keys::REFUSED.iter().find(|(name, _)| name == key) {
                self.refuse(&path, format!("is not allowed: {why}"));
                continue;
            }
            match keys::SERVICE.iter().find(|(name, _)| name == key) {
                Some((_, inner)) => self.keys(&path, node, inner),
                None if key.starts_with("x-") => continue,
                None => self.unknown(&path),
            }
            match key.as_str() {
                "extends" => self.extends(&path, node),
                "env_file" | "label_file" => self.read_files(&path, node),
                "security_opt" => self.security_options(&path, node),
                "labels" => self.labels(&path, node),
                "pull_policy" if node.text().is_some_and(|text| text == "build" || text.contains('$')) => {
                    self.refuse(&path, "is not allowed: images are not built on this host");
                }
                "volumes" => self.mounts(&path, node),
                "ports" if self.resolved => self.ports(&path, node),
                _ => {}
            }
        }
        if service.get("image").and_then(Node::text).is_none_or(str::is_empty)
            && service.get("extends").is_none()
            && service.get("build").is_none()
        {
            self.refuse(path, "names no image");
        }
    }

    fn extends(&mut self, path: &Path<'_>, node: &Node) {
        if node.get("file").is_some_and(|file| *file != Node::Null) {
            self.refuse(&path.key("file"), "is not allowed: it reads another file");
        }
    }

    /// Files that Compose reads by itself.
    fn read_files(&mut self, path: &Path<'_>, node: &Node) {
        let mut one = |path: &Path<'_>, node: &Node| {
            let file = node.text().or_else(|| node.text_of("path"));
            if !file.is_some_and(is_plain) {
                self.refuse(path, "must name a file of the version, such as ./app.env");
            }
        };
        match node {
            Node::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    one(&path.index(index), item);
                }
            }
            Node::Scalar(_) | Node::Mapping(_) => one(path, node),
            Node::Null => {}
        }
    }

    /// A profile for `seccomp` is a file that Compose reads.
    fn security_options(&mut self, path: &Path<'_>, node: &Node) {
        let texts = node.items().iter().chain(std::iter::once(node)).filter_map(Node::text);
        for text in texts {
            let (name, value) = text.split_once([':', '=']).unwrap_or((text, ""));
            let inline = self.resolved && value.trim_start().starts_with('{');
            if text.contains('$') || (name.trim() == "seccomp" && value != "unconfined") || inline {
                self.refuse(path, format!("{text:.80} is not allowed: it may read a file of the host"));
            }
        }
    }

    /// Labels by which containers are told apart.
    fn labels(&mut self, path: &Path<'_>, node: &Node) {
        for (label, _) in entries_of(Some(node)) {
            if keys::OUR_LABELS.iter().any(|ours| label.starts_with(ours)) || label.contains('$') {
                self.refuse(path, format!("may not have {label:.80}: it says whose a container is"));
            }
        }
    }

    fn mounts(&mut self, path: &Path<'_>, node: &Node) {
        for (index, item) in node.items().iter().enumerate() {
            match mount(item) {
                None => self.refuse(&path.index(index), "is a mount of a kind that is not known"),
                // What Compose has resolved is looked at with its place.
                Some(Mount::Bind { source, access, .. }) if !self.resolved && access != Access::ReadOnly => {
                    let source = normal(&source);
                    if is_kept_from_writing(if source == "." { "" } else { &source }) {
                        self.refuse(&path.index(index), WRITABLE);
                    }
                }
                Some(Mount::Bind { .. } | Mount::Volume { .. } | Mount::Memory) => {}
            }
        }
    }

    fn ports(&mut self, path: &Path<'_>, node: &Node) {
        for (index, item) in node.items().iter().enumerate() {
            if port(item).is_none() {
                self.refuse(&path.index(index), "is a port that can't be read");
            }
        }
    }

    fn network(&mut self, path: &Path<'_>, node: &Node) {
        self.keys(path, node, &Keys::Of(keys::NETWORK));
        if let Some(labels) = node.get("labels") {
            self.labels(&path.key("labels"), labels);
        }
    }

    fn volume(&mut self, path: &Path<'_>, node: &Node) {
        self.keys(path, node, &Keys::Of(keys::VOLUME));
        if let Some(labels) = node.get("labels") {
            self.labels(&path.key("labels"), labels);
        }
    }

    /// A secret or a config.
    fn stored_file(&mut self, path: &Path<'_>, node: &Node) {
        self.keys(path, node, &Keys::Of(keys::STORED_FILE));
        if let Some(file) = node.get("file").filter(|_| !self.resolved)
            && !file.text().is_some_and(is_plain)
        {
            self.refuse(&path.key("file"), "must name a file of the version, such as ./app.conf");
        }
        if node
            .get("external")
            .is_some_and(|external| *external != Node::Null && external.text() != Some("false"))
        {
            self.refuse(&path.key("external"), "is not allowed: it is kept by Swarm");
        }
    }

    /// What is mounted of the project's folder must be a file of the version: the folder is another one with each version, so
    /// that what is written there would be lost.
    fn own_files(&mut self, document: &Document, place: &Place<'_>, has: &dyn Fn(&str) -> bool) {
        let root = Path::Root;
        let folder = normal(place.folder);
        let inside = |source: &str| {
            let source = normal(source);
            let rest =
                source.strip_prefix(&folder).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            Some(rest.trim_start_matches('/').to_owned())
        };
        for (name, service) in document.services() {
            let (services, volumes) =
                (root.key("services"), service.get("volumes").map_or(&[][..], Node::items));
            let service = services.key(name);
            let path = service.key("volumes");
            for (index, node) in volumes.iter().enumerate() {
                let Some(Mount::Bind { source, access, .. }) = mount(node) else { continue };
                let Some(file) = inside(&source) else { continue };
                if is_kept_from_writing(&file) && access != Access::ReadOnly {
                    self.refuse(&path.index(index), WRITABLE);
                } else if !file.is_empty() && !has(&file) {
                    let message = format!(
                        "mounts {source:.200}, which is no file of the version, from a folder that is another one \
                         with each version; use a named volume for data"
                    );
                    self.refuse(&path.index(index), message);
                }
            }
        }
        for kind in ["secrets", "configs"] {
            for (name, node) in document.root().get(kind).map_or(&[][..], Node::entries) {
                let Some(file) = node.text_of("file") else { continue };
                if !inside(file).is_some_and(|file| has(&file)) {
                    let path = root.key(kind);
                    self.refuse(&path.key(name), "must name a file of the version");
                }
            }
        }
    }
}

/// Whether a container may only read this file of the project's folder: `.env`, which Compose reads again after it was looked at,
/// and the folder itself (an empty name), in which a link could be put in the place of a file that is mounted or read later.
fn is_kept_from_writing(file: &str) -> bool {
    file.is_empty() || file == ENVIRONMENT
}

/// Whether it is a file's path below the folder that it is said from, whatever the environment.
fn is_plain(path: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    !path.is_empty()
        && !path.starts_with(['/', '-'])
        && path.chars().all(known)
        && path.split('/').all(|part| part != "..")
}
