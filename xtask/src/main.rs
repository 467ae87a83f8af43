//! `cargo xtask`: start everything, test everything, check the house rules, build the browser's half.
//! Each subcommand is one module; nothing here may depend on another crate of ours but `localplane`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line program talks to a person")]

mod bench;
mod build;
mod chart;
mod check;
mod down;
mod ending;
mod image;
mod openapi;
mod repo;
mod say;
mod shell;
mod test;
mod tools;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The commands of the RemoteGPU workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything for a first look: control plane, webhook, virtual nodes, console.
    Up(up::Options),
    /// Stop what `up` started; data stays.
    Down(down::Options),
    /// Everything CI runs.
    Test(test::Options),
    /// Figures as ratios within one run (DESIGN §9).
    Bench(bench::Options),
    /// The house rules: layers, format, lints, licences, unused dependencies, migrations, wasm, file sizes.
    Check,
    /// Build the site (wasm, style sheet) and the four programs.
    Build(build::Options),
    /// Build container images of the programs with podman or docker.
    Image(image::Options),
    /// Write docs/openapi.json, the API document that the server generates.
    Openapi,
    /// Write deploy/kubelet.yaml, the Helm chart of the node as a plain manifest.
    Chart,
    /// Build the style sheet alone.
    Css,
}

fn main() -> ExitCode {
    let stop = localplane::Stop::default();
    let result = match Args::parse().command {
        Command::Up(options) => up::run(&options, &stop),
        Command::Down(options) => down::run(&options),
        Command::Test(options) => test::run(&options, &stop),
        Command::Bench(options) => bench::run(&options, &stop),
        Command::Check => check::run(&stop),
        Command::Build(options) => build::run(&options, &stop),
        Command::Image(options) => image::run(&options, &stop),
        Command::Chart => chart::run(),
        Command::Openapi => openapi::run(&stop),
        Command::Css => build::css::run(&stop),
    };
    ending::of(result, &stop)
}
