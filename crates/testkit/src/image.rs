//! A small image that exists on this machine: busybox with a shell, imported into the local container engine.
//! No registry is asked (RULINGS 48).

use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::Scratch;

/// Its name.
pub const IMAGE: &str = "localhost/remotegpu-test:1";
// Says a line each second and ends on SIGTERM, as a well-behaved program does.
const PROGRAM: &str = "trap 'exit 0' TERM; echo hello from the container; n=0; \
    while :; do n=$((n+1)); echo tick $n; sleep 1 & wait $!; done";
const APPLETS: [&str; 16] = [
    "sh", "sleep", "echo", "cat", "ls", "env", "hostname", "httpd", "tar", "head", "tr", "mkdir", "touch", "rm",
    "wget", "stat",
];

/// Makes sure that [`IMAGE`] exists, once per test process.
pub async fn local_image() -> &'static str {
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_init(|| import(IMAGE, PROGRAM)).await;
    IMAGE
}

/// Makes an image like [`IMAGE`] that runs another script of the shell, which has no double quotes.
pub(crate) async fn import(name: &str, program: &str) {
    let root = Scratch::new();
    let bin = root.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::copy("/bin/busybox", bin.join("busybox")).expect("busybox-static is installed");
    for applet in APPLETS {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
    }
    let archive = root.path().join("root.tar");
    let tar = Command::new("tar").arg("-C").arg(root.path()).arg("-cf").arg(&archive).arg("bin").status().await;
    assert!(tar.expect("tar can be run").success());
    let command = format!("CMD [\"/bin/sh\", \"-c\", \"{program}\"]");
    let mut import = Command::new("podman");
    import.args(["import", "--change", &command]).arg(&archive).arg(name).stdout(Stdio::null());
    let output = import.stderr(Stdio::piped()).output().await.expect("podman is installed");
    assert!(output.status.success(), "podman import: {}", String::from_utf8_lossy(&output.stderr));
}
