//! Dependencies that no source file of their crate names.
//! By text, in milliseconds: a name in the code is `name::`, `name!` or stands in a `use`. What is there only for its
//! features is listed in `[package.metadata.unused] keep`, beside the reason.

use std::path::Path;

use super::Outcome;
use super::budget::sources;
use super::packages::{Package, Packages};

/// Finds dependencies that nothing uses.
pub fn check(packages: &Packages) -> Outcome {
    let unused: Vec<String> = packages.0.iter().flat_map(of_one).collect();
    if unused.is_empty() { Ok(String::new()) } else { Err(unused) }
}

fn of_one(package: &Package) -> Vec<String> {
    let text = all_text(&package.dir);
    let is_unused = |name: &&String| !package.keep.contains(name) && !names(&text, name);
    let mut unused: Vec<&String> =
        package.dependencies.iter().map(|dependency| &dependency.code_name).filter(is_unused).collect();
    unused.dedup();
    unused.iter().map(|name| format!("{} does not use {name}", package.name)).collect()
}

fn all_text(dir: &Path) -> String {
    sources(dir).iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect::<Vec<_>>().join("\n")
}

/// Whether the text names the crate: as a whole word, followed by a path, a macro call or the end of a `use`.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
        let after = &text[at + name.len()..];
        before && ["::", "!", ";", " as ", " use ", "}", ",", ")"].iter().any(|next| after.starts_with(next))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_a_macro_and_a_use_are_names() {
        for text in ["use anyhow::Result;", "anyhow::bail!()", "use anyhow;", "#[tokio::main]", "serde_json::json!({})"]
        {
            assert!(["anyhow", "tokio", "serde_json"].iter().any(|name| names(text, name)), "{text}");
        }
    }

    #[test]
    fn a_longer_word_is_not_the_name() {
        assert!(!names("use serde_json::Value;", "serde"));
        assert!(!names("let my_time::x", "time"));
    }
}
