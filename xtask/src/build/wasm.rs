//! `frontend` to WebAssembly: cargo, a cut into one file per lazily loaded page, wasm-bindgen as a library, wasm-opt from
//! the npm package binaryen, esbuild for the scripts. All but cargo run only when its output changed: they cost longer than a warm build's rest.

use std::ffi::OsString;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow, ensure};
use localplane::Stop;
use wasm_bindgen_cli_support::Bindgen;

use super::{files_below, fingerprint, read};
use crate::repo::Repo;
use crate::say::Say;
use crate::tools::WASM;
use crate::{repo, shell};

/// The file that fetches the pages' code; Leptos knows it by this very name.
pub(super) const LOADER: &str = "./__wasm_split.______________________.js";
/// Which files each page needs, for the hints in the head of its HTML; Leptos knows it by this very name.
const MANIFEST: &str = "__wasm_split_manifest.json";
/// A page whose part is lost on the way would be dead: a network that changes or a console that restarts is waited for.
const AGAIN: &str = include_str!("again.js");

/// How the loader fetches each file.
const FETCH_PART: &str = "= fetch(new URL(";
/// How wasm-bindgen's script fetches the main module.
const FETCH_MAIN: &str = "module_or_path = fetch(module_or_path)";

/// The features that every browser of the last years has; each of them makes the file smaller.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// The finished browser half: a folder with `remotegpu.js`, `remotegpu_bg.wasm`, a file of WebAssembly for each lazily
/// loaded page or what several of them share, and perhaps `snippets/`.
#[derive(Debug)]
pub struct Browser {
    pub folder: PathBuf,
    /// Of cargo's output, what is written before it and the versions of the tools: the same means the same folder.
    pub fingerprint: String,
}

/// Builds `frontend` and what has to be done to it.
///
/// # Errors
/// When cargo, wasm-bindgen, wasm-opt or esbuild fails.
pub fn build(repo: &Repo, say: &Say, stop: &Stop) -> Result<Browser> {
    let mut cargo = repo::cargo(&repo.root);
    cargo.args(["build", "--locked", "--package", "frontend", "--target", WASM, "--profile", "wasm-release"]);
    // Joined with the flags of `.cargo/config.toml`: what a browser gets names no folder of the machine it was built on.
    if let Some(home) = cargo_home() {
        cargo.arg("--config").arg(format!("build.rustflags=[\"--remap-path-prefix={}=cargo\"]", home.display()));
    }
    shell::run("cargo build of frontend", &mut cargo, stop)?;
    let raw = repo.target.join(WASM).join("wasm-release/frontend.wasm");
    let tools = read(&repo.root.join("style/package-lock.json"))?;
    let fingerprint = fingerprint([read(&raw)?.as_slice(), AGAIN.as_bytes(), &tools]);
    let folder = repo.target.join("site-work/browser");
    let stamp = folder.join("made-from.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == fingerprint) {
        return Ok(Browser { folder, fingerprint });
    }
    say.step("Optimising the browser's half");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    let main = cut(&raw, &folder)?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(&main).typescript(false).remove_producers_section(true).out_name("remotegpu");
    // The pages' files find the main one's functions by the names that the linker gave them.
    bindgen.keep_lld_exports(true).demangle(false);
    bindgen.web(true).and_then(|bindgen| bindgen.generate(&folder)).context("wasm-bindgen failed")?;
    fetch_again(&folder.join("remotegpu.js"), FETCH_MAIN, "module_or_path = fetchAgain(module_or_path)")?;
    fs::remove_file(&main).with_context(|| format!("cannot remove {}", main.display()))?;
    minify(repo, &folder, stop)?;
    optimise_all(repo, &folder, stop)?;
    fs::write(&stamp, &fingerprint).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Browser { folder, fingerprint })
}

/// Where cargo keeps the sources of other people's crates; their panics name files below it.
fn cargo_home() -> Option<PathBuf> {
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    given.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

/// Cuts cargo's output into the main module, which it returns, and the pages' files beside it.
fn cut(raw: &Path, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let (module, main) = (read(raw)?, folder.join("main.wasm"));
    let mut options = wasm_split_cli_support::Options::new(&module);
    options.output_dir = folder;
    options.main_out_path = &main;
    options.link_name = LOADER;
    options.main_module = "./remotegpu.js";
    let cut =
        wasm_split_cli_support::transform(options).map_err(|error| anyhow!("cutting the module failed: {error:#}"))?;
    fetch_again(&folder.join(LOADER), FETCH_PART, "= fetchAgain(new URL(")?;
    let manifest = serde_json::to_vec(&cut.prefetch_map)?;
    fs::write(folder.join(MANIFEST), manifest).with_context(|| format!("cannot write {MANIFEST}"))?;
    Ok(main)
}

/// Without its main module a page is as dead as without its part. What pages themselves send is sent once: it may
/// change something.
fn fetch_again(script: &Path, fetch: &str, again: &str) -> Result<()> {
    let text = fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
    ensure!(text.contains(fetch), "{} fetches in another way than {fetch:?}", script.display());
    let text = text.replace(fetch, again);
    fs::write(script, format!("{AGAIN}{text}")).with_context(|| format!("cannot write {}", script.display()))
}

/// Without comments, blanks and long names; what the files call one another stays.
fn minify(repo: &Repo, folder: &Path, stop: &Stop) -> Result<()> {
    let mut files = files_below(folder);
    files.retain(|file| file.extension().is_some_and(|e| e == "js"));
    let mut esbuild = Command::new(repo.root.join("style/node_modules/.bin/esbuild"));
    esbuild.args(["--minify", "--format=esm", "--allow-overwrite", "--log-level=warning"]);
    esbuild.args([within("--outdir=", folder), within("--outbase=", folder)]).args(files);
    shell::run("esbuild", &mut esbuild, stop)
}

/// An option that names a folder.
fn within(option: &str, folder: &Path) -> OsString {
    let mut option = OsString::from(option);
    option.push(folder);
    option
}

/// The program uses one core and starts slowly, and there are a hundred files: as many at once as there are cores, the
/// longest first.
fn optimise_all(repo: &Repo, folder: &Path, stop: &Stop) -> Result<()> {
    let mut files = files_below(folder);
    files.retain(|file| file.extension().is_some_and(|e| e == "wasm"));
    files.sort_by_key(|file| fs::metadata(file).map_or(0, |found| found.len()));
    let left = Mutex::new(files);
    let next = || left.lock().ok().and_then(|mut left| left.pop());
    let work = || std::iter::from_fn(next).try_for_each(|file| optimise(repo, &file, stop));
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("wasm-opt was left"))?)
    })
}

fn optimise(repo: &Repo, wasm: &Path, stop: &Stop) -> Result<()> {
    let mut optimiser = Command::new(repo.root.join("style/node_modules/.bin/wasm-opt"));
    optimiser.arg("-Oz").args(FEATURES).arg(wasm).arg("-o").arg(wasm);
    shell::run("wasm-opt", &mut optimiser, stop)
}
