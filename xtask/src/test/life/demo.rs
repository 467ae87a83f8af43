//! A pod under a SKU of the account that `up --demo-runpod` simulates: it runs on one rented instance, whose id stands on it,
//! and when it is deleted nothing at the account costs anything any more.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use localplane::{files, wait};
use serde_json::{Value, json};

use super::Life;
use super::pod::Pod;
use crate::up::http;

const NAME: &str = "rented";
/// The simulated account runs images of this name for ever.
const IMAGE: &str = "--image=nvidia/cuda:11.7.1-base-ubuntu22.04";
const UNDER_A_SKU: &str = "--labels=remotegpu.ai/sku-code=rented";
const KNOWN: Duration = Duration::from_secs(60);
/// How long kubectl waits for a state of the pod.
const LIMIT: &str = "--timeout=120s";

/// Sells what the account rents, and orders one of it, beside `pod`, for a while.
///
/// # Errors
/// When the pod does not run, is not what is paid for, or leaves something behind.
pub(super) fn comes_and_goes(life: &Life<'_>, env: &BTreeMap<String, String>, pod: &Pod) -> Result<()> {
    let file = life.data.join("rented-sku.json");
    files::write_private(&file, sku().to_string().as_bytes())?;
    life.kubectl(env, &["create", "--filename", &file.display().to_string()])?;
    let run = ["run", NAME, IMAGE, UNDER_A_SKU];
    wait::until("the webhook to know the new SKU", KNOWN, life.stop, || {
        let dry = [run.as_slice(), &["--dry-run=server"]].concat();
        Ok(pod.kubectl(life, env, &dry).is_ok().then_some(()))
    })?;
    ensure!(billed(life)?.is_empty(), "a pod that was not made costs something");

    pod.kubectl(life, env, &run)?;
    pod.kubectl(life, env, &["wait", "pod", NAME, "--for=condition=Ready", LIMIT])?;
    let id = wait::until("the instance's id on the pod", KNOWN, life.stop, || {
        let id = ["get", "pod", NAME, r"--output=jsonpath={.metadata.annotations.runpod\.io/pod-id}"];
        Ok(Some(pod.kubectl(life, env, &id)?).filter(|id| !id.is_empty()))
    })?;
    let place = pod.kubectl(life, env, &["get", "pod", NAME, "--output=jsonpath={.spec.nodeName} {.status.phase}"])?;
    ensure!(place == "virtual-runpod Running", "it is {place}");
    let paid = billed(life)?;
    ensure!(paid.len() == 1 && paid[0]["id"] == id.as_str(), "for the instance {id} this is paid: {paid:?}");

    pod.kubectl(life, env, &["delete", "pod", NAME, LIMIT])?;
    let ledger = report(life)?;
    let left = paid_now(&ledger);
    ensure!(left.is_empty() && ledger["rate_micros"] == 0, "with the pod gone this is still paid: {left:?}");
    ensure!(ledger["registries"] == json!([]), "credentials are left at the account: {}", ledger["registries"]);
    ensure!(ledger["violations"] == json!([]), "the account broke its own schema: {}", ledger["violations"]);
    let spent = ledger["spent_micros"].as_i64().unwrap_or_default();
    ensure!(spent > 0, "a pod that ran has cost nothing");
    Ok(())
}

fn sku() -> Value {
    let tolerations = json!([{"key": "virtual-kubelet.io/provider", "operator": "Exists", "effect": "NoSchedule"}]);
    json!({"apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": {"name": NAME}, "spec": {
        "title": "1 GPU, rented",
        "gpu": {"model": "any", "count": 1, "memoryGiB": 16, "resource": "nvidia.com/gpu"},
        "resources": {"cpu": "4", "memory": "16Gi"},
        "price": {"perHour": "0.500000", "currency": "EUR"},
        "placement": {"engines": ["runpod"], "tolerations": tolerations}}})
}

/// What the account says of itself.
fn report(life: &Life<'_>) -> Result<Value> {
    let path = life.data.join("ports.json");
    let text = std::fs::read(&path).with_context(|| format!("no {}", path.display()))?;
    let ports: Value = serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let port = ports["runpod-sim"].as_u64().and_then(|port| u16::try_from(port).ok());
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.context("the simulated account has no port")?);
    let answer = http::get(address, "/control/report")?;
    ensure!(answer.status == 200, "the simulated account answers with {}", answer.status);
    serde_json::from_str(&answer.body).with_context(|| format!("not JSON: {}", answer.body))
}

fn billed(life: &Life<'_>) -> Result<Vec<Value>> {
    report(life).map(|ledger| paid_now(&ledger))
}

/// The instances that cost something.
fn paid_now(ledger: &Value) -> Vec<Value> {
    ledger["pods"].as_array().into_iter().flatten().filter(|one| one["billed"] == true).cloned().collect()
}
