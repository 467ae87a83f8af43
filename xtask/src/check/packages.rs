//! The workspace as `cargo metadata` tells it: our packages, what they depend on, where their sources are.
//! Only what the checks read; unknown fields are left alone.

use std::path::PathBuf;

use serde_json::Value;

/// All packages of the workspace.
#[derive(Clone, Debug, Default)]
pub struct Packages(pub Vec<Package>);

/// One package.
#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    pub dir: PathBuf,
    /// The roots of its library and programs.
    pub roots: Vec<PathBuf>,
    pub dependencies: Vec<Dependency>,
    /// `[package.metadata.unused] keep = […]`: dependencies that no source file names.
    pub keep: Vec<String>,
}

/// One dependency as the manifest says it.
#[derive(Clone, Debug)]
pub struct Dependency {
    pub package: String,
    /// The name in the code, which may be another.
    pub code_name: String,
    pub is_dev: bool,
    pub is_optional: bool,
}

impl Packages {
    /// Reads the output of `cargo metadata --no-deps`.
    pub fn of(metadata: &Value) -> Self {
        Self(list(&metadata["packages"]).map(Package::of).collect())
    }

    /// Whether the workspace has a package of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|package| package.name == name)
    }
}

impl Package {
    fn of(value: &Value) -> Self {
        let manifest = PathBuf::from(text(&value["manifest_path"]));
        let is_root = |target: &&Value| {
            list(&target["kind"]).any(|kind| matches!(text(kind), "lib" | "bin" | "cdylib" | "rlib" | "proc-macro"))
        };
        Self {
            name: text(&value["name"]).to_owned(),
            dir: manifest.parent().map(PathBuf::from).unwrap_or_default(),
            roots: list(&value["targets"]).filter(is_root).map(|target| text(&target["src_path"]).into()).collect(),
            dependencies: list(&value["dependencies"]).map(Dependency::of).collect(),
            keep: list(&value["metadata"]["unused"]["keep"]).map(|name| text(name).to_owned()).collect(),
        }
    }
}

impl Dependency {
    fn of(value: &Value) -> Self {
        let package = text(&value["name"]).to_owned();
        let code_name = value["rename"].as_str().unwrap_or(&package).replace('-', "_");
        let is_optional = value["optional"].as_bool() == Some(true);
        Self { code_name, is_dev: value["kind"].as_str() == Some("dev"), is_optional, package }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
