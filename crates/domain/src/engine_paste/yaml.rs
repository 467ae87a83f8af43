//! As much YAML as kubectl writes into kubeconfigs, and JSON: maps, lists, quoted and plain texts, literal blocks.
//! Every scalar is a text. Anchors, tags and flow collections are not read; a whole library would double the browser's
//! download.

use serde_json::{Map, Value};

const DEEPEST: usize = 12;

/// One line: how far it is indented, and its text.
type Line<'a> = (usize, &'a str);

/// The first document; none when it holds what is not read here.
pub(super) fn read(text: &str) -> Option<Value> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str::<Value>(text).ok().map(texts);
    }
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines() {
        let bare = line.trim_end();
        let content = bare.trim_start_matches(' ');
        if content.starts_with('\t') || (content == "---" && !lines.is_empty()) {
            return None;
        }
        // A comment inside of a literal block would be text; kubeconfigs have none.
        if !content.is_empty() && !content.starts_with('#') && content != "---" {
            lines.push((bare.len() - content.len(), content));
        }
    }
    let mut reader = Reader { lines, at: 0 };
    let value = reader.block(0, 0)?;
    (reader.at == reader.lines.len()).then_some(value)
}

/// JSON's other scalars as texts, like those of YAML.
fn texts(value: Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        Value::Array(items) => Value::Array(items.into_iter().map(texts).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, texts(value))).collect()),
        other => other,
    }
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
}

impl Reader<'_> {
    /// What begins at the present line, which is indented by `indent` at least.
    fn block(&mut self, indent: usize, depth: usize) -> Option<Value> {
        let (own, content) = *self.lines.get(self.at)?;
        if own < indent || depth > DEEPEST {
            return None;
        }
        if content == "-" || content.starts_with("- ") { self.list(own, depth) } else { self.map(own, depth) }
    }

    fn list(&mut self, own: usize, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        while let Some((indent, content)) = self.lines.get(self.at).copied() {
            if indent != own || !(content == "-" || content.starts_with("- ")) {
                break;
            }
            let rest = content[1..].trim_start();
            if rest.is_empty() {
                self.at += 1;
                items.push(self.block(own + 1, depth + 1)?);
            } else if key_of(rest).is_some() {
                // The first key of the item stands behind the dash: read it as a line of its own.
                self.lines[self.at] = (own + content.len() - rest.len(), rest);
                items.push(self.block(own + 1, depth + 1)?);
            } else {
                self.at += 1;
                items.push(scalar(rest)?);
            }
        }
        Some(Value::Array(items))
    }

    fn map(&mut self, own: usize, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        while let Some((indent, content)) = self.lines.get(self.at).copied() {
            if indent != own || content.starts_with("- ") {
                break;
            }
            let (key, rest) = key_of(content)?;
            self.at += 1;
            let value = match rest {
                "" => self.nested(own, depth)?,
                "|" | "|-" | "|+" => Value::String(self.literal(own)),
                other => scalar(other)?,
            };
            if map.insert(key, value).is_some() {
                return None;
            }
        }
        (!map.is_empty()).then_some(Value::Object(map))
    }

    /// What stands below a key: deeper, or a list at its own depth; else nothing.
    fn nested(&mut self, own: usize, depth: usize) -> Option<Value> {
        match self.lines.get(self.at) {
            Some((indent, _)) if *indent > own => self.block(own + 1, depth + 1),
            Some((indent, content)) if *indent == own && content.starts_with('-') => self.list(own, depth + 1),
            _ => Some(Value::Null),
        }
    }

    fn literal(&mut self, own: usize) -> String {
        let mut text = String::new();
        while let Some((_, content)) = self.lines.get(self.at).filter(|(indent, _)| *indent > own) {
            text.push_str(content);
            text.push('\n');
            self.at += 1;
        }
        text
    }
}

/// `key: rest`, the key in quotes or not.
fn key_of(content: &str) -> Option<(String, &str)> {
    let (key, rest) = match content.strip_prefix('"') {
        Some(quoted) => {
            let (key, rest) = quoted.split_once('"')?;
            (key, rest.strip_prefix(':')?)
        }
        None => {
            let end = content.find(": ").or_else(|| content.ends_with(':').then(|| content.len() - 1))?;
            (&content[..end], &content[end + 1..])
        }
    };
    let plain = !key.is_empty() && !key.contains([' ', '{', '[', '&', '*', '!', '\'', '"']);
    plain.then(|| (key.to_owned(), rest.trim_start()))
}

fn scalar(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.starts_with('"') {
        return serde_json::from_str::<String>(text).ok().map(Value::String);
    }
    if let Some(inside) = text.strip_prefix('\'') {
        return inside.strip_suffix('\'').map(|inside| Value::String(inside.replace("''", "'")));
    }
    let text = text.split(" #").next().unwrap_or(text).trim_end();
    match text {
        "{}" => Some(Value::Object(Map::new())),
        "[]" => Some(Value::Array(Vec::new())),
        "null" | "~" => Some(Value::Null),
        _ if text.starts_with(['{', '[', '&', '*', '!', '>', '|', '%', '@', '`']) => None,
        plain => Some(Value::String(plain.to_owned())),
    }
}
