//! The style sheet: Tailwind's own command line over `style/tailwind.css`.
//! Runs only when a source that may hold class names changed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use localplane::Stop;

use super::{files_below, fingerprint, read};
use crate::repo::Repo;
use crate::say::Say;
use crate::{shell, tools};

/// `cargo xtask css`: builds the style sheet and says where it is.
///
/// # Errors
/// When npm's packages are missing or Tailwind fails.
pub fn run(stop: &Stop) -> Result<()> {
    crate::ending::stop_on_signals(stop, true)?;
    let (say, repo) = (Say::new(), Repo::find()?);
    tools::npm_packages(&repo.root.join("style"), &say, stop)?;
    let sheet = build(&repo, stop)?;
    say.step(format!("Built {}", sheet.display()));
    Ok(())
}

/// As [`run`], with the packages there; gives the path of the finished sheet.
///
/// # Errors
/// When Tailwind fails.
pub fn build(repo: &Repo, stop: &Stop) -> Result<PathBuf> {
    let sheet = repo.target.join("site-work/remotegpu.css");
    let stamp = repo.target.join("site-work/remotegpu.css.made-from.txt");
    let sources: Vec<PathBuf> =
        [files_below(&repo.root.join("style")), files_below(&repo.root.join("app"))].into_iter().flatten().collect();
    let contents = sources.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    let fingerprint = fingerprint(contents.iter().map(Vec::as_slice));
    if sheet.exists() && fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == fingerprint) {
        return Ok(sheet);
    }
    let mut tailwind = Command::new(repo.root.join("style/node_modules/.bin/tailwindcss"));
    tailwind.current_dir(&repo.root).args(["--input", "style/tailwind.css", "--minify", "--output"]).arg(&sheet);
    shell::run("tailwindcss", &mut tailwind, stop)?;
    fs::write(&stamp, fingerprint).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(sheet)
}
