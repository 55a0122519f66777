//! Checks an export line by line, as docs/audit.md says. It holds one line at a time.

use std::collections::BTreeMap;
use std::io::BufRead;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_token::{AuditCheckpoint, Keyring, VerifyError};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How the file came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The server has exported it whole.
    Export,
    /// A sink has collected it: lines may come again, checkpoints come when they are signed, and the end is not signed yet.
    Collected {
        /// Lines of other organizations are passed over, if one is named.
        organization: Option<String>,
    },
}

/// What is proven.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proven {
    pub organization: String,
    /// The number of the first event that was still kept.
    pub first: u64,
    pub last: u64,
    pub hash: String,
    pub signed_at: i64,
    /// How many checkpoints were verified.
    pub checkpoints: u64,
    /// And how many are of keys that are not known.
    pub unknown_keys: u64,
    /// How many values are no longer told.
    pub forgotten: u64,
    /// How many lines came again.
    pub repeated: u64,
    /// How many events at the end are not signed yet.
    pub unsigned: u64,
}

/// The first thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: &'static str,
    pub line: u64,
    pub detail: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Event { event: Value, hash: String, disclosed: BTreeMap<String, (String, Value)> },
    Checkpoint { checkpoint: String },
}

/// How far the check has come.
struct Check<'k> {
    keys: &'k Keyring,
    line: u64,
    /// The number and hash of the last event, once there was one or a checkpoint.
    at: Option<(u64, String)>,
    /// The number of the first event.
    first: Option<u64>,
    /// The first line that told a number.
    began: u64,
    organization: Option<String>,
    /// The line after the last checkpoint that was verified.
    unproven: u64,
    /// The last line, if it was a checkpoint.
    signed: Option<AuditCheckpoint>,
    checkpoints: u64,
    unknown_keys: u64,
    forgotten: u64,
    source: Source,
    /// The hashes of what a sink has collected, from the first number that was told on.
    collected: Vec<String>,
    repeated: u64,
}

/// Checks all lines.
///
/// # Errors
/// When the file can't be read.
pub(super) fn check(
    mut file: impl BufRead,
    keys: &Keyring,
    source: Source,
) -> std::io::Result<Result<Proven, Fault>> {
    let mut check = Check {
        keys,
        line: 0,
        at: None,
        first: None,
        began: 0,
        organization: None,
        unproven: 1,
        signed: None,
        checkpoints: 0,
        unknown_keys: 0,
        forgotten: 0,
        source,
        collected: Vec::new(),
        repeated: 0,
    };
    let mut text = Vec::new();
    while file.read_until(b'\n', &mut text)? > 0 {
        check.line += 1;
        let checked = match serde_json::from_slice(&text) {
            Ok(Line::Event { event, hash, disclosed }) => check.event(&event, hash, &disclosed),
            Ok(Line::Checkpoint { checkpoint }) => check.checkpoint(&checkpoint),
            Err(_) => Err(check.fault("unreadable", "is neither an event nor a checkpoint".to_owned())),
        };
        match checked {
            Ok(()) => {}
            Err(Fault { code: "missing", line, .. }) if check.comes_later(&mut file)? => {
                let due = check.due();
                let detail = format!("another event stands where event {due} belongs, which comes later");
                return Ok(Err(Fault { code: "swapped", line, detail }));
            }
            Err(fault) => return Ok(Err(fault)),
        }
        text.clear();
    }
    Ok(check.end())
}

impl Check<'_> {
    fn event(
        &mut self,
        event: &Value,
        hash: String,
        disclosed: &BTreeMap<String, (String, Value)>,
    ) -> Result<(), Fault> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        if self.is_of_another(text("organization")) {
            return Ok(());
        }
        let line = self.line;
        let altered = |what: &str| Fault { code: "altered", line, detail: what.to_owned() };
        let seq =
            event.get("seq").and_then(Value::as_u64).ok_or_else(|| altered("the event has no number"))?;
        if seq == 0 {
            return Err(altered("the event has no number"));
        }
        let (last, before) =
            self.at.clone().unwrap_or_else(|| (seq.saturating_sub(1), text("prev").to_owned()));
        let due = last.saturating_add(1);
        if let Some(known) = self.collected(seq).filter(|_| seq < due) {
            if *known != hash || sha256(event) != hash {
                return Err(altered("the event is not what was collected before under its number"));
            }
            self.repeated += 1;
            return self.discloses(event, disclosed).map(drop);
        }
        if seq > due {
            return Err(self.fault("missing", format!("event {due} is missing before event {seq}")));
        }
        if seq < due {
            let detail = format!("event {seq} stands behind event {last}");
            // What belongs before all that was read shows that the first line is not the first.
            let line = if self.first.is_none_or(|first| seq < first) { self.began } else { self.line };
            return Err(Fault { code: "swapped", line: line.max(1), detail });
        }
        if sha256(event) != hash {
            return Err(altered("the event does not have this hash"));
        }
        if text("prev") != before {
            let line = self.line.saturating_sub(1).max(1);
            let detail =
                format!("line {line} is not what line {} follows: one of them was altered", self.line);
            return Err(Fault { code: "altered", line, detail });
        }
        self.belongs(text("organization"))?;
        self.forgotten += self.discloses(event, disclosed)?;
        self.first.get_or_insert(seq);
        self.begin();
        self.reach(seq, hash);
        match self.source {
            Source::Export => self.signed = None,
            Source::Collected { .. } => {}
        }
        Ok(())
    }

    /// Checks what is disclosed of an event. Gives how much of it was forgotten.
    fn discloses(&self, event: &Value, disclosed: &BTreeMap<String, (String, Value)>) -> Result<u64, Fault> {
        let commitments = event.get("commitments").and_then(Value::as_object);
        let commitments =
            commitments.ok_or_else(|| self.fault("altered", "the event has no commitments".to_owned()))?;
        for (path, (salt, value)) in disclosed {
            let committed = commitments.get(path).and_then(Value::as_str);
            if committed != Some(sha256(&json!([salt, path, value])).as_str()) {
                return Err(self.fault("altered", format!("{path} is not what was committed to")));
            }
        }
        Ok(commitments.keys().filter(|path| !disclosed.contains_key(*path)).count() as u64)
    }

    /// Whether a line is of an organization that is not asked for.
    fn is_of_another(&self, organization: &str) -> bool {
        match &self.source {
            Source::Collected { organization: Some(wanted) } => wanted != organization,
            Source::Collected { organization: None } | Source::Export => false,
        }
    }

    /// Notes the number that a line tells, and its hash.
    fn reach(&mut self, seq: u64, hash: String) {
        match self.source {
            Source::Export => {}
            Source::Collected { .. } => self.collected.push(hash.clone()),
        }
        self.at = Some((seq, hash));
    }

    /// The hash under which a sink has collected a number.
    fn collected(&self, seq: u64) -> Option<&String> {
        let (last, _) = self.at.as_ref()?;
        let back = usize::try_from(last.checked_sub(seq)?).ok()?;
        self.collected.get(self.collected.len().checked_sub(back + 1)?)
    }

    fn checkpoint(&mut self, token: &str) -> Result<(), Fault> {
        let checkpoint = match AuditCheckpoint::verify(token, self.keys) {
            Ok((checkpoint, _)) => checkpoint,
            // What follows proves it, if that is of a known key.
            Err(VerifyError::UnknownKey { .. }) => {
                self.unknown_keys += 1;
                return Ok(());
            }
            Err(error) => return Err(self.fault("altered", format!("the checkpoint is refused: {error}"))),
        };
        if self.is_of_another(&checkpoint.organization) {
            return Ok(());
        }
        self.belongs(&checkpoint.organization)?;
        let hash = URL_SAFE_NO_PAD.encode(checkpoint.hash);
        if let Some(known) = self.collected(checkpoint.seq) {
            if *known != hash {
                let detail = format!("what line {} signs is not what was collected", self.line);
                return Err(Fault { code: "altered", line: self.unproven, detail });
            }
            self.sign(checkpoint);
            return Ok(());
        }
        match &self.at {
            Some((seq, _)) if *seq < checkpoint.seq => {
                let due = seq + 1;
                return Err(self.fault("missing", format!("event {due} is missing before this checkpoint")));
            }
            Some((seq, _)) if *seq > checkpoint.seq => {
                return Err(
                    self.fault("swapped", format!("this checkpoint belongs behind event {}", checkpoint.seq))
                );
            }
            Some((_, at)) if *at != hash => {
                let detail = format!(
                    "what line {} signs is not what lines {} to {} hold",
                    self.line,
                    self.unproven,
                    self.line - 1
                );
                return Err(Fault { code: "altered", line: self.unproven, detail });
            }
            Some(_) => {}
            None => self.reach(checkpoint.seq, hash),
        }
        self.begin();
        self.sign(checkpoint);
        Ok(())
    }

    /// Notes what a checkpoint proves.
    fn sign(&mut self, checkpoint: AuditCheckpoint) {
        self.checkpoints += 1;
        // A sink may get one late.
        if self.signed.as_ref().is_none_or(|signed| signed.seq <= checkpoint.seq) {
            self.unproven = self.line + 1;
            self.signed = Some(checkpoint);
        }
    }

    fn begin(&mut self) {
        if self.began == 0 {
            self.began = self.line;
        }
    }

    /// All lines are of one organization.
    fn belongs(&mut self, organization: &str) -> Result<(), Fault> {
        match &self.organization {
            Some(known) if known != organization => {
                Err(self.fault("altered", "the line is of another organization".to_owned()))
            }
            Some(_) => Ok(()),
            None => {
                self.organization = Some(organization.to_owned());
                Ok(())
            }
        }
    }

    fn due(&self) -> u64 {
        self.at.as_ref().map_or(1, |(seq, _)| seq.saturating_add(1))
    }

    /// Whether the event that is missing here comes in a later line.
    fn comes_later(&self, file: &mut impl BufRead) -> std::io::Result<bool> {
        let mut text = Vec::new();
        while file.read_until(b'\n', &mut text)? > 0 {
            if let Ok(Line::Event { event, .. }) = serde_json::from_slice(&text)
                && event.get("seq").and_then(Value::as_u64) == Some(self.due())
            {
                return Ok(true);
            }
            text.clear();
        }
        Ok(false)
    }

    fn end(self) -> Result<Proven, Fault> {
        let Some(last) = &self.signed else {
            let detail = match self.unknown_keys {
                0 => "the export has no checkpoint at its end: what follows is missing",
                _ => "the export has no checkpoint of a known key at its end",
            };
            return Err(Fault { code: "missing", line: self.line + 1, detail: detail.to_owned() });
        };
        let first = self.first.unwrap_or(last.seq + 1);
        if self.source == Source::Export && first != last.first {
            let detail =
                format!("event {} is missing before the first line: the server still had it", last.first);
            return Err(Fault { code: "missing", line: 1, detail });
        }
        Ok(Proven {
            organization: last.organization.clone(),
            first,
            last: last.seq,
            hash: URL_SAFE_NO_PAD.encode(last.hash),
            signed_at: last.issued_at.as_i64(),
            checkpoints: self.checkpoints,
            unknown_keys: self.unknown_keys,
            forgotten: self.forgotten,
            repeated: self.repeated,
            unsigned: self.at.map_or(0, |(seq, _)| seq.saturating_sub(last.seq)),
        })
    }

    fn fault(&self, code: &'static str, detail: String) -> Fault {
        Fault { code, line: self.line, detail }
    }
}

/// SHA-256 over the canonical form of RFC 8785, in base64url.
fn sha256(value: &Value) -> String {
    let text = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use keyward_token::{SecretKey, Signer, UnixSeconds};

    use super::*;

    fn signer() -> Signer {
        Signer::new(SecretKey::from_seed([7; 32]))
    }

    fn keys() -> Keyring {
        let mut keys = Keyring::new();
        keys.insert(signer().public_key().clone()).unwrap();
        keys
    }

    fn event(seq: u64, prev: &str, name: &str) -> (String, String) {
        let salt = format!("salt {seq}");
        let event = json!({
            "action": "customer.created", "seq": seq, "prev": prev, "organization": "o",
            "commitments": {"detail.name": sha256(&json!([salt, "detail.name", name]))},
        });
        let hash = sha256(&event);
        let line = json!({"event": event, "hash": hash, "disclosed": {"detail.name": [salt, name]}});
        (line.to_string(), hash)
    }

    fn checkpoint(first: u64, seq: u64, hash: &str) -> String {
        let hash = URL_SAFE_NO_PAD.decode(hash).unwrap().try_into().unwrap();
        let (issuer, organization) = ("https://k".to_owned(), "o".to_owned());
        let issued_at = UnixSeconds::new(1_767_225_600);
        let signed = AuditCheckpoint { issuer, organization, issued_at, first, seq, hash };
        json!({"checkpoint": signed.sign(&signer()).unwrap()}).to_string()
    }

    /// Five events, signed after the third and the last.
    fn export() -> Vec<String> {
        let (mut lines, mut prev) = (Vec::new(), URL_SAFE_NO_PAD.encode([0; 32]));
        for seq in 1..=5 {
            let (line, hash) = event(seq, &prev, "Ada");
            lines.push(line);
            if seq == 3 || seq == 5 {
                lines.push(checkpoint(1, seq, &hash));
            }
            prev = hash;
        }
        lines
    }

    fn checked(lines: &[String]) -> Result<Proven, Fault> {
        check(lines.join("\n").as_bytes(), &keys(), Source::Export).unwrap()
    }

    fn fault(lines: &[String]) -> (&'static str, u64) {
        checked(lines).map_err(|fault| (fault.code, fault.line)).unwrap_err()
    }

    #[test]
    fn what_is_whole_is_proven() {
        let proven = checked(&export()).unwrap();
        assert_eq!((proven.first, proven.last, proven.checkpoints, proven.forgotten), (1, 5, 2, 0));
        let zeros = URL_SAFE_NO_PAD.encode([0; 32]);
        assert_eq!(checked(&[checkpoint(1, 0, &zeros)]).unwrap().last, 0);
    }

    #[test]
    fn each_line_that_is_removed_is_named() {
        let lines = export();
        for gone in 0..lines.len() {
            let mut left = lines.clone();
            left.remove(gone);
            let found = checked(&left);
            match gone {
                // Of a checkpoint in between others tell the same.
                3 => assert!(found.is_ok()),
                0 => assert_eq!(found.unwrap_err().line, 1),
                _ => assert_eq!((found.unwrap_err().code, gone), ("missing", gone), "{gone}"),
            }
            if ![0, 3].contains(&gone) {
                assert_eq!(fault(&left).1, gone as u64 + 1, "the line where it is missing");
            }
        }
        assert_eq!(fault(&[]), ("missing", 1));
    }

    #[test]
    fn each_line_that_is_edited_is_named() {
        let lines = export();
        for (place, line) in lines.iter().enumerate() {
            if line.contains("checkpoint") {
                continue;
            }
            for edited in [
                line.replace("\"Ada\"", "\"Bob\""),
                line.replace("customer.created", "customer.deleted"),
                line.replace("\"hash\":\"", "\"hash\":\"A"),
            ] {
                let mut all = lines.clone();
                all[place] = edited;
                assert_eq!(fault(&all), ("altered", place as u64 + 1));
            }
        }
        // Made anew with a fitting hash, and so are all that follow: the signature does not fit.
        let mut all = lines.clone();
        let zeros = URL_SAFE_NO_PAD.encode([0; 32]);
        let (first, hash) = event(1, &zeros, "Bob");
        all[0] = first;
        assert_eq!(fault(&all), ("altered", 1));
        let (second, hash) = event(2, &hash, "Ada");
        all[1] = second;
        all[2] = event(3, &hash, "Ada").0;
        assert_eq!(fault(&all), ("altered", 1));
    }

    #[test]
    fn lines_that_changed_places_are_named() {
        let lines = export();
        for (one, other) in [(0, 1), (1, 2), (2, 4), (0, 5)] {
            let mut swapped = lines.clone();
            swapped.swap(one, other);
            let (code, line) = fault(&swapped);
            assert_eq!(line, one as u64 + 1, "{one} {other}");
            assert!(code == "swapped" || one == 0, "{code}");
        }
        let mut twice = lines.clone();
        twice.insert(1, lines[0].clone());
        assert_eq!(fault(&twice), ("swapped", 2));
    }

    #[test]
    fn what_is_forgotten_is_told_and_no_fault() {
        let mut lines = export();
        let mut line: Value = serde_json::from_str(&lines[1]).unwrap();
        line["disclosed"] = json!({});
        lines[1] = line.to_string();
        assert_eq!(checked(&lines).unwrap().forgotten, 1);
    }

    #[test]
    fn what_was_cut_off_is_what_the_server_says() {
        let lines = export();
        let hash = serde_json::from_str::<Value>(&lines[5]).unwrap()["hash"].as_str().unwrap().to_owned();
        let mut cut = lines[3..6].to_vec();
        cut.push(checkpoint(4, 5, &hash));
        assert_eq!(checked(&cut).unwrap().first, 4);
        let cut = lines[3..].to_vec();
        assert_eq!(fault(&cut), ("missing", 1), "the server still had them");
    }

    fn collected(lines: &[String]) -> Result<Proven, Fault> {
        let source = Source::Collected { organization: Some("o".to_owned()) };
        check(lines.join("\n").as_bytes(), &keys(), source).unwrap()
    }

    #[test]
    fn what_a_sink_has_collected_may_repeat_itself_and_is_signed_late() {
        let lines = export();
        // Sent again from the second event on, as after a connection that broke off; the checkpoint of the third comes late.
        let order = [0, 1, 2, 4, 1, 2, 3, 4, 5, 6];
        let sent: Vec<_> = order.iter().map(|place| lines[*place].clone()).collect();
        let proven = collected(&sent).unwrap();
        assert_eq!((proven.first, proven.last, proven.repeated, proven.unsigned), (1, 5, 3, 0));
        assert_eq!(checked(&sent).map_err(|fault| fault.code), Err("swapped"), "it is no export");
        let unsigned = collected(&sent[..8]).unwrap();
        assert_eq!((unsigned.last, unsigned.unsigned), (3, 1));
        // A repeated line that was edited, and one that is missing.
        let mut edited = sent.clone();
        edited[4] = edited[4].replace("\"Ada\"", "\"Bob\"");
        assert_eq!(collected(&edited).map_err(|fault| (fault.code, fault.line)), Err(("altered", 5)));
        let mut missing = sent.clone();
        missing.drain(1..=1);
        missing.drain(3..=4);
        assert_eq!(collected(&missing).map_err(|fault| fault.line), Err(2));
        // Other organizations' lines are passed over where one is named.
        let foreign = lines[0].replace("\"organization\":\"o\"", "\"organization\":\"p\"");
        let mixed: Vec<_> = std::iter::once(foreign).chain(sent).collect();
        assert_eq!(collected(&mixed).unwrap().last, 5);
    }
}
