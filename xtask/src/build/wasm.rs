//! `frontend` to WebAssembly: cargo, wasm-bindgen as a library, wasm-opt from the npm package binaryen.
//! wasm-bindgen and wasm-opt run only when cargo's output changed: they cost longer than all the rest of a warm build.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use localplane::Stop;
use wasm_bindgen_cli_support::Bindgen;

use super::{fingerprint, read};
use crate::repo::Repo;
use crate::say::Say;
use crate::tools::WASM;
use crate::{repo, shell};

/// The features that every browser of the last years has; each of them makes the file smaller.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// The finished browser half: a folder with `remotegpu.js`, `remotegpu_bg.wasm` and perhaps `snippets/`.
#[derive(Debug)]
pub struct Browser {
    pub folder: PathBuf,
    /// Of cargo's output: the same text means the same folder.
    pub fingerprint: String,
}

/// Builds `frontend` and what has to be done to it.
///
/// # Errors
/// When cargo, wasm-bindgen or wasm-opt fails.
pub fn build(repo: &Repo, say: &Say, stop: &Stop) -> Result<Browser> {
    let mut cargo = repo::cargo(&repo.root);
    cargo.args(["build", "--locked", "--package", "frontend", "--target", WASM, "--profile", "wasm-release"]);
    shell::run("cargo build of frontend", &mut cargo, stop)?;
    let raw = repo.target.join(WASM).join("wasm-release/frontend.wasm");
    let fingerprint = fingerprint([read(&raw)?.as_slice()]);
    let folder = repo.target.join("site-work/browser");
    let stamp = folder.join("made-from.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == fingerprint) {
        return Ok(Browser { folder, fingerprint });
    }
    say.step("Optimising the browser's half");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    let mut bindgen = Bindgen::new();
    bindgen.input_path(&raw).typescript(false).remove_producers_section(true).out_name("remotegpu");
    bindgen.web(true).and_then(|bindgen| bindgen.generate(&folder)).context("wasm-bindgen failed")?;
    optimise(repo, &folder.join("remotegpu_bg.wasm"), stop)?;
    fs::write(&stamp, &fingerprint).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Browser { folder, fingerprint })
}

fn optimise(repo: &Repo, wasm: &PathBuf, stop: &Stop) -> Result<()> {
    let mut optimiser = Command::new(repo.root.join("style/node_modules/.bin/wasm-opt"));
    optimiser.arg("-Oz").args(FEATURES).arg(wasm).arg("-o").arg(wasm);
    shell::run("wasm-opt", &mut optimiser, stop)
}
