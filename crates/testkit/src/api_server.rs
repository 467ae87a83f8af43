//! One more API server over the database of the run's control plane, for a test that ends it and starts it again while all
//! others go on with theirs.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::{Plane, Scratch, eventually, free_port};

/// One that runs, unless it was ended; ended when dropped.
pub struct ApiServer {
    plane: &'static Plane,
    home: Scratch,
    program: PathBuf,
    arguments: Vec<String>,
    url: String,
    process: Option<Child>,
}

impl ApiServer {
    /// Starts it as that of `plane` was started, at another port.
    pub async fn beside(plane: &'static Plane) -> Self {
        let served = plane.server();
        let (host, port) = served.rsplit_once(':').expect("an address with a port");
        let (program, mut arguments) = started_at(port);
        let own = free_port();
        arguments.retain(|argument| !argument.starts_with("--secure-port="));
        // The endpoints of the Service `kubernetes` stay those of the plane's own.
        arguments.extend([format!("--secure-port={own}"), "--endpoint-reconciler-type=none".to_owned()]);
        let url = format!("{host}:{own}");
        let mut server = Self { plane, home: Scratch::new(), program, arguments, url, process: None };
        server.start().await;
        server
    }

    /// Its address, `https://host:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts it again after [`Self::kill`], with nothing in memory, and waits until it is ready.
    pub async fn start(&mut self) {
        let log = std::fs::File::create(self.home.path().join("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(self.home.path()).stdin(Stdio::null()).kill_on_drop(true);
        let process = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("kube-apiserver starts");
        self.process = Some(process);
        eventually("the API server is ready", async || {
            let ran = self.plane.admin(&["--server", &self.url, "get", "--raw", "/readyz"]).await;
            if ran.ok { Ok(()) } else { Err(ran) }
        })
        .await;
    }

    /// Ends it at once, with every connection to it.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().await.expect("it can be ended");
    }
}

/// Program and arguments of the API server at this port.
fn started_at(port: &str) -> (PathBuf, Vec<String>) {
    let wanted = format!("--secure-port={port}");
    let processes = std::fs::read_dir("/proc").expect("Linux tells of its processes");
    let mut found = processes.filter_map(|process| {
        let line = std::fs::read(process.ok()?.path().join("cmdline")).ok()?;
        let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let mut words = words.map(|word| String::from_utf8(word.to_vec()).unwrap_or_default());
        let program = words.next().filter(|program| program.ends_with("/kube-apiserver"))?;
        let arguments: Vec<String> = words.collect();
        arguments.contains(&wanted).then(|| (PathBuf::from(program), arguments))
    });
    found.next().expect("the plane's API server runs on this machine")
}
