//! Speaks to a server's management API.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ureq::tls::{Certificate, PemItem, TlsConfig, parse_pem};

use crate::output::{NewFile, line};
use crate::reading;

/// Which server, in whose name, and how answers are shown.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The server's URL
    #[arg(
        long,
        global = true,
        env = "KEYWARD_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    server: String,
    /// Management token (better in the environment: arguments show in process lists)
    #[arg(long, global = true, env = "KEYWARD_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Certificate authorities, in PEM, that count beside the public ones and those of this machine
    #[arg(long, global = true, env = "KEYWARD_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How answers are printed [default: table]
    #[arg(long, global = true, value_enum)]
    output: Option<Output>,
    /// The same as --output json
    #[arg(long, global = true)]
    json: bool,
}

/// Where a secret goes that is shown once.
#[derive(Debug, Args)]
pub(crate) struct SecretFile {
    /// Write the secret to a new file that you alone can read, and print the rest
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// The server's JSON as it is
    Json,
    /// The ids alone, one a line
    Id,
}

/// How long an answer is waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// As many as a server gives at once.
const MOST: &str = "200";

/// Which part of a list is wanted: all of it, if no limit is given.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// At most so many, 1 to 200; without, all there are
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
    /// Continue after this cursor
    #[arg(long, default_value = "")]
    cursor: String,
}

/// A page of a list.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

/// The server understood, and said no.
#[derive(Debug)]
pub(crate) struct Refusal(String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

#[derive(Deserialize)]
struct Problem {
    title: String,
    code: String,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(alias = "parameter")]
    pointer: String,
    detail: String,
}

impl Connection {
    fn output(&self) -> Output {
        self.output.unwrap_or(if self.json { Output::Json } else { Output::Table })
    }

    /// Says to people what was done, where the server has no answer to show.
    pub(crate) fn say(&self, done: &str) -> anyhow::Result<()> {
        match self.output() {
            Output::Table => line(done),
            Output::Json | Output::Id => Ok(()),
        }
    }

    /// Reads `path`.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Box<RawValue>> {
        let request = self.agent()?.get(self.url(path)).header("Authorization", self.bearer()?);
        self.answer(request.call())
    }

    /// Reads the part of a list that the non-empty ones of `query` ask for.
    pub(crate) fn get_with(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Box<RawValue>> {
        let asked = query.iter().copied().filter(|(_, value)| !value.is_empty());
        let request =
            self.agent()?.get(self.url(path)).query_pairs(asked).header("Authorization", self.bearer()?);
        self.answer(request.call())
    }

    /// Reads a list, or the one page of it that is asked for.
    pub(crate) fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        part: &Part,
    ) -> anyhow::Result<Box<RawValue>> {
        let limit = part.limit.map(|limit| limit.to_string()).unwrap_or_default();
        let page = |cursor: &str, limit: &str| {
            let query: Vec<_> = query.iter().copied().chain([("cursor", cursor), ("limit", limit)]).collect();
            self.get_with(path, &query)
        };
        if part.limit.is_some() {
            return page(&part.cursor, &limit);
        }
        let (mut items, mut cursor): (Vec<Box<RawValue>>, _) = (Vec::new(), part.cursor.clone());
        loop {
            let answer = page(&cursor, MOST)?;
            let found: Page<Box<RawValue>> = serde_json::from_str(answer.get())
                .context("the server's answer has another form: is it Keyward?")?;
            items.extend(found.items);
            match found.next_cursor {
                Some(next) if next != cursor => cursor = next,
                Some(_) | None => break,
            }
        }
        Ok(serde_json::value::to_raw_value(&Page { items, next_cursor: None })?)
    }

    /// Writes what is at `path` as it comes, however much it is.
    pub(crate) fn download(&self, path: &str, to: &mut impl std::io::Write) -> anyhow::Result<()> {
        let request = self.agent()?.get(self.url(path)).header("Authorization", self.bearer()?);
        // As long as something comes: the whole may take its time.
        let request = request.config().timeout_global(None).timeout_recv_response(Some(PATIENCE));
        let mut response = request.build().call().map_err(|error| self.unreached(error))?;
        if !response.status().is_success() {
            return self.body(Ok(response)).map(drop);
        }
        std::io::copy(&mut response.body_mut().as_reader(), to).context("reading the server's answer")?;
        Ok(())
    }

    /// Sends `body` to `path`.
    pub(crate) fn post(&self, path: &str, body: &impl serde::Serialize) -> anyhow::Result<Box<RawValue>> {
        let request = self.agent()?.post(self.url(path)).header("Authorization", self.bearer()?);
        let body = serde_json::to_string(body)?;
        self.answer(request.header("Content-Type", "application/json").send(body))
    }

    /// The same where the server has nothing to answer.
    pub(crate) fn act(&self, path: &str, body: &impl serde::Serialize) -> anyhow::Result<()> {
        let request = self.agent()?.post(self.url(path)).header("Authorization", self.bearer()?);
        let body = serde_json::to_string(body)?;
        self.body(request.header("Content-Type", "application/json").send(body)).map(drop)
    }

    /// Changes what is at `path` by `body`.
    pub(crate) fn patch(&self, path: &str, body: &impl serde::Serialize) -> anyhow::Result<Box<RawValue>> {
        let request = self.agent()?.patch(self.url(path)).header("Authorization", self.bearer()?);
        let body = serde_json::to_string(body)?;
        self.answer(request.header("Content-Type", "application/json").send(body))
    }

    /// Deletes what is at `path`.
    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<()> {
        let request = self.agent()?.delete(self.url(path)).header("Authorization", self.bearer()?);
        self.body(request.call()).map(drop)
    }

    /// Shows one thing: to programs as the server sent it, to people as `people` says.
    pub(crate) fn show<T: DeserializeOwned>(
        &self,
        answer: &RawValue,
        people: impl FnOnce(T) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self.output() {
            Output::Table => people(
                serde_json::from_str(answer.get())
                    .context("the server's answer has another form: is it Keyward?")?,
            ),
            Output::Json => line(answer.get()),
            Output::Id => ids(answer)?.iter().try_for_each(|id| line(id)),
        }
    }

    /// Makes something that has a secret, by what `make` asks of the server, and shows it. The secret goes where it was asked to go; the
    /// file is there before the secret is, so that none is lost.
    pub(crate) fn show_made<T: DeserializeOwned>(
        &self,
        (secret, SecretFile { secret_file }): (&str, &SecretFile),
        make: impl FnOnce() -> anyhow::Result<Box<RawValue>>,
        people: impl FnOnce(T) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Some(path) = secret_file else { return self.show(&make()?, people) };
        let file = NewFile::create(path, 0o600)?;
        let made: serde_json::Map<String, serde_json::Value> = match make() {
            Ok(answer) => serde_json::from_str(answer.get())
                .context("the server's answer has another form: is it Keyward?")?,
            Err(error) => {
                file.take_back();
                return Err(error);
            }
        };
        let (mut rest, kept) = (made.clone(), made.get(secret).and_then(serde_json::Value::as_str));
        let kept = kept.context("the server's answer has no secret: is it Keyward?")?;
        file.write(format!("{kept}\n").as_bytes())?;
        rest.insert(secret.to_owned(), format!("written to {}", path.display()).into());
        if self.output() == Output::Json {
            rest.remove(secret);
        }
        self.show(&serde_json::value::to_raw_value(&rest)?, people)
    }

    /// Reads text from `path`.
    pub(crate) fn get_text(&self, path: &str) -> anyhow::Result<String> {
        let request = self.agent()?.get(self.url(path)).header("Authorization", self.bearer()?);
        self.body(request.call())
    }

    fn agent(&self) -> anyhow::Result<ureq::Agent> {
        if self.json && self.output() != Output::Json {
            bail!("--json and --output say different things");
        }
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        if !self.server.starts_with("https:") {
            return Ok(config.build().into());
        }
        let public = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned();
        let mut roots: Vec<_> = public
            .chain(rustls_native_certs::load_native_certs().certs)
            .map(|der| Certificate::from_der(&der).to_owned())
            .collect();
        if let Some(path) = &self.ca_file {
            roots.extend(authorities(path)?);
        }
        Ok(config.tls_config(TlsConfig::builder().root_certs(roots.into()).build()).build().into())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.server.trim_end_matches('/'))
    }

    fn bearer(&self) -> anyhow::Result<String> {
        let token = self.token.as_deref().context("set KEYWARD_TOKEN to a management token")?;
        Ok(format!("Bearer {}", reading::credential(token).context("KEYWARD_TOKEN")?))
    }

    fn answer(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<Box<RawValue>> {
        let text = self.body(sent)?;
        serde_json::from_str(&text).context("the server's answer is not JSON: is it Keyward?")
    }

    fn unreached(&self, error: ureq::Error) -> anyhow::Error {
        let unknown = error.to_string().contains("UnknownIssuer");
        let error = anyhow::Error::new(error);
        let error = if unknown {
            error.context("its certificate is of an authority that is not known here: name it by --ca-file or KEYWARD_CA_FILE")
        } else {
            error
        };
        error.context(format!("reaching {}", self.server))
    }

    fn body(&self, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> anyhow::Result<String> {
        let mut response = sent.map_err(|error| self.unreached(error))?;
        let status = response.status();
        let text = response.body_mut().read_to_string().context("reading the server's answer")?;
        if status.is_success() {
            return Ok(text);
        }
        let Ok(problem) = serde_json::from_str::<Problem>(&text) else {
            bail!("{} answered {status}: is it Keyward?", self.server);
        };
        let mut message = format!("{} ({})", problem.detail.unwrap_or(problem.title), problem.code);
        for fault in problem.errors {
            message.push_str(&format!("\n  {} {}", fault.pointer, fault.detail));
        }
        Err(Refusal(message).into())
    }
}

/// The ids in an answer: of each of a list's items, or of the one thing that it is about.
fn ids(answer: &RawValue) -> anyhow::Result<Vec<String>> {
    let answer: serde_json::Value = serde_json::from_str(answer.get())?;
    let id = |thing: &serde_json::Value| {
        let own = ["/id", "/kid", "/license/id", "/organization/id"];
        let found = own.iter().find_map(|place| thing.pointer(place)).and_then(serde_json::Value::as_str);
        found.map(str::to_owned).context("this has no id: ask for --output table or json")
    };
    match &answer["items"] {
        serde_json::Value::Array(items) => items.iter().map(id).collect(),
        _ => Ok(vec![id(&answer)?]),
    }
}

/// The certificates in a file, one at least.
fn authorities(path: &Path) -> anyhow::Result<Vec<Certificate<'static>>> {
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| format!("reading {shown} (KEYWARD_CA_FILE)"))?;
    let mut found = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) =
            item.with_context(|| format!("reading {shown} (KEYWARD_CA_FILE)"))?
        {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        bail!("there is no certificate in PEM in {shown} (KEYWARD_CA_FILE)");
    }
    Ok(found)
}
