//! Push, pull and login by skopeo and podman, with keys.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result};

use super::images::{self, INDEX, Image, digest, index};
use super::{Depot, said};
use crate::interop::Checks;

pub(crate) fn judge(checks: &mut Checks, depot: &Depot, folder: &Path) -> Result<()> {
    let (one, two) = (Image::new("one", "amd64")?, Image::new("two", "arm64")?);
    for image in [&one, &two] {
        image.push(depot.port, &depot.push, "acme/app", &image.digest())?;
    }
    let both = index(&[(&one, "amd64"), (&two, "arm64")]);
    images::put(depot.port, &depot.push, "acme/app", "1.0", INDEX, &both)?;
    Image::new("other", "amd64")?.push(depot.port, &depot.push, "acme/app", "2.0")?;
    Image::new("secret", "amd64")?.push(depot.port, &depot.push, "acme/secret", "1.0")?;

    let pulled = pull(depot, folder, "acme/app:1.0", &depot.pull)?;
    checks.check("skopeo pulls an index with all its images", pulled.status.success(), &said(&pulled));
    let from = format!("dir:{}", folder.join("pulled").display());
    let creds = format!("{0}:{0}", depot.push);
    let to = depot.name("acme/copy:1.0");
    let pushed = skopeo(&["copy", "--all", "--dest-tls-verify=false", "--dest-creds", &creds, &from, &to])?;
    checks.check("skopeo pushes, the key as user and password", pushed.status.success(), &said(&pushed));
    let same = depot.get("/v2/acme/copy/manifests/1.0", &depot.pull)?;
    checks.check("what was pushed is what was pulled", digest(&same.body) == digest(&both), &same.seen());
    let creds = format!("x:{}", depot.pull);
    let refused = skopeo(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        &creds,
        &from,
        &depot.name("acme/no:1"),
    ])?;
    let right = !refused.status.success() && said(&refused).contains("this registry key can only pull");
    checks.check("a key to read does not push, and says so", right, &said(&refused));

    let (root, run) = (folder.join("podman"), folder.join("run"));
    let podman = |args: &[&str]| {
        let mut podman = Command::new("podman");
        podman.args(["--storage-driver", "vfs", "--root"]).arg(&root).arg("--runroot").arg(&run);
        podman
            .args(args)
            .env("REGISTRY_AUTH_FILE", folder.join("auth.json"))
            .output()
            .context("running podman")
    };
    let host = format!("127.0.0.1:{}", depot.port);
    let login = podman(&["login", "--tls-verify=false", "-u", &depot.push, "-p", &depot.push, &host])?;
    checks.check("podman login", login.status.success(), &said(&login));
    let wrong = podman(&["login", "--tls-verify=false", "-u", "x", "-p", "kw_reg_wrong", &host])?;
    checks.check(
        "podman login with a wrong key",
        !wrong.status.success() && said(&wrong).contains("invalid username/password"),
        &said(&wrong),
    );
    let login = podman(&["login", "--tls-verify=false", "-u", "ci", "-p", &depot.push, &host])?;
    checks.check("podman login again", login.status.success(), &said(&login));
    let (image, copy) = (format!("{host}/acme/app:2.0"), format!("{host}/acme/podman:1"));
    for args in [
        &["pull", "--tls-verify=false", &image][..],
        &["tag", &image, &copy],
        &["push", "--tls-verify=false", &copy],
    ] {
        let done = podman(args)?;
        checks.check(&format!("podman {}", args[0]), done.status.success(), &said(&done));
    }
    Ok(())
}

/// skopeo, on plain HTTP.
pub(crate) fn skopeo(args: &[&str]) -> Result<Output> {
    Command::new("skopeo").args(["--insecure-policy"]).args(args).output().context("running skopeo")
}

/// Pulls with a key or a license's token into a folder of that name.
pub(crate) fn pull(depot: &Depot, folder: &Path, name: &str, key: &str) -> Result<Output> {
    let to = folder.join("pulled");
    let _ = std::fs::remove_dir_all(&to);
    let creds = format!("customer:{key}");
    let to = format!("dir:{}", to.display());
    skopeo(&["copy", "--all", "--src-tls-verify=false", "--src-creds", &creds, &depot.name(name), &to])
}
