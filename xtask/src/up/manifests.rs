//! Applies `deploy/`, the one source of what is in the cluster.
//! Server-side, so that a second start changes nothing and a newer checkout brings its changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use localplane::Kubectl;

const APPLY: [&str; 5] =
    ["apply", "--server-side", "--force-conflicts", "--field-manager=remotegpu-up", "--filename=-"];

/// Stands in the SKUs without a GPU for the engine that runs them.
const CPU_ENGINE: &str = "${CPU_ENGINE}";

/// The engines it can stand for: with and without containers on this machine.
pub const CPU_ENGINES: [&str; 2] = ["local", "simulated"];

/// CRDs, roles and policies; returns when the new kinds are served.
///
/// # Errors
/// When a folder holds no manifests or the cluster refuses one; kubectl's own words.
pub fn apply_base(kubectl: &Kubectl, deploy: &Path) -> Result<()> {
    let mut all = String::new();
    for folder in ["crds", "roles", "policies"] {
        all.push_str(&stream(&deploy.join(folder))?);
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
    let text = stream(&deploy.join("webhook"))?;
    apply(kubectl, &text.replace("${ADMISSION_URL}", url).replace("${ADMISSION_CA}", ca_bundle))
}

/// The SKUs that are not there yet; those without a GPU are placed on `cpu_engine`. One that is there belongs to the
/// operator, price and all. Only its place follows when containers can run here now, or no longer can.
///
/// # Errors
/// As [`apply_base`].
pub fn apply_skus(kubectl: &Kubectl, deploy: &Path, cpu_engine: &str) -> Result<()> {
    let columns = "--output=go-template={{range .items}}{{.metadata.name}} {{.spec.placement.engines}}\n{{end}}";
    let there = kubectl.run(&["get", "skus", columns])?;
    let there: BTreeMap<&str, &str> = there.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut missing = String::new();
    for (name, text) in read(&deploy.join("skus"))? {
        match there.get(name.as_str()) {
            None => missing.push_str(&text.replace(CPU_ENGINE, cpu_engine)),
            Some(engines) if text.contains(CPU_ENGINE) && is_other_place(engines, cpu_engine) => {
                let patch = format!("{{\"spec\":{{\"placement\":{{\"engines\":[\"{cpu_engine}\"]}}}}}}");
                kubectl.run(&["patch", "sku", &name, "--type=merge", "--patch", &patch])?;
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() { Ok(()) } else { apply(kubectl, &missing) }
}

/// Whether these engines, as a template prints them, are what an earlier start chose on a machine of the other kind.
fn is_other_place(engines: &str, cpu_engine: &str) -> bool {
    CPU_ENGINES.iter().any(|other| *other != cpu_engine && engines == format!("[{other}]"))
}

fn apply(kubectl: &Kubectl, text: &str) -> Result<()> {
    kubectl.feed(&APPLY, text).map(drop)
}

fn stream(folder: &Path) -> Result<String> {
    Ok(read(folder)?.into_iter().map(|(_, text)| text).collect())
}

/// All manifests of a folder in the order of their names, each as documents of one stream and with its file's name.
fn read(folder: &Path) -> Result<Vec<(String, String)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no manifests", folder.display());
    let document = |file: &PathBuf| {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, format!("---\n{text}\n")))
    };
    files.iter().map(document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_that_a_start_chose_is_changed_by_the_next() {
        assert!(is_other_place("[local]", "simulated") && is_other_place("[simulated]", "local"));
        for kept in ["[local]", "[rented]", "[local simulated]", "[]", "<no value>"] {
            assert!(!is_other_place(kept, "local"), "{kept}");
        }
    }

    #[test]
    fn each_file_of_the_skus_is_called_as_its_sku() {
        let skus = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/skus")).unwrap();
        for (name, text) in &skus {
            assert!(text.contains(&format!("\n  name: {name}\n")) && text.matches("kind: Sku").count() == 1, "{name}");
        }
    }
}
