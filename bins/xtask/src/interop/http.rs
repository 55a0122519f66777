//! Plain HTTP to the server.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Speaks in the name of one organization.
pub(crate) struct Http {
    agent: ureq::Agent,
    server: String,
    bearer: String,
}

impl Http {
    pub(crate) fn new(server: String, token: String) -> Self {
        Self { agent: agent(), server, bearer: format!("Bearer {token}") }
    }

    /// The token.
    pub(crate) fn bearer(&self) -> &str {
        self.bearer.trim_start_matches("Bearer ")
    }

    /// Whether the server says that it is ready.
    pub(crate) fn is_ready(server: &str) -> bool {
        agent().get(format!("{server}/readyz")).call().is_ok_and(|response| response.status() == 200)
    }

    /// Sends JSON; the answer must be `201`.
    pub(crate) fn create(&self, path: &str, body: &str) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.server)).header("Authorization", &self.bearer);
        let mut response = request.header("Content-Type", "application/json").send(body)?;
        let text = response.body_mut().read_to_string()?;
        ensure!(response.status() == 201, "POST {path}: {} {text}", response.status());
        Ok(serde_json::from_str(&text)?)
    }

    /// Sends JSON; the answer must be `200`.
    pub(crate) fn send(&self, path: &str, body: &str) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.server)).header("Authorization", &self.bearer);
        let mut response = request.header("Content-Type", "application/json").send(body)?;
        let text = response.body_mut().read_to_string()?;
        ensure!(response.status() == 200, "POST {path}: {} {text}", response.status());
        Ok(serde_json::from_str(&text)?)
    }

    /// Changes a thing; the answer must be `200`.
    pub(crate) fn patch(&self, path: &str, body: &str) -> Result<()> {
        let request =
            self.agent.patch(format!("{}{path}", self.server)).header("Authorization", &self.bearer);
        let mut response = request.header("Content-Type", "application/json").send(body)?;
        let text = response.body_mut().read_to_string()?;
        ensure!(response.status() == 200, "PATCH {path}: {} {text}", response.status());
        Ok(())
    }

    /// Removes a thing; the answer must be `204`.
    pub(crate) fn delete(&self, path: &str) -> Result<()> {
        let request =
            self.agent.delete(format!("{}{path}", self.server)).header("Authorization", &self.bearer);
        let response = request.call()?;
        ensure!(response.status() == 204, "DELETE {path}: {}", response.status());
        Ok(())
    }

    /// Does something to a thing of which nothing is shown then; the answer must be `204`.
    pub(crate) fn end(&self, path: &str) -> Result<()> {
        let request = self.agent.post(format!("{}{path}", self.server)).header("Authorization", &self.bearer);
        let response = request.send_empty()?;
        ensure!(response.status() == 204, "POST {path}: {}", response.status());
        Ok(())
    }

    /// Does something to a thing.
    pub(crate) fn act(&self, path: &str) -> Result<()> {
        self.send(path, "{}").map(drop)
    }

    /// The answer's text; it must be `200`.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let request = self.agent.get(format!("{}{path}", self.server)).header("Authorization", &self.bearer);
        let mut response = request.call()?;
        let text = response.body_mut().read_to_string()?;
        ensure!(response.status() == 200, "GET {path}: {} {text}", response.status());
        Ok(text)
    }

    /// A license's token.
    pub(crate) fn token(&self, license: &str, format: &str) -> Result<String> {
        let answer: Value =
            serde_json::from_str(&self.get(&format!("/api/v1/licenses/{license}/token?format={format}"))?)?;
        answer["token"].as_str().map(str::to_owned).context("the answer has a token")
    }
}

fn agent() -> ureq::Agent {
    let limit = std::time::Duration::from_secs(30);
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(limit)).build().into()
}
