//! `cargo xtask chart`: renders `deploy/kubelet.yaml` from the Helm chart, for people who use no Helm.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::repo::Repo;
use crate::say::Say;

const FILE: &str = "deploy/kubelet.yaml";

/// What the published page's plain manifest has: the Secret `runpod-kubelet-secrets` in kube-system.
const ARGUMENTS: [&str; 8] = [
    "template",
    "runpod-kubelet",
    "charts/remotegpu-kubelet",
    "--namespace",
    "kube-system",
    "--set",
    "runpod.existingSecret=runpod-kubelet-secrets",
    // What Helm alone does: `kubectl apply` would run it at once.
    "--no-hooks",
];

const HEAD: &str = "# The chart charts/remotegpu-kubelet as a plain manifest, written by `cargo xtask chart`; a test compares them.\n\
    # First: kubectl create secret generic runpod-kubelet-secrets -n kube-system --from-literal=RUNPOD_API_KEY=<key>\n";

/// Writes the manifest.
///
/// # Errors
/// When Helm can be neither found nor built, or refuses the chart.
pub fn run() -> Result<()> {
    let root = Repo::find()?.root;
    std::fs::write(root.join(FILE), rendered(&root)?).with_context(|| format!("cannot write {FILE}"))?;
    Say::new().step(format!("Wrote {FILE}"));
    Ok(())
}

fn rendered(root: &Path) -> Result<String> {
    let say = Say::new();
    let helm = localplane::helm::find(&mut |line| say.step(line))?;
    let output = Command::new(helm).args(ARGUMENTS).current_dir(root).output().context("cannot start helm")?;
    if !output.status.success() {
        bail!("helm refuses the chart: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout).context("helm wrote something that is no text")?;
    Ok(format!("{HEAD}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_manifest_is_the_chart() {
        let root = Repo::find().unwrap().root;
        let found = std::fs::read_to_string(root.join(FILE)).unwrap();
        assert_eq!(found, rendered(&root).unwrap(), "`cargo xtask chart` writes it anew");
    }
}
