//! The site root: the client's files in a folder named after their contents, and their compressed forms.
//! Built beside the old one and swapped in whole. Everything in it is public: nothing else may go there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::wasm::{Browser, LOADER};
use super::{compress, files_below, fingerprint, read};
use crate::repo::Repo;
use crate::say::Say;

const NAME: &str = "remotegpu";
/// What every page may load in brotli (DESIGN §9).
pub const FIRST_LOAD_KB: u64 = 350;
/// The terminal's files beside its own script: only a page with a terminal loads them.
const TERMINAL: [(&str, &str); 3] = [
    ("xterm.mjs", "style/node_modules/@xterm/xterm/lib/xterm.mjs"),
    ("xterm.css", "style/node_modules/@xterm/xterm/css/xterm.css"),
    ("addon-fit.mjs", "style/node_modules/@xterm/addon-fit/lib/addon-fit.mjs"),
];

/// A finished site.
#[derive(Debug)]
pub struct Site {
    /// Name of the folder below `pkg/` with this build's files.
    pub hash: String,
}

/// Where the site lies.
pub fn root(repo: &Repo) -> PathBuf {
    repo.target.join("site")
}

/// Puts the site together, unless the one that is there was made from the same parts.
///
/// # Errors
/// When a file cannot be read or written; names it.
pub fn assemble(repo: &Repo, browser: &Browser, sheet: &Path, say: &Say) -> Result<Site> {
    let root = root(repo);
    let notes = repo.target.join("site-work");
    let css = read(sheet)?;
    let public = repo.root.join("app/public");
    let statics = files_below(&public);
    let contents = statics.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    let terminal = terminal(&repo.root)?;
    let parts = [browser.fingerprint.as_bytes(), css.as_slice()].into_iter();
    let parts = parts.chain(contents.iter().chain(terminal.iter().map(|(_, bytes)| bytes)).map(Vec::as_slice));
    let made_from = fingerprint(parts);
    let stamp = notes.join("site.made-from.txt");
    if root.is_dir() && fs::read_to_string(&stamp).is_ok_and(|known| known == made_from) {
        return Ok(Site { hash: made_from });
    }
    say.step("Compressing the site");
    let fresh = repo.target.join("site-new");
    clear(&fresh)?;
    let folder = fresh.join("pkg").join(&made_from);
    copy_below(&browser.folder, &files_below(&browser.folder), &folder)?;
    write(&folder.join(format!("{NAME}.css")), &css)?;
    fs::create_dir_all(folder.join("terminal")).context("cannot make the folder of the terminal")?;
    for (name, bytes) in &terminal {
        write(&folder.join("terminal").join(name), bytes)?;
    }
    copy_below(&public, &statics, &fresh)?;
    let every_page = every_page().map(|name| folder.join(name));
    let first = compress::all(&repo.root, &every_page)?;
    let others: Vec<PathBuf> = files_below(&fresh).into_iter().filter(|file| !compressed(file, &every_page)).collect();
    let rest = compress::all(&repo.root, &others)?;
    clear(&root)?;
    fs::rename(&fresh, &root).with_context(|| format!("cannot write {}", root.display()))?;
    fs::write(&stamp, &made_from).context("cannot note what the site was made from")?;
    say.step(format!(
        "In brotli: {} KB for every page, {} KB for pages when they are opened",
        first / 1000,
        rest / 1000
    ));
    Ok(Site { hash: made_from })
}

/// What no page does without.
fn every_page() -> [String; 4] {
    [format!("{NAME}.css"), format!("{NAME}.js"), format!("{NAME}_bg.wasm"), LOADER.trim_start_matches("./").to_owned()]
}

/// The bytes of these files in brotli, of the site that lies in `root`.
pub fn first_load(root: &Path) -> u64 {
    let names = every_page().map(|name| format!("{name}.br"));
    let files = files_below(&root.join("pkg"));
    let wanted = files.iter().filter(|file| names.iter().any(|name| file.ends_with(name)));
    wanted.filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum()
}

/// Sizes are the same on every machine, so unlike timings they are judged.
///
/// # Errors
/// When every page loads more than it may.
pub fn keep_budget(first_load: u64) -> Result<()> {
    ensure!(
        first_load <= FIRST_LOAD_KB * 1000,
        "every page loads {} KB in brotli, {FIRST_LOAD_KB} KB are allowed: what only some pages need belongs to their \
         area in app/src/app.rs",
        first_load.div_ceil(1000)
    );
    Ok(())
}

/// The files of the terminal by name.
fn terminal(root: &Path) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let all = TERMINAL.into_iter().chain([("terminal.js", "app/terminal/terminal.js")]);
    all.map(|(name, path)| Ok((name, read(&root.join(path))?))).collect()
}

/// Whether it was compressed already, or is the compressed form of such a file.
fn compressed(file: &Path, done: &[PathBuf]) -> bool {
    done.iter().any(|known| file.to_string_lossy().starts_with(&*known.to_string_lossy()))
}

fn copy_below(from: &Path, files: &[PathBuf], to: &Path) -> Result<()> {
    for file in files {
        let target = to.join(file.strip_prefix(from).context("a file outside its folder")?);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        fs::copy(file, &target).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_load_over_its_budget_is_refused_with_both_numbers() {
        assert!(keep_budget(350_000).is_ok());
        let refused = keep_budget(350_001).unwrap_err().to_string();
        assert!(refused.starts_with("every page loads 351 KB in brotli, 350 KB are allowed"), "{refused}");
    }
}
