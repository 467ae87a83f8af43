//! Writes a Kubernetes object as YAML for people to read and for `kubectl apply`.
//!
//! A small writer instead of a library: the browser's download stays small, and the order is the one people know.

use serde_json::{Map, Value};

/// Keys that come first, in this order; the rest follows by name.
const FIRST: [&str; 6] = ["apiVersion", "kind", "metadata", "spec", "name", "image"];

/// `value` as YAML with a final newline.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => write_map(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => write_list(&mut out, items, 0),
        scalar => {
            out.push_str(&flow(scalar));
            out.push('\n');
        }
    }
    out
}

fn write_map(out: &mut String, map: &Map<String, Value>, depth: usize) {
    let mut keys: Vec<&String> = map.keys().collect();
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    keys.sort_by(|a, b| rank(a).cmp(&rank(b)).then(a.cmp(b)));
    for (i, key) in keys.into_iter().enumerate() {
        // The first key of a list item stands behind its dash.
        if i > 0 || !out.ends_with("- ") {
            indent(out, depth);
        }
        out.push_str(&scalar_text(key));
        out.push(':');
        if let Some(value) = map.get(key) {
            write_member(out, value, depth);
        }
    }
}

fn write_member(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_map(out, map, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_list(out, items, depth);
        }
        scalar => {
            out.push(' ');
            out.push_str(&flow(scalar));
            out.push('\n');
        }
    }
}

fn write_list(out: &mut String, items: &[Value], depth: usize) {
    for item in items {
        indent(out, depth);
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => write_map(out, map, depth + 1),
            other => {
                out.push_str(&flow(other));
                out.push('\n');
            }
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    out.push_str(&"  ".repeat(depth));
}

/// One value on one line; JSON is YAML, so nested rests may stay as they are.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar_text(text),
        other => other.to_string(),
    }
}

/// Plain where every YAML reader takes it for text, quoted as in JSON otherwise (YAML 1.1 knows `yes`, `1e3`, `0x1f`).
fn scalar_text(text: &str) -> String {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    // A colon is text unless a blank or the end follows: `nginx:1.27` is, `key: value` is not.
    let colons = text.split(':').skip(1).all(|rest| !rest.is_empty());
    let legal = text.chars().all(|c| plain(c) || c == ':') && colons;
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let word = words.contains(&text.to_ascii_lowercase().as_str());
    if starts_well && legal && !word { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::deployment::{DeploymentPlan, EnvVar};

    #[test]
    fn a_deployment_reads_as_people_write_it() {
        let plan = DeploymentPlan {
            name: "demo".into(),
            sku_code: "gpu-h100-1x".into(),
            replicas: 2,
            image: "nginx:1.27-alpine".into(),
            command: vec!["sh".into(), "-c".into(), "echo hi: there".into()],
            env: vec![EnvVar { name: "MODE".into(), value: "1".into() }],
            ports: vec![80],
            ..DeploymentPlan::default()
        };
        insta::assert_snapshot!(to_yaml(&plan.manifest("team-ml-456789ab")), @r#"
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: demo
          namespace: team-ml-456789ab
        spec:
          replicas: 2
          selector:
            matchLabels:
              app: demo
          template:
            metadata:
              labels:
                app: demo
                remotegpu.ai/sku-code: gpu-h100-1x
            spec:
              containers:
              - name: app
                image: nginx:1.27-alpine
                command:
                - sh
                - "-c"
                - "echo hi: there"
                env:
                - name: MODE
                  value: "1"
                ports:
                - containerPort: 80
        "#);
    }

    #[test]
    fn what_yaml_would_misread_is_quoted() {
        for odd in ["yes", "No", "1e3", "0x1f", "", " a", "a: b", "a:", "#x", "- a", "12", "~", "a\nb"] {
            assert_eq!(to_yaml(&Value::String(odd.into())), format!("{}\n", Value::String(odd.into())), "{odd:?}");
        }
        for plain in ["team-ml", "nginx:1.27-alpine", "apps/v1", "registry.example.com:5000/a"] {
            assert_eq!(to_yaml(&Value::String(plain.into())), format!("{plain}\n"));
        }
    }
}
