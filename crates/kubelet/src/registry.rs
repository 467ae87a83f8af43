//! Logins of image registries, as pull secrets hold them: pure reading and matching.
//! The longest registry or repository that an image begins with wins, as in Kubernetes.
use std::{
    collections::BTreeMap,
    fmt::{self, Debug, Formatter},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;
use serde::Deserialize;

/// Where images without a registry come from, and the host under which its logins are kept.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "index.docker.io";
/// Versions of the registry's API: as the only path of a login they mean its host.
const VERSIONS: [&str; 2] = ["v1", "v2"];

/// One login of a registry.
#[derive(Clone)]
pub struct RegistryLogin {
    /// Host, or host and path, without scheme: `registry.example.com/team`.
    pub registry: String,
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: SecretString,
}

// === impl RegistryLogin ===

impl Debug for RegistryLogin {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "RegistryLogin({} at {})", self.username, self.registry)
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

/// The logins of a pull secret, new type or old; `None` if it is none or cannot be read.
pub(crate) fn logins(secret: &Secret) -> Option<Vec<RegistryLogin>> {
    let data = secret.data.as_ref()?;
    let entries = match secret.type_.as_deref() {
        Some("kubernetes.io/dockerconfigjson") => {
            serde_json::from_slice::<Config>(&data.get(".dockerconfigjson")?.0).ok()?.auths
        }
        Some("kubernetes.io/dockercfg") => serde_json::from_slice(&data.get(".dockercfg")?.0).ok()?,
        _ => return None,
    };
    Some(entries.into_iter().filter_map(|(registry, entry)| entry.login(&registry)).collect())
}

// === impl Entry ===

impl Entry {
    fn login(self, registry: &str) -> Option<RegistryLogin> {
        let registry = bare(registry).to_owned();
        if let (Some(username), Some(password)) = (self.username.filter(|name| !name.is_empty()), self.password) {
            return Some(RegistryLogin { registry, username, password: password.into() });
        }
        let decoded = STANDARD.decode(self.auth?.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (username, password) = text.split_once(':')?;
        Some(RegistryLogin { registry, username: username.to_owned(), password: password.to_owned().into() })
    }
}

fn bare(registry: &str) -> &str {
    let rest = registry.split_once("://").map_or(registry, |(_, rest)| rest);
    rest.trim_end_matches('/')
}

/// The login for an image.
pub(crate) fn login<'a>(logins: &'a [RegistryLogin], image: &str) -> Option<&'a RegistryLogin> {
    let (host, path) = place(image);
    let fits = |login: &&RegistryLogin| {
        let known = login.registry.as_str();
        let (known_host, known_path) = known.split_once('/').unwrap_or((known, ""));
        let known_host = if known_host == DOCKER_HUB_HOST { DOCKER_HUB } else { known_host };
        let known_path = if VERSIONS.contains(&known_path) { "" } else { known_path };
        let below = path
            .strip_prefix(known_path)
            .is_some_and(|rest| known_path.is_empty() || rest.starts_with(['/', ':', '@']));
        fits_host(known_host, host) && below
    };
    logins.iter().filter(fits).max_by_key(|login| login.registry.len())
}

/// `*` stands for one label of the host.
fn fits_host(pattern: &str, host: &str) -> bool {
    let (wanted, found) = (pattern.split('.'), host.split('.'));
    wanted.clone().count() == found.clone().count() && wanted.zip(found).all(|(one, other)| one == "*" || one == other)
}

/// Registry and the rest of an image's name.
fn place(image: &str) -> (&str, &str) {
    match image.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => (DOCKER_HUB, image),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    fn secret(type_: &str, key: &str, content: &serde_json::Value) -> Secret {
        let data = json!({key: STANDARD.encode(content.to_string())});
        serde_json::from_value(json!({"type": type_, "data": data})).unwrap()
    }

    fn of(registries: &[&str]) -> Vec<RegistryLogin> {
        let login = |registry: &&str| RegistryLogin {
            registry: (*registry).into(),
            username: "u".into(),
            password: String::from("p").into(),
        };
        registries.iter().map(login).collect()
    }

    #[test]
    fn both_types_of_secrets_are_read() {
        let auths = json!({"https://r.example/v1/": {"auth": STANDARD.encode("me:a:b")}, "s.example": {"username": "x", "password": "y"}});
        for secret in [
            secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &json!({"auths": auths})),
            secret("kubernetes.io/dockercfg", ".dockercfg", &auths),
        ] {
            let logins = logins(&secret).unwrap();
            let texts: Vec<_> = logins
                .iter()
                .map(|one| (one.registry.as_str(), one.username.as_str(), one.password.expose_secret()))
                .collect();
            assert_eq!(texts, [("r.example/v1", "me", "a:b"), ("s.example", "x", "y")]);
        }
        assert!(logins(&secret("Opaque", "x", &json!({}))).is_none());
        assert!(logins(&secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &json!("x"))).is_none());
    }

    #[test]
    fn the_longest_place_that_fits_is_taken() {
        let logins = of(&["r.example", "r.example/team", "*.ghcr.io", "index.docker.io/v1"]);
        let of = |image: &str| login(&logins, image).map(|login| login.registry.as_str());
        assert_eq!(of("r.example/team/web:1"), Some("r.example/team"));
        assert_eq!(of("r.example/teams/web:1"), Some("r.example"));
        assert_eq!(of("eu.ghcr.io/web"), Some("*.ghcr.io"));
        assert_eq!(of("busybox:1"), Some("index.docker.io/v1"));
        assert_eq!(of("other.example/web"), None);
    }

    #[test]
    fn the_version_of_a_registrys_api_is_no_part_of_an_image() {
        for (registry, image) in [
            ("index.docker.io/v1", "team/web:1"),
            ("index.docker.io", "docker.io/team/web"),
            ("r.example/v1", "r.example/team/web"),
            ("r.example/v2", "r.example/web@sha256:00"),
        ] {
            assert!(login(&of(&[registry]), image).is_some(), "{registry} for {image}");
        }
        assert!(login(&of(&["r.example/team/v2"]), "r.example/team/web").is_none());
    }

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", of(&["r.example"])[0]), "RegistryLogin(u at r.example)");
    }
}
