//! What the engine tells of itself, in its own words.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Which version an engine is of.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Version {
    /// Its version.
    pub version: String,
}

/// What an engine has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Info {
    /// Where it keeps images and volumes.
    pub docker_root_dir: String,
    /// How many processors.
    #[serde(rename = "NCPU")]
    pub processors: u32,
    /// How many bytes of memory.
    pub mem_total: u64,
    /// Its architecture, such as `x86_64` or `amd64`.
    pub architecture: String,
    /// How it confines containers.
    pub security_options: Vec<String>,
}

impl Info {
    /// Whether it runs without the rights of root.
    pub fn is_rootless(&self) -> bool {
        self.security_options.iter().any(|option| option.contains("rootless"))
    }
}

/// A container in a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerRow {
    /// Its id.
    pub id: String,
    /// Its names, each with a slash in front.
    pub names: Vec<String>,
    /// Its image, by id.
    #[serde(rename = "ImageID")]
    pub image_id: String,
    /// `running`, `exited`, `created` and so on.
    pub state: String,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// What it publishes.
    #[serde(deserialize_with = "or_default")]
    pub ports: Vec<PortRow>,
}

impl ContainerRow {
    /// Its name.
    pub fn name(&self) -> &str {
        self.names.first().map_or("", |name| name.trim_start_matches('/'))
    }

    /// The service that it is of.
    pub fn service(&self) -> &str {
        self.label("com.docker.compose.service")
    }

    /// Its project.
    pub fn project(&self) -> &str {
        self.label("com.docker.compose.project")
    }

    /// The value of a label, empty if it has none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// A port that a container publishes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortRow {
    /// The port of the host.
    pub public_port: Option<u16>,
    /// `tcp` or `udp`.
    #[serde(rename = "Type")]
    pub protocol: String,
}

/// A container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name, with a slash in front.
    pub name: String,
    /// Its image, by id.
    pub image: String,
    /// How it is.
    pub state: State,
    /// How often it was started again by the engine.
    pub restart_count: u64,
    /// How it was made.
    pub config: ContainerConfig,
    /// What of the host it has.
    pub host_config: HostConfig,
}

/// How a container is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct State {
    /// `created`, `running`, `restarting`, `exited`, `dead` and so on.
    pub status: String,
    /// With what it ended.
    pub exit_code: i64,
    /// Why it did not start.
    pub error: String,
    /// Since when it runs.
    pub started_at: String,
    /// Whether it was ended because memory ran out.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// What its check says.
    #[serde(alias = "Healthcheck")]
    pub health: Option<Health>,
}

/// What a check says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    /// `starting`, `healthy`, `unhealthy`; `none` or nothing where there is no check.
    pub status: String,
    /// What it wrote lately.
    #[serde(deserialize_with = "or_default")]
    pub log: Vec<HealthLog>,
}

/// One run of a check.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthLog {
    /// What it wrote.
    pub output: String,
}

/// How a container was made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// Whether its output is a terminal's.
    pub tty: bool,
    /// Its check.
    pub healthcheck: Option<Healthcheck>,
    /// How many seconds it is given to end, if that is said.
    pub stop_timeout: Option<u64>,
}

/// A check, with its times in nanoseconds; what is 0 is the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// What is run; `NONE` for nothing.
    #[serde(deserialize_with = "or_default")]
    pub test: Vec<String>,
    /// How often.
    pub interval: u64,
    /// How long it may take.
    pub timeout: u64,
    /// How long failures do not count after a start.
    pub start_period: u64,
    /// How many failures count.
    pub retries: u64,
}

impl Healthcheck {
    /// Whether anything is run.
    pub fn is_set(&self) -> bool {
        self.test.first().is_some_and(|word| !word.is_empty() && word != "NONE")
    }
}

/// What a container has of the host.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// When it is started again.
    pub restart_policy: RestartPolicy,
}

/// When a container is started again.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicy {
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    pub name: String,
}

/// An image.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Its names, each `repository:tag`.
    #[serde(deserialize_with = "or_default")]
    pub repo_tags: Vec<String>,
    /// What it was pulled as, each `repository@digest`.
    #[serde(deserialize_with = "or_default")]
    pub repo_digests: Vec<String>,
    /// What it is for, such as `amd64`.
    pub architecture: String,
    /// What its maker says of it.
    pub config: Option<ImageConfig>,
}

/// What an image's maker says of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// Its check.
    pub healthcheck: Option<Healthcheck>,
}

/// A network in a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkRow {
    /// Its id.
    pub id: String,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
}

/// The volumes of a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct VolumeRows {
    pub volumes: Option<Vec<VolumeRow>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct VolumeRow {
    pub name: String,
}

/// Engines write `null` for what is empty.
fn or_default<'de, T: Default + Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
