//! Whether commands in pods come through: a pod of the smallest image there is, one command in it over WebSocket, and the
//! pod is gone again. Only where somebody ticked it: it is all that a check ever makes over there.
//!
//! It runs in a task of its own, which takes the pod away also when the check around it is over. The pod has one name, so
//! that there is never more than one, and an end of its own in case the console is killed in between.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::engine::settings::OnPremise;
use domain::engine::{Credentials, Row};
use domain::engine_manifest::NAMESPACE;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use kube::client::UpgradeConnectionError;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::Look;
use super::connect::CALL;
use super::http::{Api, Silence};
use crate::kubernetes::{Access, Login};

const ROW: &str = "exec";
const POD: &str = "remotegpu-exec-probe";
/// Of Kubernetes itself: most nodes have it already.
const IMAGE: &str = "registry.k8s.io/pause:3.10";
const COMMAND: [&str; 2] = ["/pause", "-v"];
/// Length of one more argument, which it ignores: SkyPilot sends whole scripts in the address of the call.
const LONG: usize = 30_000;
/// Time for a node to start it.
const START: Duration = Duration::from_secs(8);
/// Between two looks at whether it has.
const AGAIN: Duration = Duration::from_millis(250);
/// The other checks have had their time; the page waits 30 s for all.
const WHOLE: Duration = Duration::from_secs(14);

/// Tries one command in a probe pod, at the address that was checked.
pub(super) async fn try_out(at: &OnPremise, address: IpAddr, credentials: &Credentials, look: &mut Look) {
    let Some(login) = Login::of(credentials.clone()) else { return };
    let addresses = [SocketAddr::new(address, at.api_url.port)];
    let api = match Api::new(&at.api_url, &addresses, at.ca_pem.as_deref(), credentials) {
        Ok(api) => api,
        Err(why) => return look.fail(ROW, why),
    };
    let (server, ca) = (at.api_url.to_string(), at.ca_pem.clone());
    let access = Access::Values { server, address: Some(address), ca, login };
    let namespace = at.namespaces.first().map_or(NAMESPACE, String::as_str).to_owned();
    let probe = tokio::spawn(async move { in_a_pod(&api, &access, &namespace).await });
    let row = match timeout(WHOLE, probe).await {
        Ok(Ok(row)) => row,
        Ok(Err(_)) => Row::fail(ROW, "The probe of commands in pods broke down"),
        Err(_) => Row::warn(ROW, "The probe pod took too long; it is taken away"),
    };
    look.add(row);
}

/// Everything but the command itself goes by the calls of the other checks, which read no more than a little: who imports
/// an engine chooses what answers there.
async fn in_a_pod(api: &Api, access: &Access, namespace: &str) -> Row {
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    let one = format!("{pods}/{POD}");
    // Of a console that was killed in the middle.
    remove(api, &one).await;
    match api.post(&pods, &pod()).await {
        Ok(made) if made.ok() => {}
        Ok(made) => return refused(made.status, "The probe pod was not accepted"),
        Err(Silence::Timeout) => return Row::warn(ROW, "The API server did not answer for the probe pod"),
        Err(_) => return Row::fail(ROW, "The probe pod was not accepted"),
    }
    let row = match timeout(START, until_it_runs(api, &one)).await {
        Ok(()) => command(access, namespace).await,
        Err(_) => Row::warn(ROW, "The probe pod did not start in 8 s: no node takes it, or its image cannot be pulled"),
    };
    remove(api, &one).await;
    row
}

async fn until_it_runs(api: &Api, pod: &str) {
    while !api.get(pod).await.is_ok_and(|seen| seen.body["status"]["phase"] == "Running") {
        sleep(AGAIN).await;
    }
}

/// Its output does not matter: that it was started and that its end was told means that nothing cuts the way.
async fn command(access: &Access, namespace: &str) -> Row {
    let Ok((client, _)) = access.connect().await else {
        return Row::fail(ROW, "The connection for commands cannot be set up");
    };
    let pods: kube::Api<Pod> = kube::Api::namespaced(client, namespace);
    let params = AttachParams { stdin: false, stdout: true, stderr: true, tty: false, ..AttachParams::default() };
    let words: Vec<String> = COMMAND.map(str::to_owned).into_iter().chain(["x".repeat(LONG)]).collect();
    let mut process = match timeout(CALL, pods.exec(POD, words, &params)).await {
        Ok(Ok(process)) => process,
        Ok(Err(error)) => return refused(status_of(&error), "Proxy refuses WebSocket upgrade"),
        Err(_) => return Row::fail(ROW, "Proxy holds back the WebSocket upgrade"),
    };
    let Some(end) = process.take_status() else { return Row::fail(ROW, "The connection for commands was cut") };
    match timeout(CALL, end).await {
        Ok(Some(end)) if ran(&end) => Row::pass(ROW, "A command ran in a probe pod, over WebSocket"),
        Ok(Some(_)) => Row::fail(ROW, "The node of the probe pod runs no command in it"),
        Ok(None) | Err(_) => Row::fail(ROW, "The connection for commands was cut"),
    }
}

/// It ended in some way of its own; everything else was said by what stands in between.
fn ran(end: &Status) -> bool {
    end.status.as_deref() == Some("Success") || end.reason.as_deref() == Some("NonZeroExitCode")
}

fn refused(status: u16, otherwise: &'static str) -> Row {
    match status {
        403 => Row::fail(ROW, "The identity may not make a probe pod, or no command in it"),
        414 | 431 => Row::warn(ROW, "A proxy in between takes no command of 30 KB, as SkyPilot sends them"),
        _ => Row::fail(ROW, otherwise),
    }
}

/// HTTP status of what was answered instead of an upgrade; 0 where nothing was.
fn status_of(error: &kube::Error) -> u16 {
    match error {
        kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) => status.as_u16(),
        kube::Error::Api(status) => status.code,
        _ => 0,
    }
}

/// Nobody waits for what does not come: it ends by itself.
async fn remove(api: &Api, pod: &str) {
    let at_once = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
    let _gone = api.delete(pod, &at_once).await;
}

fn pod() -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": POD, "labels": {"app.kubernetes.io/managed-by": "remotegpu"}},
        "spec": {
            "restartPolicy": "Never", "activeDeadlineSeconds": 60, "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false, "enableServiceLinks": false,
            // GPU nodes are usually tainted, and some clusters have no others.
            "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65535, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "pause", "image": IMAGE, "imagePullPolicy": "IfNotPresent",
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use domain::engine::report::RowStatus;

    use super::*;

    #[test]
    fn a_proxy_that_takes_short_addresses_only_is_a_warning() {
        let (warn, fail) = (RowStatus::Warn, RowStatus::Fail);
        for (status, wanted) in [(414, warn), (431, warn), (403, fail), (502, fail)] {
            assert_eq!(refused(status, "otherwise").status, wanted, "{status}");
        }
    }

    #[test]
    fn the_probe_pod_is_one_that_restricted_namespaces_admit_and_ends_by_itself() {
        let pod: Pod = serde_json::from_value(pod()).unwrap();
        let spec = pod.spec.unwrap();
        assert_eq!((spec.active_deadline_seconds, spec.automount_service_account_token), (Some(60), Some(false)));
        let (all, own) = (spec.security_context.unwrap(), spec.containers[0].security_context.clone().unwrap());
        assert_eq!((all.run_as_non_root, own.allow_privilege_escalation), (Some(true), Some(false)));
        assert_eq!(own.capabilities.unwrap().drop, Some(vec!["ALL".to_owned()]));
    }
}
