//! The site root: hashed names, compressed forms, and the list of hashes that Leptos reads.
//! Built beside the old one and swapped in whole. Everything in it is public: nothing else may go there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::wasm::Browser;
use super::{compress, files_below, fingerprint, read};
use crate::repo::Repo;
use crate::say::Say;

const NAME: &str = "remotegpu";

/// A finished site.
#[derive(Debug)]
pub struct Site {
    pub root: PathBuf,
    /// The text of `hash.txt`.
    pub hashes: String,
}

/// Puts the site together, unless the one that is there was made from the same parts.
///
/// # Errors
/// When a file cannot be read or written; names it.
pub fn assemble(repo: &Repo, browser: &Browser, sheet: &Path, say: &Say) -> Result<Site> {
    let root = repo.target.join("site");
    let notes = repo.target.join("site-work");
    let css = read(sheet)?;
    let public = repo.root.join("app/public");
    let statics = files_below(&public);
    let contents = statics.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    let parts = [browser.fingerprint.as_bytes(), css.as_slice()].into_iter().chain(contents.iter().map(Vec::as_slice));
    let made_from = fingerprint(parts);
    let (stamp, hash_file) = (notes.join("site.made-from.txt"), notes.join("hash.txt"));
    if root.is_dir()
        && fs::read_to_string(&stamp).is_ok_and(|known| known == made_from)
        && let Ok(hashes) = fs::read_to_string(&hash_file)
    {
        return Ok(Site { root, hashes });
    }
    say.step("Compressing the site");
    let fresh = repo.target.join("site-new");
    clear(&fresh)?;
    let hashes = package(&fresh.join("pkg"), browser, &css)?;
    copy_below(&public, &statics, &fresh)?;
    let bytes = compress::all(&repo.root, &files_below(&fresh))?;
    clear(&root)?;
    fs::rename(&fresh, &root).with_context(|| format!("cannot write {}", root.display()))?;
    fs::write(&hash_file, &hashes).context("cannot write hash.txt")?;
    fs::write(&stamp, made_from).context("cannot note what the site was made from")?;
    say.step(format!("The site is {} KB in brotli", bytes / 1024));
    Ok(Site { root, hashes })
}

/// Writes `pkg/` with hashed names and gives the text of `hash.txt`.
fn package(folder: &Path, browser: &Browser, css: &[u8]) -> Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let wasm = read(&browser.folder.join(format!("{NAME}_bg.wasm")))?;
    let wasm_hash = fingerprint([wasm.as_slice()]);
    let glue = String::from_utf8(read(&browser.folder.join(format!("{NAME}.js")))?).context("the glue is not text")?;
    // The glue's own default must name the same file as the page does.
    let glue = glue.replace(&format!("{NAME}_bg.wasm"), &format!("{NAME}.{wasm_hash}.wasm"));
    let (js_hash, css_hash) = (fingerprint([glue.as_bytes()]), fingerprint([css]));
    write(&folder.join(format!("{NAME}.{wasm_hash}.wasm")), &wasm)?;
    write(&folder.join(format!("{NAME}.{js_hash}.js")), glue.as_bytes())?;
    write(&folder.join(format!("{NAME}.{css_hash}.css")), css)?;
    let snippets = browser.folder.join("snippets");
    copy_below(&snippets, &files_below(&snippets), &folder.join("snippets"))?;
    Ok(format!("js:{js_hash}\nwasm:{wasm_hash}\ncss:{css_hash}\n"))
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
