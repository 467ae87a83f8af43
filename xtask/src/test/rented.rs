//! The RunPod account that the browser tests import as an engine: a simulated one, because no test needs one that costs money.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use localplane::{Ports, files};
use serde_json::json;

/// The only key that it takes.
const KEY: &str = "rpa_of_the_browser_tests";

/// An account that is open until it is dropped.
pub struct Rented {
    port: u16,
    simulator: Child,
}

impl Rented {
    /// Starts it with its log in `dir`. Nobody asks it before the platform is ready.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(program: &Path, dir: &Path) -> Result<Self> {
        let port = Ports::open(dir)?.get("runpod-sim", Ipv4Addr::LOCALHOST.into())?;
        let settings = dir.join("runpod-sim.json");
        files::write_private(&settings, json!({"quota": null, "api_keys": [KEY]}).to_string().as_bytes())?;
        let path = dir.join("runpod-sim.log");
        let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut command = Command::new(program);
        command.args(["--listen", &format!("{}:{port}", Ipv4Addr::LOCALHOST)]).arg("--settings").arg(settings);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let simulator = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { port, simulator })
    }

    /// Address of its API.
    pub fn url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// What the tests find in their environment: where it is, and what opens it.
    pub fn environment(&self) -> [(String, String); 2] {
        [("REMOTEGPU_TEST_RUNPOD_URL".to_owned(), self.url()), ("REMOTEGPU_TEST_RUNPOD_KEY".to_owned(), KEY.to_owned())]
    }
}

impl Drop for Rented {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.simulator.kill();
        let _ = self.simulator.wait();
    }
}
