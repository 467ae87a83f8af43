//! Puts the entries of one kubeconfig into another: everything else stays, in its order, and no name is there twice.

use anyhow::{Context as _, Result, bail};
use domain::yaml::Node;
use sha2::{Digest as _, Sha256};

use crate::yaml::parse;

const SECTIONS: [(&str, &str); 3] = [("clusters", "cluster"), ("users", "user"), ("contexts", "context")];

/// The result of a merge.
pub struct Merged {
    /// The whole file.
    pub text: String,
    /// Our context.
    pub context: String,
    /// It is the current one now.
    pub is_current: bool,
}

impl AsRef<str> for Merged {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Merges `ours` (one cluster, user and context, as the console writes it) into `theirs`. Comments do not survive, as
/// with `kubectl config`. The current context changes when asked to, or when there was none.
///
/// # Errors
/// When one of the two is no kubeconfig.
pub fn merge(theirs: &str, ours: &str, make_current: bool) -> Result<Merged> {
    let mut file = parse(theirs).context("It is no YAML")?.or_empty_map().context("It is no kubeconfig")?;
    let mut new = parse(ours).context("The console's kubeconfig is no YAML")?;
    let context = new.text("current-context").context("The console's kubeconfig has no context")?.to_owned();
    keep_apart(&file, &mut new)?;
    for (key, value) in [("apiVersion", "v1"), ("kind", "Config")] {
        if file.get(key).is_none() {
            file.set(key, Node::Text(value.to_owned()));
        }
    }
    for (section, _) in SECTIONS {
        let entries = std::mem::take(entries_of(&mut new, section)?);
        let list = entries_of(&mut file, section)?;
        entries.into_iter().try_for_each(|entry| put(list, entry))?;
    }
    let had_none = file.text("current-context").is_none_or(str::is_empty);
    if make_current || had_none {
        file.set("current-context", Node::Text(context.clone()));
    }
    let is_current = file.text("current-context") == Some(&context);
    Ok(Merged { text: file.write(), context, is_current })
}

fn entries_of<'n>(file: &'n mut Node, section: &str) -> Result<&'n mut Vec<Node>> {
    file.list_mut(section).with_context(|| format!("{section} is no list"))
}

/// In the place of the first entry of the same name; further ones go.
fn put(list: &mut Vec<Node>, entry: Node) -> Result<()> {
    let name = entry.text("name").context("An entry of the console's kubeconfig has no name")?.to_owned();
    let same = |node: &Node| node.text("name") == Some(&name);
    let place = list.iter().position(same).unwrap_or(list.len());
    list.retain(|node| !same(node));
    list.insert(place, entry);
    Ok(())
}

/// All installations call their cluster alike. If the file has that name for another API server, ours gets a name that
/// depends on its address alone, so that merging again meets it again.
fn keep_apart(file: &Node, new: &mut Node) -> Result<()> {
    let Some(ours) = new.list("clusters").first() else { bail!("The console's kubeconfig has no cluster") };
    let name = ours.text("name").context("The console's cluster has no name")?.to_owned();
    let server = ours.get("cluster").and_then(|c| c.text("server")).unwrap_or_default().to_owned();
    let is_other = |node: &Node| {
        node.text("name") == Some(&name) && node.get("cluster").and_then(|c| c.text("server")) != Some(&server)
    };
    if !file.list("clusters").iter().any(is_other) {
        return Ok(());
    }
    let hash: String = Sha256::digest(&server).iter().take(4).map(|b| format!("{b:02x}")).collect();
    let apart = format!("{name}-{hash}");
    for cluster in entries_of(new, "clusters")? {
        cluster.set("name", Node::Text(apart.clone()));
    }
    for context in entries_of(new, "contexts")? {
        if let Some(inner) = context.get_mut("context") {
            inner.set("cluster", Node::Text(apart.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = r#"apiVersion: "v1"
kind: "Config"
current-context: "remotegpu-456789ab"
clusters:
- name: "remotegpu-c1"
  cluster:
    server: "https://k8s.example.com"
contexts:
- name: "remotegpu-456789ab"
  context:
    cluster: "remotegpu-c1"
    user: "remotegpu-456789ab"
    namespace: "n-456789ab"
users:
- name: "remotegpu-456789ab"
  user:
    exec:
      command: "kubectl-remotegpu"
"#;

    const THEIRS: &str = r"# made by hand
apiVersion: v1
clusters:
- cluster:
    insecure-skip-tls-verify: yes
    server: https://other.example
    extensions: [{name: minikube, extension: {version: 1.30, last: null}}]
  name: work
contexts:
- context: {cluster: work, user: me, namespace: 'n'}
  name: work
current-context: work
kind: Config
preferences: {colors: true}
users:
- name: me
  user:
    token: '0123'
    future-field: [a, {b: c}]
x-mine:
  kept: |
    two
    lines
";

    fn merged(theirs: &str, make_current: bool) -> Merged {
        merge(theirs, OURS, make_current).unwrap()
    }

    #[test]
    fn foreign_entries_unknown_fields_and_their_order_stay() {
        let out = merged(THEIRS, false);
        assert_eq!(
            out.text,
            r#"apiVersion: "v1"
clusters:
- cluster:
    insecure-skip-tls-verify: true
    server: "https://other.example"
    extensions:
    - name: "minikube"
      extension:
        version: 1.3
        last: null
  name: "work"
- name: "remotegpu-c1"
  cluster:
    server: "https://k8s.example.com"
contexts:
- context:
    cluster: "work"
    user: "me"
    namespace: "n"
  name: "work"
- name: "remotegpu-456789ab"
  context:
    cluster: "remotegpu-c1"
    user: "remotegpu-456789ab"
    namespace: "n-456789ab"
current-context: "work"
kind: "Config"
preferences:
  colors: true
users:
- name: "me"
  user:
    token: "0123"
    future-field:
    - "a"
    - b: "c"
- name: "remotegpu-456789ab"
  user:
    exec:
      command: "kubectl-remotegpu"
x-mine:
  kept: "two\nlines\n"
"#
        );
        assert!(!out.is_current);
    }

    #[test]
    fn merging_twice_changes_nothing_more() {
        let once = merged(THEIRS, true);
        assert!(once.is_current);
        assert_eq!(merged(&once.text, true).text, once.text);
    }

    #[test]
    fn an_entry_of_the_same_name_is_replaced_in_its_place_and_never_doubled() {
        let old = "users:\n- name: remotegpu-456789ab\n  user: {token: old}\n- name: me\n- name: remotegpu-456789ab\n";
        let out = merged(old, false).text;
        assert_eq!(out.matches("remotegpu-456789ab").count(), 4, "{out}");
        assert!(!out.contains("old") && out.find("exec").unwrap() < out.find("\"me\"").unwrap(), "{out}");
    }

    #[test]
    fn two_installations_in_one_file_keep_their_clusters_apart() {
        let first = merged("", false).text;
        let second = OURS.replace("k8s.example.com", "k8s.other.example").replace("456789ab", "00000000");
        let both = merge(&first, &second, false).unwrap().text;
        assert!(both.contains("server: \"https://k8s.example.com\"") && both.contains("https://k8s.other.example"));
        let apart = both.split("name: \"").find(|part| part.starts_with("remotegpu-c1-")).unwrap();
        let apart = apart.split('"').next().unwrap();
        assert!(both.contains(&format!("cluster: \"{apart}\"")), "{both}");
        assert_eq!(merge(&both, &second, false).unwrap().text, both);
        assert_eq!(merge(&both, OURS, false).unwrap().text, both);
    }

    #[test]
    fn empty_files_and_empty_sections_are_filled() {
        for empty in ["", "# nothing\n", "{}", "clusters: null\ncontexts: []\nusers:\ncurrent-context: ''\n"] {
            let out = merged(empty, false);
            assert!(out.is_current && out.text.contains("remotegpu-c1"), "{empty:?}: {}", out.text);
        }
    }

    #[test]
    fn what_is_no_kubeconfig_is_refused() {
        for bad in ["- a", "text", "a: [", "clusters: text", "a: 1\na: 2"] {
            assert!(merge(bad, OURS, false).is_err(), "{bad:?}");
        }
    }
}
