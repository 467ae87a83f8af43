//! Where the five programs of the control plane come from: PATH, our cache, the official release, or a build.
//! The pinned versions are those of `go.mod` beside this crate; the cache folder is named after them.

mod build;
mod download;
mod pins;
mod probe;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use pins::Pins;
use probe::Verdict;

use crate::wait::{Interrupted, Stop};

/// Says one line of progress to a person.
pub type Progress<'a> = &'a mut dyn FnMut(&str);

/// The programs, in the order in which they are made.
pub const TOOLS: [Tool; 5] = [
    Tool { name: "etcd", package: "go.etcd.io/etcd/server/v3" },
    Tool { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
    Tool { name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager" },
    Tool { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler" },
    Tool { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl" },
];

/// One program and the Go package it is built from.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    pub name: &'static str,
    pub package: &'static str,
}

/// The five programs, each checked to run.
#[derive(Clone, Debug)]
pub struct Binaries {
    pub etcd: PathBuf,
    pub apiserver: PathBuf,
    pub controller_manager: PathBuf,
    pub scheduler: PathBuf,
    pub kubectl: PathBuf,
    /// `PATH` or the cache folder, for people.
    pub origin: String,
}

impl Binaries {
    /// Finds or makes all five. Takes them from PATH only if all are there in a fitting version; else from
    /// `$HOME/.cache/remotegpu/localplane/<version>-<pin>/`, filled from the official release or by `go build`.
    ///
    /// # Errors
    /// When a program can neither be found, nor downloaded, nor built: one sentence that says what to install. When `stop` is
    /// requested, with [`Interrupted`].
    pub fn find(progress: Progress, stop: &Stop) -> Result<Self> {
        let pins = Pins::read()?;
        match on_path(&pins) {
            Some(found) => Ok(found),
            None => Ok(Self::in_dir(&cached(&TOOLS, &pins, progress, stop)?)),
        }
    }

    /// kubectl alone, for a cluster that somebody else runs.
    ///
    /// # Errors
    /// As [`Binaries::find`].
    pub fn find_kubectl(progress: Progress, stop: &Stop) -> Result<PathBuf> {
        let pins = Pins::read()?;
        let tool = TOOLS[4];
        let there = find_program(tool.name);
        match there.filter(|path| probe::version(tool, path).is_ok_and(|text| pins.fits(tool, &text))) {
            Some(found) => Ok(found),
            None => Ok(cached(&[tool], &pins, progress, stop)?.join(tool.name)),
        }
    }

    fn in_dir(dir: &Path) -> Self {
        Self {
            etcd: dir.join("etcd"),
            apiserver: dir.join("kube-apiserver"),
            controller_manager: dir.join("kube-controller-manager"),
            scheduler: dir.join("kube-scheduler"),
            kubectl: dir.join("kubectl"),
            origin: dir.display().to_string(),
        }
    }
}

/// The cache folder, with all of `tools` in it.
fn cached(tools: &[Tool], pins: &Pins, progress: Progress, stop: &Stop) -> Result<PathBuf> {
    let dir = pins.cache_dir()?;
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    if !missing(tools, &dir, pins, progress).is_empty() {
        // Two starts at once must not write the same file; the second finds it made.
        let lock = File::create(dir.join(".lock")).context("cannot make the lock file of the cache")?;
        lock.lock().context("cannot lock the cache")?;
        make(tools, &dir, pins, progress, stop)?;
    }
    Ok(dir)
}

fn on_path(pins: &Pins) -> Option<Binaries> {
    let found: Option<Vec<PathBuf>> = TOOLS.iter().map(|tool| find_program(tool.name)).collect();
    let fit = |(tool, path): (&Tool, &PathBuf)| probe::version(*tool, path).is_ok_and(|text| pins.fits(*tool, &text));
    let [etcd, apiserver, controller_manager, scheduler, kubectl] = found
        .filter(|paths| TOOLS.iter().zip(paths).all(fit))
        .and_then(|paths| <[PathBuf; 5]>::try_from(paths).ok())?;
    Some(Binaries { etcd, apiserver, controller_manager, scheduler, kubectl, origin: "PATH".to_owned() })
}

/// The first file of this name in the folders of PATH.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Probes all five side by side: a start with a warm cache costs one program's time, not five.
fn missing(tools: &[Tool], dir: &Path, pins: &Pins, progress: Progress) -> Vec<Tool> {
    let verdicts: Vec<(Tool, Verdict)> = std::thread::scope(|scope| {
        let probe = |tool: &Tool| {
            let tool = *tool;
            (tool, scope.spawn(move || probe::judge(tool, &dir.join(tool.name), pins)))
        };
        let probes: Vec<_> = tools.iter().map(probe).collect();
        probes.into_iter().map(|(tool, probe)| (tool, probe.join().unwrap_or(Verdict::Absent))).collect()
    });
    let mut missing = Vec::new();
    for (tool, verdict) in verdicts {
        if let Verdict::Broken(why) = &verdict {
            let path = dir.join(tool.name);
            progress(&format!("The cached {} at {} is broken ({why}); making it again", tool.name, path.display()));
        }
        if !matches!(verdict, Verdict::Good) {
            missing.push(tool);
        }
    }
    missing
}

fn make(tools: &[Tool], dir: &Path, pins: &Pins, progress: Progress, stop: &Stop) -> Result<()> {
    // Asked again under the lock, silently: another start may have made them meanwhile.
    let mut left = missing(tools, dir, pins, &mut |_| {});
    if left.is_empty() {
        return Ok(());
    }
    match download::all(&left, dir, pins, progress, stop) {
        Ok(()) => left = missing(tools, dir, pins, progress),
        // Whoever wants the end wants no build instead.
        Err(why) if why.is::<Interrupted>() => return Err(why),
        Err(why) => progress(&format!("The official release cannot be downloaded ({why:#}); building from source")),
    }
    if left.is_empty() { Ok(()) } else { build::all(&left, dir, pins, progress, stop) }
}
