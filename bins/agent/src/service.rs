//! Has systemd run the agent.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use keyward_agent::config::Config;
use keyward_agent::engine;
use keyward_agent::paths::Paths;

use crate::place::{self, Place};
use crate::{Outcome, say};

/// The name of the service, of its user, and of the program.
const NAME: &str = "keyward-agent";

#[derive(Debug, Args)]
pub(crate) struct InstallService {
    /// Print the unit, and change nothing
    #[arg(long)]
    print: bool,
}

impl InstallService {
    pub(crate) fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        let unit = Unit::of(&paths, place)?;
        if self.print {
            say(unit.text().trim_end());
            return Ok(Outcome::Good);
        }
        ensure!(has_systemd(), "there is no systemd here. {}", by_hand(place));
        unit.install(&paths)?;
        Ok(Outcome::Good)
    }
}

/// What `join` does at its end: the service where there is systemd, and otherwise what to do by hand.
pub(crate) fn install_if_possible(place: &Place, paths: &Paths) -> anyhow::Result<()> {
    if !place.is_usual() {
        say(&by_hand(place));
        return Ok(());
    }
    if !has_systemd() {
        say(&format!("There is no systemd here. {}", by_hand(place)));
        return Ok(());
    }
    let unit = Unit::of(paths, place)?;
    unit.install(paths).context("this host has joined, but the service could not be installed; after that is mended, run `keyward-agent install-service`")
}

/// How to run the agent without a service.
pub(crate) fn by_hand(place: &Place) -> String {
    let flags = if place.is_usual() { "" } else { " with the same --config and --state" };
    format!("Have `keyward-agent run`{flags} started at boot, and again whenever it ends.")
}

fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The unit for systemd, and who runs it.
struct Unit {
    program: PathBuf,
    config: PathBuf,
    state: PathBuf,
    usual: bool,
    who: Who,
}

enum Who {
    /// A user of the service's own, with the group that may use the engine's socket.
    Own { socket_group: u32 },
    /// Root, because the engine's socket is root's alone.
    Root,
    /// Whoever installs it, for an engine of their own.
    User,
}

impl Unit {
    fn of(paths: &Paths, place: &Place) -> anyhow::Result<Self> {
        let config = Config::load(paths.config())?;
        let socket = engine::find_socket(config.socket.as_deref());
        let group = socket.and_then(|socket| std::fs::metadata(socket).ok()).map(|found| found.gid());
        let who = match (place::is_root(), group) {
            (false, _) => Who::User,
            (true, Some(socket_group)) if socket_group != 0 => Who::Own { socket_group },
            (true, _) => Who::Root,
        };
        let program = match who {
            Who::User => place::home("XDG_BIN_HOME", ".local/bin")?.join(NAME),
            Who::Own { .. } | Who::Root => Path::new("/usr/local/bin").join(NAME),
        };
        let (config, state) = (paths.config().to_owned(), paths.state().to_owned());
        Ok(Self { program, config, state, usual: place.is_usual(), who })
    }

    fn path(&self) -> anyhow::Result<PathBuf> {
        let folder = match self.who {
            Who::User => place::home("XDG_CONFIG_HOME", ".config")?.join("systemd/user"),
            Who::Own { .. } | Who::Root => PathBuf::from("/etc/systemd/system"),
        };
        Ok(folder.join(format!("{NAME}.service")))
    }

    fn text(&self) -> String {
        let places = if self.usual {
            String::new()
        } else {
            format!(" --config {} --state {}", escaped(&self.config), escaped(&self.state))
        };
        let who = match self.who {
            Who::Own { socket_group } => {
                format!("User={NAME}\nGroup={NAME}\nSupplementaryGroups={socket_group}\n")
            }
            Who::Root | Who::User => String::new(),
        };
        // A user's manager has no right to most of these.
        let bounds = match self.who {
            Who::User => String::new(),
            Who::Own { .. } | Who::Root => format!(
                "CapabilityBoundingSet=\nProtectSystem=strict\nReadWritePaths={}\nProtectHome=read-only\n\
                 PrivateTmp=yes\nProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectControlGroups=yes\n\
                 RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\nRestrictNamespaces=yes\n",
                escaped(&self.state)
            ),
        };
        let wanted = if matches!(self.who, Who::User) { "default.target" } else { "multi-user.target" };
        format!(
            "[Unit]\nDescription=Keyward agent\nWants=network-online.target\nAfter=network-online.target docker.service podman.socket\n\n\
             [Service]\nExecStart={} run{places}\n{who}Restart=always\nRestartSec=5\n\
             # The agent ends what it has begun with Compose by itself.\nKillMode=mixed\nTimeoutStopSec=90\n\
             UMask=0077\nNoNewPrivileges=yes\nLockPersonality=yes\nRestrictRealtime=yes\n{bounds}\n\
             [Install]\nWantedBy={wanted}\n",
            escaped(&self.program)
        )
    }

    fn install(&self, paths: &Paths) -> anyhow::Result<()> {
        self.install_program()?;
        if let Who::Own { .. } = self.who {
            make_user()?;
            hand_over(paths)?;
        }
        let path = self.path()?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        std::fs::write(&path, self.text()).with_context(|| format!("writing {}", path.display()))?;
        let user: &[&str] = if matches!(self.who, Who::User) { &["--user"] } else { &[] };
        succeeds(Command::new("systemctl").args(user).arg("daemon-reload"))?;
        succeeds(Command::new("systemctl").args(user).args(["enable", "--now", NAME]))?;
        say(&format!("The service {NAME} runs. See it with `keyward-agent status`."));
        match self.who {
            Who::Root => say("It runs as root, because the container engine's socket is root's alone."),
            Who::User => say("To have it run while you are not signed in: loginctl enable-linger"),
            Who::Own { .. } => {}
        }
        if ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .iter()
            .any(|name| std::env::var_os(name).is_some())
        {
            say(&format!(
                "The service does not see the proxy that is set here: name it by `proxy` in {}.",
                self.config.display()
            ));
        }
        Ok(())
    }

    /// Puts this program where the unit looks for it: whole or not at all, also while the one before runs.
    fn install_program(&self) -> anyhow::Result<()> {
        let this = std::env::current_exe().context("finding this program")?;
        if this == self.program {
            return Ok(());
        }
        let folder = self.program.parent().context("finding the folder for programs")?;
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let beside = self.program.with_extension("new");
        std::fs::copy(&this, &beside).with_context(|| format!("writing {}", beside.display()))?;
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755))?;
        std::fs::rename(&beside, &self.program).with_context(|| format!("writing {}", self.program.display()))
    }
}

/// A word of a unit: quoted, as `systemd.syntax` has it.
fn escaped(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-%".contains(&byte);
    if text.bytes().all(plain) {
        text
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

fn make_user() -> anyhow::Result<()> {
    let exists =
        std::fs::read_to_string("/etc/passwd")?.lines().any(|line| line.starts_with("keyward-agent:"));
    if exists {
        return Ok(());
    }
    succeeds(Command::new("useradd").args([
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        Paths::STATE,
        "--shell",
        "/usr/sbin/nologin",
        NAME,
    ]))
}

/// The state is the service's; the customer's file stays root's, and the service may read it.
fn hand_over(paths: &Paths) -> anyhow::Result<()> {
    let passwd = std::fs::read_to_string("/etc/passwd")?;
    let line =
        passwd.lines().find(|line| line.starts_with("keyward-agent:")).context("the user is not there")?;
    let mut numbers = line.split(':').skip(2).map(str::parse::<u32>);
    let (Some(Ok(user)), Some(Ok(group))) = (numbers.next(), numbers.next()) else {
        bail!("the user {NAME} has no numbers in /etc/passwd");
    };
    give(paths.state(), user, group)?;
    let folder = paths.config().parent().context("agent.toml has no folder")?;
    std::fs::create_dir_all(folder)?;
    chown(folder, Some(0), Some(group))?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o750))?;
    if !paths.config().exists() {
        std::fs::write(
            paths.config(),
            "# What this host allows its deployments; see the guide “Deploying”.\n",
        )?;
    }
    chown(paths.config(), Some(0), Some(group))?;
    std::fs::set_permissions(paths.config(), std::fs::Permissions::from_mode(0o640))?;
    Ok(())
}

/// A folder and all that is in it, without following links.
fn give(path: &Path, user: u32, group: u32) -> anyhow::Result<()> {
    std::os::unix::fs::lchown(path, Some(user), Some(group))
        .with_context(|| format!("giving {} to the service", path.display()))?;
    if std::fs::symlink_metadata(path)?.is_dir() {
        for found in std::fs::read_dir(path)? {
            give(&found?.path(), user, group)?;
        }
    }
    Ok(())
}

fn succeeds(command: &mut Command) -> anyhow::Result<()> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("running {shown}"))?;
    ensure!(status.success(), "{shown} ended with {status}");
    Ok(())
}
