//! Lines that a page prints, typed as a person would.

use std::path::Path;
use std::process::Stdio;

use testkit::{Plane, Scratch, helm};
use tokio::process::Command;

/// Runs a line in a shell, in the repository, with our kubectl and Helm and this kubeconfig; gives what it printed.
pub async fn typed(line: &str, kubeconfig: &Path) -> String {
    let home = Scratch::new();
    let folders = [Plane::current().kubectl_program(), helm()].map(|program| program.parent().unwrap().to_owned());
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&usual))).unwrap();
    let mut command = Command::new("sh");
    // Of several lines each must go well.
    command.arg("-ec").arg(line).env("PATH", path).env("HOME", home.path()).env("KUBECONFIG", kubeconfig);
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("there is a shell");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{line}: {text}{errors}");
    text.into_owned()
}
