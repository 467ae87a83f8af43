//! A registry of images that belongs to one test: Debian's own on loopback, which gives nothing without a login, and a Podman
//! that speaks plain HTTP with this one registry. Both share the images and containers of this machine with the test run.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::{Scratch, engine_socket, eventually, free_port, image, unique};

/// The only one who may push and pull.
const USER: &str = "puller";
const PASSWORD: &str = "open sesame";
/// The same for the registry: bcrypt, at its cheapest.
const ACCOUNT: &str = "puller:$2b$04$tBrrQm5NgwRyp8ZRcjAGTOt5BjRZB5sIsUGZk7LFvt9vhNz.OA7TO\n";

/// It listens until it is dropped.
pub struct Registry {
    /// `127.0.0.1:port`.
    pub address: String,
    /// Where the Podman listens.
    pub socket: PathBuf,
    // Ended before their folder goes.
    _registry: Child,
    _podman: Child,
    home: Scratch,
}

impl Registry {
    /// User and password that it knows.
    pub const LOGIN: (&'static str, &'static str) = (USER, PASSWORD);

    /// Starts both, empty.
    pub async fn start() -> Self {
        let (home, address) = (Scratch::new(), format!("127.0.0.1:{}", free_port()));
        let accounts = home.secret("htpasswd", ACCOUNT);
        let settings = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n\
             auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
            home.path().join("images").display(),
            accounts.display()
        );
        let mut registry = Command::new("docker-registry");
        registry.arg("serve").arg(home.secret("registry.yml", &settings));
        let registry = started(registry, &home, "registry.log");
        eventually("the registry asks for a login", async || {
            let told = status(&address, &[]).await;
            if told == "401" { Ok(()) } else { Err((told, log(&home, "registry.log"))) }
        })
        .await;
        assert_eq!(status(&address, &["--user", &format!("{USER}:{PASSWORD}")]).await, "200");

        let socket = home.path().join("podman.sock");
        let plain = format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n");
        let mut podman = Command::new("podman");
        podman.args(["system", "service", "--time=0", &format!("unix://{}", socket.display())]);
        podman.env("CONTAINERS_REGISTRIES_CONF", home.secret("registries.conf", &plain)).current_dir(home.path());
        // What the Podman of the test run needs on this machine.
        let own = engine_socket().with_file_name("containers.conf");
        if own.exists() {
            podman.env("CONTAINERS_CONF", own);
        }
        let podman = started(podman, &home, "podman.log");
        eventually("podman answers", async || {
            let mut curl = Command::new("curl");
            let output = curl.args(["-sf", "--unix-socket"]).arg(&socket).arg("http://engine/_ping").output().await;
            if output.unwrap().status.success() { Ok(()) } else { Err(log(&home, "podman.log")) }
        })
        .await;
        Self { address, socket, _registry: registry, _podman: podman, home }
    }

    /// The full name of an image here.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Puts an image here that runs this script of the shell, which has no double quotes; its digest. It is not left among the
    /// images of this machine.
    pub async fn push(&self, name: &str, script: &str) -> String {
        let (local, digest) = (format!("localhost/{}:1", unique("pushed")), self.home.path().join("digest"));
        image::import(&local, script).await;
        let mut push = Command::new("podman");
        push.args(["push", "--quiet", "--tls-verify=false", "--creds", &format!("{USER}:{PASSWORD}")]);
        done(push.arg("--digestfile").arg(&digest).args([&local, &self.image(name)])).await;
        done(Command::new("podman").args(["image", "rm", &local])).await;
        std::fs::read_to_string(digest).unwrap().trim().to_owned()
    }

    /// Takes an image that was pulled from here from this machine, if nothing runs it any more.
    pub async fn forget(&self, name: &str) {
        let _gone_or_in_use = Command::new("podman").args(["image", "rm", &self.image(name)]).output().await;
    }
}

fn started(mut command: Command, home: &Scratch, log: &str) -> Child {
    let log = std::fs::File::create(home.path().join(log)).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    command.spawn().expect("docker-registry and podman are installed")
}

fn log(home: &Scratch, name: &str) -> String {
    std::fs::read_to_string(home.path().join(name)).unwrap_or_default()
}

/// The HTTP status of the registry's API.
async fn status(address: &str, more: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-s", "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}"]).args(more);
    let output = curl.arg(format!("http://{address}/v2/")).output().await.expect("curl can be run");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn done(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().await.expect("podman is installed");
    assert!(output.status.success(), "podman: {}", String::from_utf8_lossy(&output.stderr));
}
