//! The parts of the deploy form that are one line each: references to Secrets and ConfigMaps, labels, mounts.
//!
//! Text instead of rows of fields: it works without JavaScript and is pasted from elsewhere.

use std::collections::BTreeMap;

use domain::FieldError;
use domain::config_map::ConfigMapView;
use domain::deployment::{EnvFrom, Mount, MountKind, SourceKind};
use domain::secret::{PULL, SecretView};

/// What a line of references looks like.
pub const REFERENCE_HINT: &str =
    "NAME=secret/database/PASSWORD for one key, configmap/settings for all keys, one a line.";
/// What a line of mounts looks like.
pub const MOUNT_HINT: &str = "/data=emptydir, /cache=memory, /etc/app=configmap/settings, /keys=secret/database.";

/// Reads `NAME=secret/database/PASSWORD` and `configmap/settings`.
pub fn references(text: &str, wrong: &mut Vec<FieldError>) -> Vec<EnvFrom> {
    let read = |line: &str| {
        let (variable, source) = match line.split_once('=') {
            Some((variable, source)) => (Some(variable.trim().to_owned()), source),
            None => (None, line),
        };
        let mut parts = source.trim().split('/');
        let kind = match parts.next()? {
            "secret" => SourceKind::Secret,
            "configmap" => SourceKind::ConfigMap,
            _ => return None,
        };
        let name = parts.next().filter(|name| !name.is_empty())?.to_owned();
        let key = parts.next().map(ToOwned::to_owned);
        let whole = parts.next().is_none() && !(variable.is_some() && key.is_none());
        whole.then_some(EnvFrom { kind, name, key, variable })
    };
    each(text, "env_from", "Write NAME=secret/name/key or configmap/name, one a line", wrong, read)
}

/// Reads `/path=emptydir` and `/path=secret/name`.
pub fn mounts(text: &str, wrong: &mut Vec<FieldError>) -> Vec<Mount> {
    let read = |line: &str| {
        let (path, source) = line.split_once('=')?;
        let (kind, name) = match source.trim().split_once('/') {
            Some(("secret", name)) => (MountKind::Secret, Some(name)),
            Some(("configmap", name)) => (MountKind::ConfigMap, Some(name)),
            None if source.trim() == "emptydir" => (MountKind::EmptyDir, None),
            None if source.trim() == "memory" => (MountKind::Memory, None),
            _ => return None,
        };
        Some(Mount { path: path.trim().to_owned(), kind, name: name.map(ToOwned::to_owned) })
    };
    each(text, "mounts", "Write /path=emptydir, memory, configmap/name or secret/name, one a line", wrong, read)
}

/// Reads `key=value`.
pub fn labels(text: &str, wrong: &mut Vec<FieldError>) -> BTreeMap<String, String> {
    let read = |line: &str| {
        let (key, value) = line.split_once('=')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    each(text, "labels", "Write key=value, one a line", wrong, read).into_iter().collect()
}

/// The lines that a form can offer, and the pull secrets.
pub fn offers(secrets: &[SecretView], maps: &[ConfigMapView]) -> (Vec<String>, Vec<String>) {
    let (pulls, values): (Vec<_>, Vec<_>) = secrets.iter().partition(|secret| secret.kind == PULL);
    let of_secrets = values.iter().flat_map(|secret| lines("secret", &secret.name, secret.keys.iter().map(|k| &k.key)));
    let maps = maps.iter().filter(|map| !map.is_kubernetes_own());
    let of_maps = maps.flat_map(|map| lines("configmap", &map.name, map.keys.iter().map(|k| &k.key)));
    (of_secrets.chain(of_maps).collect(), pulls.into_iter().map(|secret| secret.name.clone()).collect())
}

/// The line for everything, then one for each key; its variable is called as people would.
fn lines<'a>(kind: &'a str, name: &'a str, keys: impl Iterator<Item = &'a String>) -> Vec<String> {
    let variable = |key: &str| {
        let legal = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name: String = key.chars().map(legal).collect();
        if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
    };
    let one = |key: &String| format!("{}={kind}/{name}/{key}", variable(key));
    std::iter::once(format!("{kind}/{name}")).chain(keys.map(one)).collect()
}

fn each<T>(
    text: &str,
    field: &str,
    sentence: &str,
    wrong: &mut Vec<FieldError>,
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let mut readable = |line: &str| {
        let one = read(line);
        if one.is_none() {
            wrong.push(FieldError::new(field, "format", sentence));
        }
        one
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).filter_map(&mut readable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::config_map::KeySize;

    #[test]
    fn one_key_or_all_keys_are_read() {
        let mut wrong = Vec::new();
        let read =
            references("DB=secret/database/PASSWORD\r\nsecret/database/tls.crt\nconfigmap/settings\n", &mut wrong);
        let from = |kind, name: &str, key: Option<&str>, variable: Option<&str>| EnvFrom {
            kind,
            name: name.into(),
            key: key.map(Into::into),
            variable: variable.map(Into::into),
        };
        let expected = [
            from(SourceKind::Secret, "database", Some("PASSWORD"), Some("DB")),
            from(SourceKind::Secret, "database", Some("tls.crt"), None),
            from(SourceKind::ConfigMap, "settings", None, None),
        ];
        assert_eq!(read, expected);
        assert!(wrong.is_empty());
        for odd in ["A=secret/database", "secret", "secret/", "pod/x", "secret/a/b/c"] {
            assert!(references(odd, &mut wrong).is_empty(), "{odd}");
        }
        assert_eq!(wrong.len(), 5);
    }

    #[test]
    fn mounts_and_labels_are_read() {
        let mut wrong = Vec::new();
        let read = mounts("/data=emptydir\n/etc/app = configmap/settings", &mut wrong);
        assert_eq!(
            read[1],
            Mount { path: "/etc/app".into(), kind: MountKind::ConfigMap, name: Some("settings".into()) }
        );
        assert_eq!(read[0].kind, MountKind::EmptyDir);
        assert_eq!(labels("team=ml\nexample.com/a=", &mut wrong).len(), 2);
        assert!(wrong.is_empty());
        assert!(mounts("/data=hostpath/x", &mut wrong).is_empty() && labels("oops", &mut wrong).is_empty());
        assert_eq!(wrong.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["mounts", "labels"]);
    }

    #[test]
    fn what_is_offered_can_be_read_again() {
        let key = |key: &str| KeySize { key: key.into(), bytes: 1 };
        let secret = |name: &str, kind: &str, keys: Vec<KeySize>| SecretView {
            name: name.into(),
            kind: kind.into(),
            keys,
            ..SecretView::default()
        };
        let secrets = [secret("database", "Opaque", vec![key("api-key")]), secret("registry", PULL, vec![key("x")])];
        let own = ConfigMapView { name: "kube-root-ca.crt".into(), ..ConfigMapView::default() };
        let (offers, pulls) = offers(&secrets, &[own]);
        assert_eq!(offers, ["secret/database", "API_KEY=secret/database/api-key"]);
        assert_eq!(pulls, ["registry"]);
        let mut wrong = Vec::new();
        assert_eq!(references(&offers.join("\n"), &mut wrong).len(), 2);
        assert!(wrong.is_empty());
    }
}
