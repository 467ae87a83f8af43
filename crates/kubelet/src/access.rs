//! Which pods may speak to the API server of their cluster: those whose ServiceAccount their namespace allows, in an
//! annotation that tenants cannot write. They get what Kubernetes gives a pod (token, CA, address); all others get nothing.
use std::{net::IpAddr, str::FromStr};

use axum::http::Uri;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;

use crate::{env::Problem, kubelet::Shared, refuse_volumes::is_api_access};

/// Lets pods speak to the API server of their cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAccess {
    /// Annotation of a namespace that names the ServiceAccounts, separated by commas.
    pub annotation: String,
    /// Where pods of this engine reach the API server.
    pub server: ApiServer,
}

/// An API server as pods are told of it: `https://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiServer {
    host: String,
    port: u16,
}

// === impl ApiServer ===

impl ApiServer {
    /// The variables by which clients inside a pod find their cluster.
    pub(crate) fn variables(&self) -> [(&'static str, String); 3] {
        let port = self.port.to_string();
        [
            ("KUBERNETES_SERVICE_HOST", self.host.clone()),
            ("KUBERNETES_SERVICE_PORT", port.clone()),
            ("KUBERNETES_SERVICE_PORT_HTTPS", port),
        ]
    }
}

impl FromStr for ApiServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not https://host[:port], and pods can be told nothing else");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let plain = uri.scheme_str() == Some("https") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !plain || host.is_empty() || uri.authority().is_some_and(|one| one.as_str().contains('@')) {
            return Err(wrong());
        }
        let inside = |address: IpAddr| address.is_loopback() || address.is_unspecified();
        if host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(inside) {
            return Err(format!("{text} means the pod itself to a pod: give an address that pods reach"));
        }
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(443) })
    }
}

/// The API server for a pod that may speak to it.
///
/// # Errors
/// The namespace could not be read: nothing is concluded.
pub(crate) async fn granted<'a>(shared: &'a Shared, pod: &Pod) -> Result<Option<&'a ApiServer>, Problem> {
    // An engine that holds no files could be given the address and not the token.
    let access = shared.config.api_access.as_ref().filter(|_| shared.rules.capabilities.file_volumes);
    let Some(access) = access.filter(|_| asks(pod)) else { return Ok(None) };
    let name = pod.metadata.namespace.as_deref().unwrap_or_default();
    let found = Api::<Namespace>::all(shared.client.clone()).get_metadata_opt(name).await.map_err(|error| {
        let message = format!("Whether ServiceAccounts of namespace {name} may have a token is not known: {error}");
        Problem { reason: "FailedToReadNamespace".into(), message }
    })?;
    let list = found.as_ref().and_then(|found| found.metadata.annotations.as_ref()?.get(&access.annotation));
    Ok(list.filter(|list| allows(list, pod)).map(|_| &access.server))
}

/// Whether a pod wants its token: admission has added the volume for it, and the pod itself does not say no.
fn asks(pod: &Pod) -> bool {
    let Some(spec) = pod.spec.as_ref() else { return false };
    spec.automount_service_account_token != Some(false) && spec.volumes.iter().flatten().any(is_api_access)
}

fn allows(list: &str, pod: &Pod) -> bool {
    let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or_default();
    let account = if account.is_empty() { "default" } else { account };
    list.split(',').any(|name| name.trim() == account)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(spec: Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": spec})).unwrap()
    }

    #[test]
    fn an_api_server_is_told_by_host_and_port() {
        let told = |text: &str| text.parse::<ApiServer>().map(|server| server.variables().map(|(_, value)| value));
        let port = |host: &str, port: &str| Ok([host.to_owned(), port.to_owned(), port.to_owned()]);
        assert_eq!(told("https://api.example.com"), port("api.example.com", "443"));
        assert_eq!(told("https://192.0.2.7:6443/"), port("192.0.2.7", "6443"));
        assert_eq!(told("https://[2001:db8::7]:6443"), port("2001:db8::7", "6443"));
        for odd in
            ["http://192.0.2.7", "192.0.2.7:6443", "https://host/k8s", "https://a@host", "https://", "https://h?x"]
        {
            assert!(told(odd).unwrap_err().contains("is not https://host[:port]"), "{odd}");
        }
        for own in ["https://127.0.0.1:6443", "https://localhost", "https://[::1]:6443", "https://0.0.0.0"] {
            assert!(told(own).unwrap_err().contains("means the pod itself"), "{own}");
        }
    }

    #[test]
    fn a_pod_asks_by_the_volume_that_admission_adds_unless_it_says_no() {
        let volumes = json!([{"name": "kube-api-access-x", "projected": {"sources": []}}]);
        assert!(asks(&pod(json!({"containers": [], "volumes": volumes}))));
        assert!(asks(&pod(json!({"containers": [], "volumes": volumes, "automountServiceAccountToken": true}))));
        assert!(!asks(&pod(json!({"containers": [], "volumes": volumes, "automountServiceAccountToken": false}))));
        assert!(!asks(&pod(json!({"containers": [], "automountServiceAccountToken": true}))));
    }

    #[test]
    fn only_accounts_of_the_list_are_allowed() {
        let of = |account: Value| pod(json!({"containers": [], "serviceAccountName": account}));
        assert!(allows("builder, sky-sa", &of(json!("sky-sa"))));
        assert!(!allows("builder, sky-sa", &of(json!("sky"))));
        assert!(!allows("sky-sa", &of(json!(null))) && allows("default", &of(json!(null))));
        assert!(!allows("", &of(json!(""))));
    }
}
