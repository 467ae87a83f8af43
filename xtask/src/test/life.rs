//! `up` and `down` as a person types them: this very program, on a data directory of its own, through three starts,
//! then through two on a cluster and a database that are there already. It starts what was built for the tests. The first
//! three have a simulated account at RunPod beside them.

mod demo;
mod pod;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use localplane::{Ports, Stop, process, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pod::{Pod, Session};

use super::imported::Imported;
use super::postgres::Postgres;
use crate::check::Tally;
use crate::repo::Repo;
use crate::say::Say;
use crate::shell;
use crate::up::record::{Known, Record};

const READY: Duration = Duration::from_secs(180);
const ENDED: Duration = Duration::from_secs(90);

const SKU: &str = "cpu-shared-8g";
const DEARER: &str = r#"{"spec": {"price": {"perHour": "7.000000"}}}"#;
const ANOTHER_SKU: &str = "cpu-dedicated-16g";

/// What `up` does not start itself when it is told of it.
pub struct Foreign {
    pub imported: Imported,
    pub postgres: Postgres,
}

/// Lives both lives once; each counts as one test.
///
/// # Errors
/// When it was asked to stop.
pub fn run(repo: &Repo, dir: &Path, foreign: &Foreign, say: &Say, stop: &Stop) -> Result<Tally> {
    say.step("Starting and stopping `up` itself");
    let port = Ports::open(dir)?.get("life", Ipv4Addr::LOCALHOST.into())?;
    // Not the file that runs now: the build of the tests may have put another in its place.
    let program = repo.programs(false).join("xtask");
    let (data, log) = (dir.join("life"), dir.join("life.log"));
    let mut tally = Tally::default();
    let own = Life { program: program.clone(), data, log, port, given: None, stop }.live();
    count(&mut tally, "the life of `up`", own, stop)?;
    say.step("Starting `up` on a cluster and a database that are there already");
    let (data, log) = (dir.join("elsewhere"), dir.join("elsewhere.log"));
    let elsewhere = foreign.postgres.database("life").and_then(|database| {
        let given = Some(Given { kubeconfig: foreign.imported.kubeconfig().to_owned(), database });
        Life { program, data, log, port, given, stop }.live_elsewhere()
    });
    count(&mut tally, "`up --kubeconfig --database`", elsewhere, stop)?;
    Ok(tally)
}

fn count(tally: &mut Tally, what: &str, end: Result<()>, stop: &Stop) -> Result<()> {
    match end {
        Ok(()) => tally.passed += 1,
        Err(error) if stop.requested() => return Err(error),
        Err(error) => {
            eprintln!("error: {what}: {error:#}");
            tally.failed += 1;
        }
    }
    Ok(())
}

/// What a start is given instead of what it would start.
struct Given {
    kubeconfig: PathBuf,
    database: String,
}

/// Dropping it stops what still runs.
struct Life<'a> {
    program: PathBuf,
    data: PathBuf,
    /// What a start in the foreground says.
    log: PathBuf,
    port: u16,
    given: Option<Given>,
    stop: &'a Stop,
}

impl Life<'_> {
    fn live(&self) -> Result<()> {
        let first = self.first_start()?;
        let pod = Pod::run(self, &first)?;
        demo::comes_and_goes(self, &first, &pod)?;
        self.refusals()?;
        let running = self.running()?;
        self.down()?;
        gone(&running)?;
        let left = self.second_start_killed(&first, Some(&pod))?;
        self.third_start_interrupted(&left)
    }

    /// It stops nothing that it did not start, and `down` ends what a killed start left.
    fn live_elsewhere(&self) -> Result<()> {
        let first = self.first_start()?;
        let running = self.running()?;
        let plane = |one: &Known| ["etcd", "kube-apiserver"].contains(&one.name.as_str());
        ensure!(!running.iter().any(plane), "it runs a control plane of its own: {running:?}");
        ensure!(!self.data.join("remotegpu.sqlite").exists(), "it keeps a database of its own");
        self.down()?;
        gone(&running)?;
        let left = self.second_start_killed(&first, None)?;
        self.down()?;
        gone(&left)?;
        self.kubectl(&first, &["get", "namespace", "kept"]).map(drop)
    }

    /// Left running by `--detach`; gives its `up.env`.
    fn first_start(&self) -> Result<BTreeMap<String, String>> {
        let said = shell::quiet("up --detach", self.up(&self.data).arg("--detach"))?;
        let mode = fs::metadata(self.data.join("up.env")).context("no up.env")?.permissions().mode();
        ensure!(mode & 0o777 == 0o600, "up.env has mode {mode:o}");
        let env = self.env()?;
        ensure!(said.contains(&format!("Ready at http://127.0.0.1:{}\n", self.port)), "it does not say where:\n{said}");
        ensure!(said.contains(&env["REMOTEGPU_ADMIN_PASSWORD"]), "the password is not shown:\n{said}");
        Session::sign_in(&env)?;
        self.kubectl(&env, &["create", "namespace", "kept"])?;
        // The operator's from here on.
        self.kubectl(&env, &["patch", "sku", SKU, "--type=merge", "--patch", DEARER])?;
        self.kubectl(&env, &["delete", "sku", ANOTHER_SKU])?;
        Ok(env)
    }

    /// One `up` on a data directory, one console on a port.
    fn refusals(&self) -> Result<()> {
        let again = refused(self.up(&self.data).arg("--detach"))?;
        ensure!(again.contains("RemoteGPU already runs on"), "{again}");
        let beside = refused(&mut self.up(&self.data.with_extension("beside")))?;
        ensure!(beside.contains(&format!("port {} is in use by another program", self.port)), "{beside}");
        Ok(())
    }

    /// Finds everything as it was, and is killed without a word; gives what it left running.
    fn second_start_killed(&self, first: &BTreeMap<String, String>, pod: Option<&Pod>) -> Result<Vec<Known>> {
        let mut up = self.foreground()?;
        let env = self.env()?;
        ensure!(env == *first, "up.env is another than at the first start");
        let said = fs::read_to_string(&self.log).context("no log of it")?;
        ensure!(!said.contains(&env["REMOTEGPU_ADMIN_PASSWORD"]), "the password is shown a second time");
        Session::sign_in(&env)?;
        self.kubectl(&env, &["get", "namespace", "kept"])?;
        let price = self.kubectl(&env, &["get", "sku", SKU, "--output=jsonpath={.spec.price.perHour}"])?;
        ensure!(price == "7.000000", "a start takes back the operator's price: {price}");
        self.kubectl(&env, &["get", "sku", ANOTHER_SKU]).context("a SKU that is not there is not made")?;
        if let Some(pod) = pod {
            pod.runs_again(self, &env)?;
        }
        let running = self.running()?;
        up.kill().context("cannot kill it")?;
        up.wait().context("cannot wait for its end")?;
        Ok(running)
    }

    /// Ends what the start before left, and everything of its own on Ctrl-C.
    fn third_start_interrupted(&self, left: &[Known]) -> Result<()> {
        let mut up = self.foreground()?;
        gone(left)?;
        let running = self.running()?;
        let pid = Pid::from_raw(i32::try_from(up.id()).context("no process has this number")?);
        kill(pid, Signal::SIGINT).context("cannot interrupt it")?;
        let status = wait::until("the end of `up`", ENDED, self.stop, || up.try_wait().context("cannot watch it"))?;
        ensure!(status.success(), "Ctrl-C ends it with {status}");
        gone(&running)
    }

    /// A start in the foreground that is ready.
    fn foreground(&self) -> Result<Child> {
        let log = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let errors = log.try_clone().context("cannot share the log")?;
        let mut command = self.up(&self.data);
        let mut up = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().context("cannot start it")?;
        wait::until("the start of `up`", READY, self.stop, || {
            if let Some(status) = up.try_wait().context("cannot watch it")? {
                bail!("`up` ended ({status}):\n{}", process::tail(&self.log, 12));
            }
            let record = Record::read(&self.data);
            let is_its = record.owner.is_some_and(|owner| owner.pid == up.id());
            Ok((is_its && record.is_ready).then_some(()))
        })?;
        Ok(up)
    }

    fn up(&self, data: &Path) -> Command {
        let mut command = self.command("up", data);
        command.args(["--as-built", "--port", &self.port.to_string()]);
        match &self.given {
            Some(given) => command.arg("--kubeconfig").arg(&given.kubeconfig).arg("--database").arg(&given.database),
            None => command.arg("--demo-runpod"),
        };
        command
    }

    fn down(&self) -> Result<()> {
        shell::quiet("down", &mut self.command("down", &self.data)).map(drop)
    }

    fn command(&self, what: &str, data: &Path) -> Command {
        let mut command = Command::new(&self.program);
        // A database of whoever runs the tests is not for them.
        command.env_remove("REMOTEGPU_DATABASE").arg(what).arg("--data").arg(data);
        command
    }

    fn env(&self) -> Result<BTreeMap<String, String>> {
        let text = fs::read_to_string(self.data.join("up.env")).context("no up.env")?;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let env: BTreeMap<String, String> = lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let wanted = ["KUBECONFIG", "REMOTEGPU_ADMIN_EMAIL", "REMOTEGPU_ADMIN_PASSWORD", "REMOTEGPU_URL"];
        ensure!(env.keys().eq(wanted), "up.env holds {:?}", env.keys());
        Ok(env)
    }

    fn kubectl(&self, env: &BTreeMap<String, String>, arguments: &[&str]) -> Result<String> {
        let mut kubectl = Command::new(self.data.join("bin/kubectl"));
        kubectl.arg("--kubeconfig").arg(&env["KUBECONFIG"]).args(arguments);
        shell::quiet("kubectl", &mut kubectl)
    }

    /// All processes of the start that is on, `up` itself first.
    fn running(&self) -> Result<Vec<Known>> {
        let record = Record::read(&self.data);
        let all: Vec<Known> = record.owner.into_iter().chain(record.children).collect();
        // Itself, the webhook, the console, a node, that of imported engines; four of a control plane of its own, the
        // simulated account and its node.
        let least = if self.given.is_some() { 5 } else { 11 };
        ensure!(all.len() >= least && all.iter().all(Known::is_alive), "not all of these run: {all:?}");
        Ok(all)
    }
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        let _nothing_left = self.down();
    }
}

/// What is said by a command that must not succeed.
fn refused(command: &mut Command) -> Result<String> {
    match shell::quiet("up", command) {
        Ok(said) => bail!("it started all the same:\n{said}"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

fn gone(known: &[Known]) -> Result<()> {
    let left: Vec<&str> = known.iter().filter(|one| one.is_alive()).map(|one| one.name.as_str()).collect();
    ensure!(left.is_empty(), "still running: {}", left.join(", "));
    Ok(())
}
