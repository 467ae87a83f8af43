//! Keeps the relocations in the module: the build cuts it into one file per lazily loaded page, and the cutter needs them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-cdylib=--emit-relocs");
}
