//! A YAML text as a tree of bounded size: aliases followed, `<<` merged, and refused where two readers of YAML could differ.
//!
//! Compose reads the same text with another parser (of YAML 1.1 or 1.2, in Python or in Go), and what is allowed is decided by
//! what is read here. So whatever those parsers could understand in another way is no document at all.

use std::collections::{HashMap, HashSet};
use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use crate::env;

/// What stands at one place of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Nothing, or `null`.
    Null,
    /// A text, a number or a truth value, as it is written.
    Scalar(String),
    /// Several, in order.
    Sequence(Vec<Node>),
    /// Several, each by its key, in the order of the text; those merged in by `<<` come last.
    Mapping(Vec<(String, Node)>),
}

impl Node {
    /// What a mapping has under a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[(String, Node)] {
        match self {
            Self::Mapping(entries) => entries,
            Self::Null | Self::Scalar(_) | Self::Sequence(_) => &[],
        }
    }

    /// The parts of a sequence; none of anything else.
    pub fn items(&self) -> &[Node] {
        match self {
            Self::Sequence(items) => items,
            Self::Null | Self::Scalar(_) | Self::Mapping(_) => &[],
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(text) => Some(text),
            Self::Null | Self::Sequence(_) | Self::Mapping(_) => None,
        }
    }

    /// The text of a mapping's entry.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Whether it is a truth value that is true, as YAML 1.1 or 1.2 writes one.
    pub fn is_true(&self) -> bool {
        self.text().is_some_and(|text| {
            ["true", "yes", "on", "y", "t", "1"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
        })
    }

    /// How much of a document's bound it takes.
    fn weight(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Scalar(text) => 1 + text.len(),
            Self::Sequence(items) => 1 + items.iter().map(Self::weight).sum::<usize>(),
            Self::Mapping(entries) => {
                1 + entries.iter().map(|(key, node)| 1 + key.len() + node.weight()).sum::<usize>()
            }
        }
    }
}

/// A Compose file, or what Compose has made of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    root: Node,
}

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is too long.
    #[error("the file has more than {} KiB", Document::MOST_BYTES / 1024)]
    TooLong,
    /// It would be too large with its aliases followed.
    #[error("the file is too large once its aliases are followed (line {line})")]
    TooLarge {
        /// Where that is noticed.
        line: usize,
    },
    /// It is nested too deeply.
    #[error("the file is nested deeper than {} (line {line})", Document::MOST_DEPTH)]
    TooDeep {
        /// Where.
        line: usize,
    },
    /// It is not YAML, or not such that every program reads the same in it.
    #[error("{what} (line {line})")]
    Unclear {
        /// What is wrong.
        what: &'static str,
        /// Where.
        line: usize,
    },
    /// It is not JSON.
    #[error("the text is not JSON")]
    NotJson,
}

impl Document {
    /// The most bytes of a text.
    pub const MOST_BYTES: usize = 512 * 1024;
    /// The deepest nesting.
    pub const MOST_DEPTH: usize = 64;
    /// The most bytes and nodes of the tree.
    pub const MOST_WEIGHT: usize = 4 * 1024 * 1024;

    /// Reads YAML.
    ///
    /// # Errors
    /// If it is not exactly one mapping, passes a bound, or could be read in two ways.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        if text.len() > Self::MOST_BYTES {
            return Err(ReadError::TooLong);
        }
        check_characters(text)?;
        Builder::default().read(text)
    }

    /// Reads the JSON that Compose writes.
    ///
    /// # Errors
    /// If it is no JSON object or passes a bound.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        if text.len() > Self::MOST_WEIGHT {
            return Err(ReadError::TooLong);
        }
        let value: serde_json::Value = serde_json::from_str(text).map_err(|_| ReadError::NotJson)?;
        let root = from_json(value);
        if matches!(root, Node::Mapping(_)) { Ok(Self { root }) } else { Err(ReadError::NotJson) }
    }

    /// The same with variables filled in that a value is known for, or a default, in values and not in keys: a preview of what Compose makes of it.
    /// Where that would grow beyond [`MOST_WEIGHT`](Self::MOST_WEIGHT), the rest stays as it is.
    #[must_use]
    pub fn filled<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Self {
        Self { root: fill(&self.root, &value, &mut { Self::MOST_WEIGHT }) }
    }

    /// The mapping that it is.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Its services by name.
    pub fn services(&self) -> &[(String, Node)] {
        self.root.get("services").map_or(&[], Node::entries)
    }
}

fn fill<'v>(node: &Node, value: &impl Fn(&str) -> Option<&'v str>, room: &mut usize) -> Node {
    match node {
        Node::Null => Node::Null,
        Node::Scalar(text) => {
            let made = env::filled(text, *room, value).unwrap_or_else(|| text.clone());
            *room = room.saturating_sub(made.len());
            Node::Scalar(made)
        }
        Node::Sequence(items) => Node::Sequence(items.iter().map(|item| fill(item, value, room)).collect()),
        Node::Mapping(entries) => {
            let entries = entries.iter().map(|(key, node)| (key.clone(), fill(node, value, room)));
            Node::Mapping(entries.collect())
        }
    }
}

/// Nothing nests deeper than `serde_json` allows, which is 128.
fn from_json(value: serde_json::Value) -> Node {
    match value {
        serde_json::Value::Null => Node::Null,
        serde_json::Value::Bool(truth) => Node::Scalar(truth.to_string()),
        serde_json::Value::Number(number) => Node::Scalar(number.to_string()),
        serde_json::Value::String(text) => Node::Scalar(text),
        serde_json::Value::Array(items) => Node::Sequence(items.into_iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => {
            Node::Mapping(entries.into_iter().map(|(key, value)| (key, from_json(value))).collect())
        }
    }
}

/// Characters that are line breaks or nothing to one version of YAML, and text to the other, and directives, which change what
/// tags mean.
fn check_characters(text: &str) -> Result<(), ReadError> {
    for (index, line) in text.split('\n').enumerate() {
        let unclear = |what| Err(ReadError::Unclear { what, line: index + 1 });
        if line.starts_with('%') {
            return unclear("a YAML directive is not allowed");
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        let strange = |c: char| {
            (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}')
        };
        if line.chars().any(strange) {
            return unclear("a control character or an unusual line break is not allowed");
        }
    }
    Ok(())
}

/// A mapping or sequence that is being read.
struct Level {
    anchor: usize,
    kind: LevelKind,
}

enum LevelKind {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<(String, Node)>,
        names: HashSet<String>,
        merged: Option<Node>,
        /// The key whose value comes next.
        key: Option<Key>,
    },
}

impl LevelKind {
    fn mapping() -> Self {
        Self::Mapping { entries: Vec::new(), names: HashSet::new(), merged: None, key: None }
    }
}

enum Key {
    Name(String),
    Merge,
}

#[derive(Default)]
struct Builder {
    levels: Vec<Level>,
    /// What an alias stands for, and its weight.
    anchors: HashMap<usize, (Node, usize)>,
    weight: usize,
    root: Option<Node>,
    line: usize,
}

impl Builder {
    fn read(mut self, text: &str) -> Result<Document, ReadError> {
        let mut documents = 0;
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| ReadError::Unclear {
                what: "the file is not YAML",
                line: error.marker().line(),
            })?;
            self.line = span.start.line();
            match event {
                Event::DocumentStart(_) => documents += 1,
                Event::MappingStart(anchor, tag) => {
                    self.check_tag(tag.as_deref(), "map")?;
                    self.open(anchor, LevelKind::mapping())?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.check_tag(tag.as_deref(), "seq")?;
                    self.open(anchor, LevelKind::Sequence(Vec::new()))?;
                }
                Event::MappingEnd | Event::SequenceEnd => self.close()?,
                Event::Scalar(text, style, anchor, tag) => {
                    self.scalar(text.into_owned(), style, anchor, tag.as_deref())?;
                }
                Event::Alias(anchor) => self.alias(anchor)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        if documents > 1 {
            return Err(self.unclear("the file has more than one YAML document"));
        }
        match self.root.take() {
            Some(root @ Node::Mapping(_)) => Ok(Document { root }),
            Some(_) | None => Err(self.unclear("the file must be a YAML mapping")),
        }
    }

    fn unclear(&self, what: &'static str) -> ReadError {
        ReadError::Unclear { what, line: self.line }
    }

    /// Tags of the core schema say what is so anyway; any other one means something to one reader and nothing to the next.
    fn check_tag(&self, tag: Option<&Tag>, kind: &str) -> Result<(), ReadError> {
        let fits = |tag: &Tag| {
            let scalar = ["str", "int", "float", "bool", "null"].contains(&tag.suffix.as_str());
            tag.is_yaml_core_schema() && (tag.suffix == kind || (kind == "scalar" && scalar))
        };
        if tag.is_none_or(fits) { Ok(()) } else { Err(self.unclear("a YAML tag is not allowed")) }
    }

    fn take(&mut self, weight: usize) -> Result<(), ReadError> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > Document::MOST_WEIGHT {
            return Err(ReadError::TooLarge { line: self.line });
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, kind: LevelKind) -> Result<(), ReadError> {
        self.take(1)?;
        if matches!(self.levels.last(), Some(Level { kind: LevelKind::Mapping { key: None, .. }, .. })) {
            return Err(self.unclear("the key of a mapping must be a text"));
        }
        if self.levels.len() >= Document::MOST_DEPTH {
            return Err(ReadError::TooDeep { line: self.line });
        }
        self.levels.push(Level { anchor, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<(), ReadError> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let node = match level.kind {
            LevelKind::Sequence(items) => Node::Sequence(items),
            LevelKind::Mapping { entries, names, merged, key: _ } => {
                Node::Mapping(self.merge(entries, names, merged)?)
            }
        };
        self.value(node, level.anchor)
    }

    fn scalar(
        &mut self,
        text: String,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), ReadError> {
        self.check_tag(tag, "scalar")?;
        self.take(1 + text.len())?;
        if let Some(Level { kind: LevelKind::Mapping { names, merged, key: key @ None, .. }, .. }) =
            self.levels.last_mut()
        {
            let merge = text == "<<";
            let twice = if merge { merged.is_some() } else { !names.insert(text.clone()) };
            let odd = anchor != 0 || tag.is_some() || (merge && style != ScalarStyle::Plain);
            *key = Some(if merge { Key::Merge } else { Key::Name(text) });
            if twice {
                return Err(self.unclear("the same key stands twice in a mapping"));
            }
            if odd {
                return Err(self.unclear("an anchor, a tag or quotes are not allowed at this key"));
            }
            return Ok(());
        }
        let null = style == ScalarStyle::Plain
            && tag.is_none()
            && ["", "~", "null", "Null", "NULL"].contains(&text.as_str());
        self.value(if null { Node::Null } else { Node::Scalar(text) }, anchor)
    }

    fn alias(&mut self, anchor: usize) -> Result<(), ReadError> {
        if matches!(self.levels.last(), Some(Level { kind: LevelKind::Mapping { key: None, .. }, .. })) {
            return Err(self.unclear("the key of a mapping must be a text"));
        }
        let weight = self.anchors.get(&anchor).map(|(_, weight)| *weight);
        let weight = weight.ok_or_else(|| self.unclear("an alias stands inside what it stands for"))?;
        self.take(weight)?;
        let node = self.anchors.get(&anchor).map_or(Node::Null, |(node, _)| node.clone());
        if self.levels.len() + depth(&node) > Document::MOST_DEPTH {
            return Err(ReadError::TooDeep { line: self.line });
        }
        self.value(node, 0)
    }

    /// Puts what was read where it belongs.
    fn value(&mut self, node: Node, anchor: usize) -> Result<(), ReadError> {
        if anchor != 0 {
            let weight = node.weight();
            self.take(weight)?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        match self.levels.last_mut().map(|level| &mut level.kind) {
            None => self.root = Some(node),
            Some(LevelKind::Sequence(items)) => items.push(node),
            Some(LevelKind::Mapping { entries, merged, key, .. }) => match key.take() {
                Some(Key::Name(name)) => entries.push((name, node)),
                Some(Key::Merge) => *merged = Some(node),
                None => return Err(self.unclear("the key of a mapping must be a text")),
            },
        }
        Ok(())
    }

    /// The entries with those of `<<` that it has not itself; of several mappings the first counts.
    fn merge(
        &self,
        mut entries: Vec<(String, Node)>,
        mut names: HashSet<String>,
        merged: Option<Node>,
    ) -> Result<Vec<(String, Node)>, ReadError> {
        let sources = match merged {
            None => return Ok(entries),
            Some(Node::Sequence(sources)) => sources,
            Some(source) => vec![source],
        };
        for source in sources {
            let Node::Mapping(source) = source else {
                return Err(self.unclear("what is merged by << must be a mapping"));
            };
            for (key, node) in source {
                if names.insert(key.clone()) {
                    entries.push((key, node));
                }
            }
        }
        Ok(entries)
    }
}

fn depth(node: &Node) -> usize {
    match node {
        Node::Null | Node::Scalar(_) => 0,
        Node::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Node::Mapping(entries) => 1 + entries.iter().map(|(_, node)| depth(node)).max().unwrap_or(0),
    }
}

/// A place in a document, such as `services.app.ports[0]`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
