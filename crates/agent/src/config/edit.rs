//! Changes to `agent.toml` by a person's command: only the lines that it is about. Comments, order and the rest stay as they are.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use keyward_compose::Need;
use toml_edit::{Array, DocumentMut, Item, Table, value};
use uuid::Uuid;

use super::{Config, ConfigError, text};
use crate::disk;

/// Allows a deployment what it needs; whether that was new.
///
/// # Errors
/// If the file can't be followed or written.
pub fn allow(path: &Path, deployment: Uuid, called: &str, need: &str) -> Result<bool, ConfigError> {
    if need.parse::<Need>().is_ok_and(|need| need.is_line_only()) {
        let message = format!(
            "who has {need} has this host, so no command allows it: whoever wants that writes it into `allow` below \
             [deployments.{deployment}] by hand"
        );
        return Err(ConfigError::Invalid { path: path.to_owned(), message });
    }
    change(path, |document| {
        let allowed = allowed(document, deployment, called)?;
        if allowed.iter().any(|known| known.as_str() == Some(need)) {
            return Some(false);
        }
        allowed.push(need);
        Some(true)
    })
}

/// Takes back what was allowed; whether it was.
///
/// # Errors
/// As above.
pub fn deny(path: &Path, deployment: Uuid, need: &str) -> Result<bool, ConfigError> {
    change(path, |document| {
        let table = document.get_mut("deployments").and_then(|all| all.get_mut(deployment.to_string()));
        let Some(allowed) = table.and_then(|table| table.get_mut("allow")).and_then(Item::as_array_mut)
        else {
            return Some(false);
        };
        let before = allowed.len();
        allowed.retain(|known| known.as_str() != Some(need));
        Some(allowed.len() < before)
    })
}

/// Has nothing carried out for now, or again; whether that is otherwise than before.
///
/// # Errors
/// As above.
pub fn pause(path: &Path, paused: bool) -> Result<bool, ConfigError> {
    change(path, |document| {
        let before = document.get("pause").and_then(Item::as_bool).unwrap_or(false);
        if before == paused {
            return Some(false);
        }
        match document.get_mut("pause").and_then(Item::as_value_mut) {
            // With the comment behind it.
            Some(known) => {
                let decor = known.decor().clone();
                *known = paused.into();
                *known.decor_mut() = decor;
            }
            None => document["pause"] = value(paused),
        }
        Some(true)
    })
}

/// Changes the file by what `how` does to it. `how` says whether it did anything, or that the file's form is in its way.
fn change(path: &Path, how: impl FnOnce(&mut DocumentMut) -> Option<bool>) -> Result<bool, ConfigError> {
    let before = text(path)?.unwrap_or_default();
    // A file that the agent can't follow isn't changed either.
    Config::parse(path, &before)?;
    let invalid = |message: String| ConfigError::Invalid { path: path.to_owned(), message };
    let mut document: DocumentMut =
        before.parse().map_err(|error: toml_edit::TomlError| invalid(error.to_string()))?;
    let in_the_way = "its form is not one that this command can change: please do it by hand";
    if !how(&mut document).ok_or_else(|| invalid(in_the_way.to_owned()))? {
        return Ok(false);
    }
    let after = document.to_string();
    Config::parse(path, &after)?;
    replace(path, &after).map_err(|source| ConfigError::Unwritable { path: path.to_owned(), source })?;
    Ok(true)
}

/// Its owner, group and permissions stay.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        disk::make_folder(folder)?;
    }
    let before = std::fs::metadata(path).ok();
    let mode = before.as_ref().map_or(0o600, |found| found.permissions().mode() & 0o777);
    disk::write_with_mode(path, text.as_bytes(), mode)?;
    if let Some(before) = before {
        std::os::unix::fs::chown(path, Some(before.uid()), Some(before.gid()))?;
        std::fs::set_permissions(path, before.permissions())?;
    }
    Ok(())
}

fn allowed<'a>(document: &'a mut DocumentMut, deployment: Uuid, called: &str) -> Option<&'a mut Array> {
    let begun = !document.is_empty();
    let all = document.entry("deployments").or_insert_with(|| {
        let mut all = Table::new();
        all.set_implicit(true);
        Item::Table(all)
    });
    let id = deployment.to_string();
    let table = all.as_table_like_mut()?;
    if !table.contains_key(&id) {
        let mut new = Table::new();
        let called: String = called.chars().filter(|character| !character.is_control()).collect();
        new.decor_mut().set_prefix(format!("{}# {called}\n", if begun { "\n" } else { "" }));
        table.insert(&id, Item::Table(new));
    }
    let one = table.get_mut(&id)?.as_table_like_mut()?;
    one.entry("allow").or_insert_with(|| value(Array::new())).as_array_mut()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0192_f0c1_7a00_7000_8000_0000_0000_0001);

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn only_the_line_that_it_is_about_changes() {
        let before = "# ours\npause = false # for now\n\n[deployments.0192f0c1-7a00-7000-8000-000000000001]\n# because\nallow = [\"a\"]\nrepair = true\n";
        let (_folder, path) = file(before);
        assert!(allow(&path, ID, "Shop", "cap:NET_ADMIN").unwrap());
        assert!(!allow(&path, ID, "Shop", "cap:NET_ADMIN").unwrap());
        let after = std::fs::read_to_string(&path).unwrap();
        assert_eq!(after, before.replace("[\"a\"]", "[\"a\", \"cap:NET_ADMIN\"]"));
        assert!(deny(&path, ID, "cap:NET_ADMIN").unwrap());
        assert!(!deny(&path, ID, "cap:NET_ADMIN").unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        assert!(pause(&path, true).unwrap());
        assert!(!pause(&path, true).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before.replacen("false", "true", 1));
    }

    #[test]
    fn what_hands_over_the_host_is_written_by_hand() {
        let (_folder, path) = file("");
        for need in ["bind:/:rw", "bind:/var/run/docker.sock:ro", "bind:/etc:ro"] {
            assert!(allow(&path, ID, "Shop", need).is_err(), "{need}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        // By hand it counts, and it is taken back by a command.
        std::fs::write(&path, format!("[deployments.{ID}]\nallow = [\"bind:/etc:ro\"]\n")).unwrap();
        assert!(deny(&path, ID, "bind:/etc:ro").unwrap());
    }

    #[test]
    fn a_file_that_is_not_there_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etc").join("agent.toml");
        assert!(!deny(&path, ID, "x").unwrap());
        assert!(!path.exists());
        assert!(allow(&path, ID, "Shop\n[evil]", "cap:NET_ADMIN").unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("# Shop[evil]\n[deployments.{ID}]\nallow = [\"cap:NET_ADMIN\"]\n"));
        assert!(pause(&path, true).unwrap());
        let config = Config::load(&path).unwrap();
        assert!(config.pause && config.deployment(ID).allows("cap:NET_ADMIN"));
    }

    #[test]
    fn what_cant_be_followed_is_not_changed() {
        let (_folder, path) = file("nonsense = 1\n");
        assert!(allow(&path, ID, "Shop", "x").is_err());
        assert!(pause(&path, true).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "nonsense = 1\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_allowed_and_denied_again_is_as_before(need in "[!-~]([ -~]{0,40}[!-~])?", others in proptest::collection::vec("[a-z:/]{1,20}", 0..4)) {
            let others: Vec<_> = others.into_iter().filter(|other| *other != need).collect();
            let text = format!("# note\n[deployments.{ID}]\nallow = {others:?} # why\n");
            let (_folder, path) = file(&text);
            prop_assert!(allow(&path, ID, "Shop", &need).unwrap());
            prop_assert!(Config::load(&path).unwrap().deployment(ID).allows(&need));
            prop_assert!(deny(&path, ID, &need).unwrap());
            let config = Config::load(&path).unwrap();
            prop_assert_eq!(&config.deployment(ID).allow, &others);
            let kept = std::fs::read_to_string(&path).unwrap();
            prop_assert!(kept.contains("# note") && kept.contains("# why"));
        }
    }
}
