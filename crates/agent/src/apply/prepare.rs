//! Steps 1 to 7: nothing of what runs is touched.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use keyward_compose::{Access, Document, Need, Place, Refusal, check_raw, check_resolved, env, needs};
use keyward_domain::files::{COMPOSE, ENVIRONMENT, FileName};
use keyward_domain::license_reference::{fill, references};
use keyward_protocol::desired::{Deployment, LicenseEntry};
use keyward_protocol::report::{Block, BlockItem, Step};

use super::Stopped;
use super::compose_run::End;
use super::folder::sha256;
use super::work::{Tools, Work, text};
use crate::deployer::SourceError;

/// How long Compose may take to read the files.
const CONFIG_PATIENCE: Duration = Duration::from_secs(60);

/// The most files of a version, the Compose file and `.env` among them.
const MOST_FILES: usize = 20;

/// The most bytes of all files, filled in.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The most things that are told at once.
const MOST_ITEMS: usize = 30;

/// What steps 1 to 7 have found.
pub(super) struct Prepared {
    /// The name of the folder of files.
    pub files: String,
    /// What Compose has made of the files.
    pub document: Document,
    /// A hash of that.
    pub model: String,
    pub tools: Tools,
}

impl Work<'_> {
    /// From the order to what Compose makes of it, if the host may and can bear it.
    pub(super) fn prepare(&mut self) -> Result<Prepared, Stopped> {
        self.step(Step::Accept)?;
        self.accept()?;
        self.step(Step::Resolve)?;
        let mut files = self.resolve()?;
        self.step(Step::Write)?;
        let compose = files.remove(COMPOSE).unwrap_or_default();
        self.folder.write_revision(&self.order, &compose)?;
        let hash = self.folder.write_files(&files)?;
        self.step(Step::Read)?;
        read(&compose, files.get(ENVIRONMENT))?;
        self.step(Step::Config)?;
        let tools = self.tools()?;
        let text = self.config(&tools, &hash)?;
        let document = self.resolved(&text, tools.compose.is_old(), &hash, &files)?;
        self.step(Step::Needs)?;
        self.needs(&document, &hash)?;
        self.step(Step::Checks)?;
        self.checks(&tools, &document)?;
        Ok(Prepared { files: hash, document, model: sha256(&text), tools })
    }

    /// Step 1: the order is one, and is written down.
    fn accept(&mut self) -> Result<(), Stopped> {
        let faults = self.order_faults();
        if !faults.is_empty() {
            return Err(blocked(Block::Order, faults));
        }
        Ok(self.folder.write_order(&self.order)?)
    }

    /// What is wrong with the order itself. The server has checked it; it may be another's server.
    fn order_faults(&self) -> Vec<String> {
        let order = &self.order;
        let mut faults: Vec<String> = project_fault(order).into_iter().collect();
        if order.revision == 0 || order.attempt == 0 {
            faults.push("The order has no number.".to_owned());
        }
        if order.files.len() > MOST_FILES || order.values.len() > 1000 {
            faults.push("The order has more files or values than an agent takes.".to_owned());
        }
        let mut names = std::collections::BTreeSet::new();
        for file in &order.files {
            let known = file.name.parse::<FileName>().is_ok_and(|name| name.as_str() == file.name);
            if !known || !names.insert(&file.name) {
                faults.push(format!("A file can't be called {:?}.", shortened(&file.name)));
            }
        }
        if !names.contains(&COMPOSE.to_owned()) {
            faults.push("The version has no Compose file.".to_owned());
        }
        for name in order.values.keys().filter(|name| !env::is_name(name)) {
            faults.push(format!("A value can't be called {:?}.", shortened(name)));
        }
        if order.values.values().any(|value| value.contains('\0')) {
            faults.push("A value has a character that no environment can hold.".to_owned());
        }
        faults
    }

    /// Step 2: the files, with license tokens in them.
    fn resolve(&self) -> Result<BTreeMap<String, String>, Stopped> {
        let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
        for file in &self.order.files {
            let raw = self.source.file(&file.sha256).map_err(|error| match error {
                SourceError::Away(_) => Stopped::Transient {
                    step: Step::Resolve,
                    message: format!("The file {} can't be fetched: {error}.", file.name),
                },
                SourceError::Refused(_) => Stopped::Failed {
                    step: Step::Resolve,
                    message: format!("The file {} can't be had: {error}.", file.name),
                    services: Vec::new(),
                },
            })?;
            if sha256(&raw) != file.sha256 {
                return Err(blocked(
                    Block::Order,
                    [format!("The file {} is not what was ordered.", file.name)],
                ));
            }
            match self.filled(&raw) {
                Ok(text) => _ = files.insert(file.name.clone(), text),
                Err(missing) => faults.extend(missing.into_iter().map(|why| format!("{}: {why}", file.name))),
            }
        }
        if files.values().map(String::len).sum::<usize>() > MOST_BYTES {
            return Err(blocked(Block::Order, ["The files are too large with licenses in them.".to_owned()]));
        }
        faults.extend(self.missing_values(&files));
        if faults.is_empty() { Ok(files) } else { Err(blocked(Block::Values, faults)) }
    }

    /// A text with tokens in the place of references to licenses, or which are missing.
    fn filled(&self, raw: &str) -> Result<String, Vec<String>> {
        let asked = references(raw).map_err(|faults| {
            faults.into_iter().map(|fault| format!("{}.", fault.message)).collect::<Vec<_>>()
        })?;
        let token = |name: &str| match self.order.licenses.get(name) {
            Some(LicenseEntry::Token(token)) => Ok(token.as_str()),
            Some(LicenseEntry::Missing(why)) => Err(format!("There is no license {name:?}: {why}")),
            None => Err(format!("There is no license {name:?}.")),
        };
        let missing: std::collections::BTreeSet<_> =
            asked.iter().filter_map(|reference| token(&reference.name).err()).collect();
        if !missing.is_empty() {
            return Err(missing.into_iter().collect());
        }
        fill(raw, |name| token(name).ok()).ok_or_else(|| vec!["A license can't be filled in.".to_owned()])
    }

    /// Values that the Compose file demands and nobody has given.
    fn missing_values(&self, files: &BTreeMap<String, String>) -> Vec<String> {
        let defined = files.get(ENVIRONMENT).map(|text| env::defined(text)).unwrap_or_default();
        let asked = files.get(COMPOSE).map(|text| env::required(text)).unwrap_or_default();
        let given = |asked: &env::Required| match self.order.values.get(&asked.name) {
            Some(value) => !asked.filled || !value.is_empty(),
            None => defined.iter().any(|(name, has)| *name == asked.name && (*has || !asked.filled)),
        };
        let missing = asked.into_iter().filter(|asked| !given(asked));
        missing
            .map(|asked| match asked.message.as_str() {
                "" => format!("The value {} is not set.", asked.name),
                why => format!("The value {} is not set: {why}.", asked.name),
            })
            .collect()
    }

    /// Step 5: what Compose makes of the files.
    fn config(&self, tools: &Tools, files: &str) -> Result<String, Stopped> {
        let compose = self.folder.revision(self.order.revision).join(COMPOSE);
        let mut args = vec!["-f", text(&compose)?, "config"];
        if !tools.compose.is_old() {
            args.extend(["--format", "json"]);
        }
        let output = self.compose(tools, &self.order, files, &args, CONFIG_PATIENCE, &mut || false)?;
        match output.end {
            End::Code(0) => Ok(output.stdout),
            End::TimedOut | End::GivenUp => {
                Err(failed(Step::Config, "Compose took too long to read the files.".into()))
            }
            End::Code(_) | End::Signal(_) => Err(failed(
                Step::Config,
                format!("Compose can't read the files: {}", last_words(&output.stderr)),
            )),
        }
    }

    fn resolved(
        &self,
        text: &str,
        old: bool,
        files: &str,
        names: &BTreeMap<String, String>,
    ) -> Result<Document, Stopped> {
        let document = if old { Document::read(text) } else { Document::from_json(text) };
        let document = document.map_err(|error| {
            failed(Step::Config, format!("What Compose makes of the files can't be read: {error}."))
        })?;
        let folder = self.folder.project_folder(files);
        let place = Place { project: &self.order.project, folder: self::text(&folder)? };
        refuse(check_resolved(&document, &place, |name| names.contains_key(name)))?;
        Ok(document)
    }

    /// Step 6: what the files want of the host, against what its owner has allowed.
    fn needs(&self, document: &Document, files: &str) -> Result<(), Stopped> {
        let folder = self.folder.project_folder(files);
        let place = Place { project: &self.order.project, folder: text(&folder)? };
        let wanted = needs(document, Some(&place)).into_iter().map(|need| self.truly(need));
        let open: Vec<Need> = wanted.filter(|need| !self.allows(need)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let items = open.iter().take(MOST_ITEMS).map(|need| self.ask_for(need)).collect();
        let open = open.iter().map(Need::to_string).collect();
        Err(Stopped::Blocked { by: Block::Needs, items, open })
    }

    /// A need that names a path says where that leads: a link could have been put there by an application.
    fn truly(&self, need: Need) -> Need {
        match need {
            Need::Bind { path, access } => Need::Bind { path: real(&path), access },
            other => other,
        }
    }

    /// How a person allows it.
    fn ask_for(&self, need: &Need) -> BlockItem {
        let id = self.order.id;
        if need.is_line_only() || self.is_ours(need) {
            let config = self.paths.config().display();
            let message = format!(
                "{} Who has that has this host, so it is allowed only by the line allow = [\"{need}\"] below \
                 [deployments.{id}] in {config}.",
                need.description()
            );
            return BlockItem { message, command: None };
        }
        let command = format!("keyward-agent allow {id} {}", quoted(&need.to_string()));
        BlockItem { message: need.description(), command: Some(command) }
    }

    /// Whether it is about the agent's own folders.
    fn is_ours(&self, need: &Need) -> bool {
        let Need::Bind { path, access: Access::ReadOnly | Access::ReadWrite | Access::Shared } = need else {
            return false;
        };
        let path = Path::new(path);
        let ours = [Some(self.paths.state()), self.paths.config().parent()];
        ours.into_iter().flatten().any(|own| path.starts_with(own) || own.starts_with(path))
    }
}

/// What is wrong with the name of a Compose project: networks and volumes are told by it, so an order may name no other's.
pub(super) fn project_fault(order: &Deployment) -> Option<String> {
    let of_project = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let id = order.id.simple().to_string();
    let name = order.project.strip_prefix("kw-").and_then(|rest| rest.strip_suffix(&id[id.len() - 6..]));
    let fits = name.is_some_and(|name| name.chars().all(of_project));
    (!fits || order.project.len() > 100)
        .then(|| "The name of the project is not the one that this deployment has.".to_owned())
}

/// Step 4: what the vendor wrote, before Compose sees it.
fn read(compose: &str, environment: Option<&String>) -> Result<(), Stopped> {
    let document = Document::read(compose)
        .map_err(|error| blocked(Block::Files, [format!("The Compose file can't be used: {error}.")]))?;
    let mut refusals = check_raw(&document);
    refusals.extend(environment.map(|text| env::check_file(ENVIRONMENT, text)).unwrap_or_default());
    refuse(refusals)
}

fn refuse(refusals: Vec<Refusal>) -> Result<(), Stopped> {
    if refusals.is_empty() {
        return Ok(());
    }
    Err(blocked(Block::Files, refusals.iter().map(|refusal| format!("{refusal}."))))
}

pub(super) fn blocked(by: Block, messages: impl IntoIterator<Item = String>) -> Stopped {
    let items = messages
        .into_iter()
        .take(MOST_ITEMS)
        .map(|message| BlockItem { message: shortened(&message), command: None });
    Stopped::Blocked { by, items: items.collect(), open: Vec::new() }
}

pub(super) fn failed(step: Step, message: String) -> Stopped {
    Stopped::Failed { step, message, services: Vec::new() }
}

/// What a program said last, in one line.
pub(super) fn last_words(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join(" · ")
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

/// Where a path leads, as far as it is there.
fn real(path: &str) -> String {
    let mut rest = Vec::new();
    let mut existing = Path::new(path);
    loop {
        if let Ok(found) = existing.canonicalize() {
            let whole = rest.iter().rev().fold(found, |whole, part| whole.join(part));
            return whole.to_str().map_or_else(|| path.to_owned(), str::to_owned);
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                rest.push(name.to_owned());
                existing = parent;
            }
            _ => return path.to_owned(),
        }
    }
}

/// As an argument of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '=' | ',');
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_no_project_but_its_own() {
        let fits = |project: &str| {
            let order = serde_json::from_value(serde_json::json!({
                "id": "0192f0c1-7a00-7000-8000-0000007f3a91", "name": "Shop", "project": project, "application": "shop",
                "version": "1.0", "revision": 1, "cause": {"kind": "install"}, "attempt": 1, "order": {"kind": "run"},
                "files": []
            }));
            project_fault(&order.unwrap()).is_none()
        };
        assert!(fits("kw-shop-7f3a91") && fits("kw-a_b-7f3a91"));
        for project in
            ["shop", "kw-shop-7f3a92", "7f3a91", "shop-7f3a91", "kw-Shop-7f3a91", "kw-../-7f3a91", ""]
        {
            assert!(!fits(project), "{project}");
        }
    }
}
