//! Applies `deploy/`, the one source of what is in the cluster.
//! Server-side, so that a second start changes nothing and a newer checkout brings its changes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use localplane::Kubectl;

const APPLY: [&str; 5] =
    ["apply", "--server-side", "--force-conflicts", "--field-manager=remotegpu-up", "--filename=-"];

/// CRDs, roles and policies; returns when the new kinds are served.
///
/// # Errors
/// When a folder holds no manifests or the cluster refuses one; kubectl's own words.
pub fn apply_base(kubectl: &Kubectl, deploy: &Path) -> Result<()> {
    let mut all = String::new();
    for folder in ["crds", "roles", "policies"] {
        all.push_str(&read(&deploy.join(folder))?);
    }
    apply(kubectl, &all)?;
    kubectl.run(&["wait", "--for=condition=Established", "crd/skus.remotegpu.ai", "--timeout=30s"])?;
    Ok(())
}

/// The webhook's registration at `url`, trusted through `ca_bundle` (base64 of PEM).
///
/// # Errors
/// As [`apply_base`].
pub fn apply_webhook(kubectl: &Kubectl, deploy: &Path, url: &str, ca_bundle: &str) -> Result<()> {
    let text = read(&deploy.join("webhook"))?;
    apply(kubectl, &text.replace("${ADMISSION_URL}", url).replace("${ADMISSION_CA}", ca_bundle))
}

/// The SKUs; those without a GPU are placed on `cpu_engine`.
///
/// # Errors
/// As [`apply_base`].
pub fn apply_skus(kubectl: &Kubectl, deploy: &Path, cpu_engine: &str) -> Result<()> {
    apply(kubectl, &read(&deploy.join("skus"))?.replace("${CPU_ENGINE}", cpu_engine))
}

fn apply(kubectl: &Kubectl, text: &str) -> Result<()> {
    kubectl.feed(&APPLY, text).map(drop)
}

/// All manifests of a folder in the order of their names, as one stream of documents.
fn read(folder: &Path) -> Result<String> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no manifests", folder.display());
    let mut all = String::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        all.push_str("---\n");
        all.push_str(&text);
        all.push('\n');
    }
    Ok(all)
}
