//! The environment that variables of a Compose file are filled in from: its names, and the file `.env` of a version.

use crate::Refusal;

/// Names that say to Compose, the engine or the system itself what to do.
const RESERVED: [&str; 12] = [
    "PATH",
    "HOME",
    "PWD",
    "SHELL",
    "USER",
    "IFS",
    "ENV",
    "TMPDIR",
    "NO_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "BASH_ENV",
];

/// What such names begin with.
const RESERVED_STARTS: [&str; 10] = [
    "DOCKER_",
    "COMPOSE_",
    "KEYWARD_",
    "LD_",
    "BUILDKIT_",
    "BUILDX_",
    "PODMAN_",
    "CONTAINER_",
    "CONTAINERS_",
    "PYTHON",
];

/// Whether a value may have this name.
pub fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
    starts && name.len() <= 100 && name.chars().all(known) && !is_reserved(name)
}

/// Whether a name says to Compose, the engine or the system itself what to do, in capital letters or not.
pub fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    RESERVED.contains(&name.as_str()) || RESERVED_STARTS.iter().any(|start| name.starts_with(start))
}

/// What is refused of a version's `.env`: that it says to Compose itself what to do.
pub fn check_file(name: &str, text: &str) -> Vec<Refusal> {
    let mut found = Vec::new();
    // A carriage return alone ends a line for some readers.
    let lines =
        text.lines().enumerate().flat_map(|(index, line)| line.split('\r').map(move |line| (index, line)));
    for (index, line) in lines {
        let line = line.trim_start_matches('\u{feff}').trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let defined = line.split(['=', ':']).next().unwrap_or_default().trim();
        let defined = defined.trim_matches(['"', '\'']);
        if !line.starts_with('#') && is_reserved(defined) && found.len() < 100 {
            let message = format!("may not define {defined:.100}");
            found.push(Refusal { path: format!("{name} line {}", index + 1), message });
        }
    }
    found
}

/// A variable that a text asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Its name.
    pub name: &'a str,
    /// What follows the name within braces, such as `:-default`; empty without.
    pub operand: &'a str,
}

/// The variables that a text asks for, each as often as it does: `$NAME` and `${NAME…}`, those within others too.
pub fn asked(text: &str) -> Vec<Asked<'_>> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find('$') {
        rest = &rest[start + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            // A dollar sign that stands for itself.
            rest = after;
            continue;
        }
        if let Some((braced, name, after)) = named(rest) {
            let operand = if braced { after.split('}').next().unwrap_or_default() } else { "" };
            found.push(Asked { name, operand });
            rest = after;
        }
    }
    found
}

/// A text with each variable filled in that a value is known for, or that says itself what stands in its place: `${NAME:-this}`. Any other
/// stays as it is written, and so does one within another. `None` if that has more than so many bytes.
pub fn filled<'v>(text: &str, most: usize, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
    let (mut made, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find('$') {
        made.push_str(&rest[..start]);
        let from = &rest[start..];
        let length = match variable(from) {
            Some((Asked { name, operand }, length)) => {
                let default = || operand.strip_prefix(":-").or_else(|| operand.strip_prefix('-'));
                let value = value(name).filter(|value| !(value.is_empty() && operand.starts_with(":-")));
                let known = if operand.contains(['$', '+']) { None } else { value.or_else(default) };
                made.push_str(known.unwrap_or(&from[..length]));
                length
            }
            // A dollar sign that stands for itself, or for nothing.
            None => {
                let length = if from.starts_with("$$") { 2 } else { 1 };
                made.push_str(&from[..length]);
                length
            }
        };
        rest = &from[length..];
        if made.len() + rest.len() > most {
            return None;
        }
    }
    Some(made + rest)
}

/// The variable that a text begins with, and how long it is written: `$NAME` or `${NAME…}`.
fn variable(text: &str) -> Option<(Asked<'_>, usize)> {
    let (braced, name, after) = named(text.strip_prefix('$')?)?;
    let (operand, rest) = if braced { after.split_once('}')? } else { ("", after) };
    Some((Asked { name, operand }, text.len() - rest.len()))
}

/// The name after a dollar sign, whether it stands in braces, and what follows it.
fn named(text: &str) -> Option<(bool, &str, &str)> {
    let (braced, inside) = match text.strip_prefix('{') {
        Some(inside) => (true, inside),
        None => (false, text),
    };
    let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inside.len());
    let (name, after) = inside.split_at(end);
    (!name.is_empty()).then_some((braced, name, after))
}

/// A variable that a text demands, and what it says where it is not set: `${NAME:?why}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// Its name.
    pub name: String,
    /// Whether an empty value is none.
    pub filled: bool,
    /// Why, as the file says; may be empty.
    pub message: String,
}

/// The variables that a text demands.
pub fn required(text: &str) -> Vec<Required> {
    let mut found: Vec<Required> = Vec::new();
    for Asked { name, operand } in asked(text) {
        let (filled, message) = match (operand.strip_prefix(":?"), operand.strip_prefix('?')) {
            (Some(message), _) => (true, message),
            (None, Some(message)) => (false, message),
            (None, None) => continue,
        };
        let message = message.split(['\n', '"']).next().unwrap_or_default().trim();
        if found.iter().all(|known| known.name != name) {
            found.push(Required { name: name.to_owned(), filled, message: message.to_owned() });
        }
    }
    found
}

/// The names that a version's `.env` defines, each with whether it has a value.
pub fn defined(text: &str) -> Vec<(String, bool)> {
    let names = text.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let (name, value) = line.split_once(['=', ':'])?;
        (!line.starts_with('#'))
            .then(|| (name.trim().to_owned(), !value.trim().trim_matches(['"', '\'']).is_empty()))
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_others_obey_are_refused() {
        for name in ["PORT", "_x", "a1", "LICENSE_KEY"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "1A",
            "A-B",
            "PATH",
            "Path",
            "COMPOSE_FILE",
            "DOCKER_HOST",
            "LD_PRELOAD",
            "A=B",
            "PYTHONPATH",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn an_environment_file_may_not_speak_to_compose() {
        let text = "# COMPOSE_FILE=x\nA=1\nexport COMPOSE_FILE=/etc/passwd\n DOCKER_HOST = tcp://x\nB=COMPOSE_FILE=2\n\"LD_PRELOAD\"=x\n";
        let found: Vec<_> = check_file(".env", text).into_iter().map(|refusal| refusal.path).collect();
        assert_eq!(found, [".env line 3", ".env line 4", ".env line 6"]);
        assert_eq!(check_file(".env", "A=1\rCOMPOSE_FILE=x\r\nB=1").len(), 1);
    }

    #[test]
    fn variables_are_found() {
        let found: Vec<_> =
            asked("${A:-${B}} $C $$D $ ${E?x} $A").iter().map(|one| (one.name, one.operand)).collect();
        assert_eq!(found, [("A", ":-${B"), ("B", ""), ("C", ""), ("E", "?x"), ("A", "")]);
    }

    #[test]
    fn what_is_known_is_filled_in() {
        let known = |name: &str| (name == "A").then_some("1");
        for (text, made) in [
            ("127.0.0.1:${A}:$A", "127.0.0.1:1:1"),
            ("${A:-2} ${B:-2} ${B-3} ${B:-}", "1 2 3 "),
            ("${A:?set it} ${B:?set it} $B", "1 ${B:?set it} $B"),
            ("${B:-${A}} ${A:+x} $$A $ ${ ${}", "${B:-${A}} ${A:+x} $$A $ ${ ${}"),
        ] {
            assert_eq!(filled(text, 100, known).as_deref(), Some(made));
        }
        assert_eq!(filled("${B:-} ${B:-2}", 100, |_| Some("")).as_deref(), Some(" 2"));
        let long = "x".repeat(1_000);
        assert_eq!(filled(&"$A".repeat(1_000_000), 2_000_000, |_| Some(&long)), None, "and no memory");
    }

    #[test]
    fn what_is_demanded_is_found() {
        let found = required("a: ${A:?set A}\nb: ${B?}\nc: ${C:-x} $$ ${$D:?} ${A:?again} $${E:?x}");
        let found: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.filled, one.message.as_str())).collect();
        assert_eq!(found, [("A", true, "set A"), ("B", false, "")]);
        assert_eq!(defined("A=1\n#B=2\nexport C=\n"), [("A".to_owned(), true), ("C".to_owned(), false)]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\PC$\n{}=:?]{0,80}") {
            let _ = (check_file("a", &text), asked(&text), is_name(&text), required(&text), defined(&text));
            prop_assert!(text.contains('-') || filled(&text, 1_000, |_| None).as_deref() == Some(&*text));
        }
    }
}
