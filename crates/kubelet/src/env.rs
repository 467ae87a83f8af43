//! The environment of a container, resolved by the rules of Kubernetes: pure, with its sources given.
//! Order: `envFrom`, then `env`; `$(VAR)` expands what came before; the result is deterministic.
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVarSource, Pod};

use crate::{
    access::ApiServer,
    env_sources::{Source, SourceKind, Sources},
};

mod expand;
mod field;

use expand::expand;
use field::is_pod_ip;
pub(crate) use field::{field_value, resource_value};

/// Bytes of an environment, and of a command: Linux gives no process more of both.
const MOST_BYTES: usize = 6 << 20;

/// What the node adds to a pod's own data.
pub(crate) struct NodeValues<'a> {
    pub(crate) host_ip: &'a str,
    /// The pod's own address, where it is known before the pod starts.
    pub(crate) pod_ip: Option<&'a str>,
    /// Allocatable of the node: what an unset limit means.
    pub(crate) allocatable: &'a BTreeMap<String, String>,
    /// For a pod that may speak to the API server: where it is.
    pub(crate) api: Option<&'a ApiServer>,
}

/// Variables in order, and what is worth an event although the pod runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) warnings: Vec<Problem>,
}

/// Whether a container wants to know the pod's own address (`status.podIP`) in its environment.
#[must_use]
pub fn asks_for_pod_ip(container: &Container) -> bool {
    let mut fields = container.env.iter().flatten().filter_map(|one| one.value_from.as_ref()?.field_ref.as_ref());
    fields.any(|field| is_pod_ip(&field.field_path))
}

/// A missing or wrong source; `reason` is that of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// # Errors
/// The first mandatory source that is not there, or an environment that no process can have: the container must not be
/// created.
pub(crate) fn resolve(
    pod: &Pod,
    container: &Container,
    node: &NodeValues,
    sources: &Sources,
) -> Result<Environment, Problem> {
    let mut env = Environment::default();
    for (name, value) in node.api.iter().flat_map(|api| api.variables()) {
        env.set(name, value)?;
    }
    for from in container.env_from.iter().flatten() {
        add_all(&mut env, from, sources)?;
    }
    for one in container.env.iter().flatten() {
        let value = match (&one.value_from, &one.value) {
            (Some(from), _) => value_from(&mut env, pod, container, node, sources, from)?,
            (None, Some(value)) => {
                let value = expand(value, &env.variables, MOST_BYTES);
                Some(value.ok_or_else(|| too_large("environment"))?)
            }
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            env.set(&one.name, value)?;
        }
    }
    Ok(env)
}

/// A command, or its arguments, with the container's variables in it.
///
/// # Errors
/// More than a process can be given.
pub(crate) fn expand_all(words: &[String], variables: &[(String, String)]) -> Result<Vec<String>, Problem> {
    let mut left = MOST_BYTES;
    let expanded = words.iter().map(|word| {
        let word = expand(word, variables, left).ok_or_else(|| too_large("command"))?;
        left -= word.len();
        Ok(word)
    });
    expanded.collect()
}

fn too_large(what: &str) -> Problem {
    let message = format!("The {what} has more than {} MiB, which no process can be given", MOST_BYTES >> 20);
    Problem { reason: "UnsupportedPod".into(), message }
}

// === impl Environment ===

impl Environment {
    /// A later value replaces an earlier one and moves to the end, where the container sees it.
    fn set(&mut self, name: &str, value: String) -> Result<(), Problem> {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value));
        let bytes: usize = self.variables.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MOST_BYTES { Err(too_large("environment")) } else { Ok(()) }
    }

    fn warn(&mut self, reason: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Problem { reason: reason.into(), message: message.into() });
    }
}

fn add_all(env: &mut Environment, from: &EnvFromSource, sources: &Sources) -> Result<(), Problem> {
    let (kind, name, optional) = match (&from.config_map_ref, &from.secret_ref) {
        (Some(map), _) => (SourceKind::ConfigMap, &map.name, map.optional == Some(true)),
        (None, Some(secret)) => (SourceKind::Secret, &secret.name, secret.optional == Some(true)),
        (None, None) => return Ok(()),
    };
    let Some(data) = data_of(env, sources, kind, name, optional)? else { return Ok(()) };
    let prefix = from.prefix.as_deref().unwrap_or_default();
    let mut invalid = Vec::new();
    for (key, value) in data {
        let variable = format!("{prefix}{key}");
        if is_variable_name(&variable) {
            env.set(&variable, String::from_utf8_lossy(value).into_owned())?;
        } else {
            invalid.push(variable);
        }
    }
    if !invalid.is_empty() {
        let (keys, kind) = (invalid.join(", "), kind.name());
        env.warn(
            "InvalidEnvironmentVariableNames",
            format!("Keys [{keys}] of {kind} {name} are no variable names and were left out"),
        );
    }
    Ok(())
}

fn value_from(
    env: &mut Environment,
    pod: &Pod,
    container: &Container,
    node: &NodeValues,
    sources: &Sources,
    from: &EnvVarSource,
) -> Result<Option<String>, Problem> {
    if let Some(field) = &from.field_ref {
        return field_value(pod, node, &field.field_path).map(Some);
    }
    if let Some(resource) = &from.resource_field_ref {
        return resource_value(pod, container, node.allocatable, resource).map(Some);
    }
    let (kind, name, key, optional) = match (&from.config_map_key_ref, &from.secret_key_ref) {
        (Some(map), _) => (SourceKind::ConfigMap, &map.name, &map.key, map.optional == Some(true)),
        (None, Some(secret)) => (SourceKind::Secret, &secret.name, &secret.key, secret.optional == Some(true)),
        (None, None) => {
            let message = "This kind of valueFrom is not supported; use a ConfigMap, a Secret or a field".to_owned();
            return Err(Problem { reason: "UnsupportedPod".into(), message });
        }
    };
    let Some(data) = data_of(env, sources, kind, name, optional)? else { return Ok(None) };
    if let Some(value) = data.get(key) {
        return Ok(Some(String::from_utf8_lossy(value).into_owned()));
    }
    let message = format!("{} {name} has no key {key}", kind.name());
    missing(env, optional, &format!("{}KeyNotFound", kind.name()), message)?;
    Ok(None)
}

fn data_of<'a>(
    env: &mut Environment,
    sources: &'a Sources,
    kind: SourceKind,
    name: &str,
    optional: bool,
) -> Result<Option<&'a BTreeMap<String, Vec<u8>>>, Problem> {
    let word = kind.name();
    match sources.get(&(kind, name.to_owned())) {
        Some(Source::Found(data)) => return Ok(Some(data)),
        Some(Source::Unreadable(error)) => {
            let necessity = if optional { "Optional" } else { "Mandatory" };
            let reason = format!("FailedToRead{necessity}{word}");
            let message = format!("{word} {name} could not be read: {error}");
            // Optional means "may be absent"; one that cannot be read may well exist.
            return Err(Problem { reason, message });
        }
        Some(Source::Missing) | None => {}
    }
    missing(env, optional, &format!("{word}NotFound"), format!("{word} {name} does not exist"))?;
    Ok(None)
}

fn missing(env: &mut Environment, optional: bool, what: &str, message: String) -> Result<(), Problem> {
    if optional {
        env.warn(format!("Optional{what}"), message);
        return Ok(());
    }
    Err(Problem { reason: format!("Mandatory{what}"), message })
}

/// Kubernetes' relaxed rule: printable ASCII without `=`.
fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=')
}

#[cfg(test)]
mod tests;
