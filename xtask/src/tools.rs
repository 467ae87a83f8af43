//! What a build needs beside the compiler: the wasm target and the npm packages.
//! What is missing is installed; what cannot be is named with the command to type.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use localplane::Stop;
use localplane::binaries::find_program;

use crate::say::Say;
use crate::{repo, shell};

pub const WASM: &str = "wasm32-unknown-unknown";
/// With an older Node.js npm leaves out, without a word, what Tailwind cannot do without.
const NODE: u32 = 20;

/// Sees that the compiler can make WebAssembly.
///
/// # Errors
/// When the target is missing and rustup cannot get it; says what to type.
pub fn wasm_target(root: &Path, say: &Say) -> Result<()> {
    if has_wasm_target(root)? {
        return Ok(());
    }
    let advice = format!("the compiler's target {WASM} is missing: type `rustup target add {WASM}`");
    ensure!(find_program("rustup").is_some(), "{advice} (and install rustup first, from https://rustup.rs)");
    say.step(format!("Installing the compiler's target {WASM}"));
    let mut rustup = Command::new("rustup");
    shell::quiet("rustup", rustup.args(["target", "add", WASM]).current_dir(root)).context(advice)?;
    Ok(())
}

fn has_wasm_target(root: &Path) -> Result<bool> {
    let mut rustc = Command::new("rustc");
    let library = shell::quiet("rustc", rustc.args(["--print=target-libdir", "--target", WASM]).current_dir(root))?;
    let Ok(files) = fs::read_dir(library.trim()) else { return Ok(false) };
    Ok(files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libcore-")))
}

/// Sees that the npm packages of `folder` are those of its lock file.
///
/// # Errors
/// When npm is missing or cannot install them; says what to type.
pub fn npm_packages(folder: &Path, say: &Say, stop: &Stop) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let stamp = folder.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let advice =
        format!("the packages of {0} are missing: type `npm install --no-save --prefix {0}`", folder.display());
    if find_program("npm").is_none() {
        bail!(
            "npm is not installed: install Node.js {NODE} or newer from https://nodejs.org and run the command again"
        );
    }
    node_is_new_enough()?;
    say.step(format!("Installing the npm packages of {}", folder.display()));
    let mut npm = Command::new("npm");
    // Not `npm ci`: it refuses a lock file without the other platforms' binaries, which some registries do not carry.
    npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder);
    shell::run("npm install", &mut npm, stop).context(advice)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn node_is_new_enough() -> Result<()> {
    let install = format!("install {NODE} or newer from https://nodejs.org and run the command again");
    let version = shell::quiet("node", Command::new("node").arg("--version"));
    let version = version.with_context(|| format!("Node.js does not run: {install}"))?;
    let is_new = major(&version).is_some_and(|major| major >= NODE);
    ensure!(is_new, "Node.js {} is too old: {install}", version.trim());
    Ok(())
}

/// 20 of `v20.19.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Installs a pinned cargo tool into our own cache, if it is neither on PATH nor there; gives its path.
///
/// # Errors
/// When it cannot be built; says what to type.
pub fn cargo_tool(root: &Path, name: &str, version: &str, say: &Say, stop: &Stop) -> Result<std::path::PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set: it holds the cache of the tools")?;
    let cache = Path::new(&home).join(".cache/remotegpu/tools");
    let cached = cache.join("bin").join(name);
    if let Some(found) = find_program(name).or_else(|| cached.is_file().then_some(cached.clone())) {
        return Ok(found);
    }
    say.step(format!("Building {name} {version} once (some minutes)"));
    let mut cargo = repo::cargo(root);
    cargo.args(["install", "--quiet", "--locked", "--version", version, name, "--root"]).arg(&cache);
    let advice = format!("{name} is missing: type `cargo install --locked {name} --version {version}`");
    shell::run(&format!("cargo install {name}"), &mut cargo, stop).context(advice)?;
    Ok(cached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_of_an_old_debian_is_too_old() {
        assert!(major("v18.20.4\n").is_some_and(|major| major < NODE));
        assert!(major("v20.19.2\n").is_some_and(|major| major >= NODE));
        assert_eq!(major("what?"), None);
    }
}
