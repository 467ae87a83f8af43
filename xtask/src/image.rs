//! `cargo xtask image`: container images of the programs, by podman or docker. Nothing is compiled inside of them: the
//! programs are built here, and the images are these files on a base (`deploy/Containerfile`).

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use localplane::Stop;
use localplane::binaries::find_program;

use crate::build::{self, Scope};
use crate::repo::{PROGRAMS, Repo};
use crate::say::Say;
use crate::{ending, shell};

const FILE: &str = "deploy/Containerfile";

/// `cargo xtask image`
#[derive(Debug, Args)]
pub struct Options {
    /// What builds the images; default: the first of them that is installed.
    #[arg(long, value_enum)]
    tool: Option<Tool>,
    /// Tag of the images; the default is what the chart and the manifests name.
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    tag: String,
    /// What stands before a program's name, such as registry.example.com/gpus.
    #[arg(long, value_name = "NAME", default_value = "remotegpu")]
    repository: String,
    /// Image to build on, local or of a registry; default: that of the Containerfile. It needs a C library no older than
    /// this machine's, libgcc, and the certificates of the public authorities.
    #[arg(long, value_name = "IMAGE")]
    base: Option<String>,
    /// Only these; default: all.
    #[arg(value_name = "PROGRAM", value_parser = PossibleValuesParser::new(PROGRAMS.map(|(_, binary)| binary)))]
    programs: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Tool {
    Podman,
    Docker,
}

/// A file of the build context.
#[derive(Debug, Eq, PartialEq)]
struct Part {
    from: PathBuf,
    /// Below the context.
    to: PathBuf,
    is_program: bool,
}

/// Builds the programs, then their images.
///
/// # Errors
/// When there is neither tool, before anything is built; when a step fails.
pub fn run(options: &Options, stop: &Stop) -> Result<()> {
    ending::stop_on_signals(stop, true)?;
    let tool = choose(options.tool, |name| find_program(name).is_some())?;
    let (repo, say) = (Repo::find()?, Say::new());
    build::all(&repo, Scope::Programs { release: true }, &say, stop)?;
    let context = repo.target.join("image");
    assemble(&parts(&repo), &context)?;
    for program in options.programs() {
        let name = options.image(program);
        say.step(format!("Building the image {name}"));
        let mut command = Command::new(tool.name());
        command.args(options.arguments(program, &context));
        let built = shell::run(&format!("{} build", tool.name()), &mut command, stop);
        built.with_context(|| {
            format!("the image {name} was not built; without a network name a base that is here already with --base")
        })?;
    }
    let names: Vec<String> = options.programs().map(|program| options.image(program)).collect();
    say.step(format!("Built {}", names.join(", ")));
    Ok(())
}

/// The tool that was asked for, else the first that is there.
fn choose(asked: Option<Tool>, is_there: impl Fn(&str) -> bool) -> Result<Tool> {
    let advice = "install it and run the command again, or copy the programs of `cargo xtask build --release`";
    let found = Tool::value_variants().iter().copied().find(|tool| is_there(tool.name()));
    match (asked, found) {
        (Some(tool), _) if is_there(tool.name()) => Ok(tool),
        (Some(tool), _) => bail!("{} is not installed: {advice}", tool.name()),
        (None, Some(tool)) => Ok(tool),
        (None, None) => bail!("neither podman nor docker is installed, and images need one: {advice}"),
    }
}

/// All that the Containerfile names, whichever images are wanted: older tools look at all of it.
fn parts(repo: &Repo) -> Vec<Part> {
    let (programs, site) = (repo.programs(true), build::site_root(repo));
    let file = |from: PathBuf, to: &Path| Part { from, to: to.to_owned(), is_program: false };
    let mut parts = vec![
        file(repo.root.join(FILE), Path::new("Containerfile")),
        file(programs.join("hash.txt"), Path::new("hash.txt")),
    ];
    for (_, binary) in PROGRAMS {
        let to = Path::new("programs").join(binary);
        parts.push(Part { from: programs.join(binary), to, is_program: true });
    }
    for path in build::files_below(&site) {
        let to = path.strip_prefix(&site).map(|below| Path::new("site").join(below));
        parts.extend(to.map(|to| file(path.clone(), &to)));
    }
    parts
}

/// Copies the parts into a new context. Images run as another user, so whoever builds with a strict umask must not hide
/// anything from it.
fn assemble(parts: &[Part], context: &Path) -> Result<()> {
    if context.exists() {
        fs::remove_dir_all(context).with_context(|| format!("cannot clear {}", context.display()))?;
    }
    for part in parts {
        let to = context.join(&part.to);
        let folder = to.parent().unwrap_or(context);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for above in folder.ancestors().take_while(|above| above.starts_with(context)) {
            open(above, 0o755)?;
        }
        fs::copy(&part.from, &to).with_context(|| format!("cannot copy {}", part.from.display()))?;
        open(&to, if part.is_program { 0o755 } else { 0o644 })?;
    }
    Ok(())
}

fn open(path: &Path, mode: u32) -> Result<()> {
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.with_context(|| format!("cannot open {} to other users", path.display()))
}

// === impl Options ===

impl Options {
    /// In the order of the build.
    fn programs(&self) -> impl Iterator<Item = &'static str> {
        let wanted = self.programs.clone();
        let all = PROGRAMS.into_iter().map(|(_, binary)| binary);
        all.filter(move |binary| wanted.is_empty() || wanted.iter().any(|one| one == binary))
    }

    fn image(&self, program: &str) -> String {
        format!("{}/{program}:{}", self.repository.trim_end_matches('/'), self.tag)
    }

    /// What podman and docker understand alike.
    fn arguments(&self, program: &str, context: &Path) -> Vec<OsString> {
        let text = |text: &str| OsString::from(text);
        let mut arguments = vec![text("build"), text("--target"), text(program)];
        arguments.append(&mut vec![text("--tag"), text(&self.image(program))]);
        arguments.append(&mut vec![text("--file"), context.join("Containerfile").into_os_string()]);
        if let Some(base) = &self.base {
            arguments.append(&mut vec![text("--build-arg"), text(&format!("BASE={base}"))]);
        }
        arguments.push(context.as_os_str().to_owned());
        arguments
    }
}

// === impl Tool ===

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(line: &[&str]) -> Options {
        Line::try_parse_from(["image"].iter().chain(line)).unwrap().options
    }

    fn words(options: &Options, program: &str) -> String {
        let words = options.arguments(program, Path::new("/context"));
        words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_tool_is_told_program_name_and_base() {
        let usual = options(&[]);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            words(&usual, "remotegpu"),
            format!(
                "build --target remotegpu --tag remotegpu/remotegpu:{version} --file /context/Containerfile /context"
            )
        );
        let own = options(&["--repository=registry.example.com/gpus/", "--tag=v2", "--base=localhost/base"]);
        assert_eq!(
            words(&own, "remotegpu-kubelet"),
            "build --target remotegpu-kubelet --tag registry.example.com/gpus/remotegpu-kubelet:v2 \
             --file /context/Containerfile --build-arg BASE=localhost/base /context"
        );
    }

    #[test]
    fn all_programs_are_built_unless_some_are_named_and_what_is_none_is_refused() {
        let names = |line: &[&str]| options(line).programs().collect::<Vec<_>>();
        assert_eq!(names(&[]).len(), PROGRAMS.len());
        assert_eq!(names(&["remotegpu-kubelet", "remotegpu"]), ["remotegpu", "remotegpu-kubelet"]);
        assert!(Line::try_parse_from(["image", "nginx"]).is_err());
    }

    #[test]
    fn the_tool_that_is_there_is_taken_and_one_that_is_not_is_named() {
        let only = |there: &'static str| move |name: &str| name == there;
        assert_eq!(choose(None, |_| true).unwrap(), Tool::Podman);
        assert_eq!(choose(None, only("docker")).unwrap(), Tool::Docker);
        assert_eq!(choose(Some(Tool::Docker), |_| true).unwrap(), Tool::Docker);
        let refused = choose(Some(Tool::Podman), only("docker")).unwrap_err().to_string();
        assert!(refused.starts_with("podman is not installed"), "{refused}");
        let refused = choose(None, |_| false).unwrap_err().to_string();
        assert!(refused.starts_with("neither podman nor docker is installed"), "{refused}");
    }

    #[test]
    fn each_program_has_an_image_for_a_user_that_is_not_root_of_files_that_are_in_the_context() {
        let repo = Repo::find().unwrap();
        let text = fs::read_to_string(repo.root.join(FILE)).unwrap();
        let stages: Vec<&str> = text.split("\nFROM ${BASE} AS ").skip(1).collect();
        let names: Vec<&str> = stages.iter().map(|stage| stage.lines().next().unwrap()).collect();
        assert_eq!(names, PROGRAMS.map(|(_, binary)| binary));
        let parts = parts(&repo);
        for stage in stages {
            let name = stage.lines().next().unwrap();
            // A number, or Kubernetes cannot tell that it is not root.
            assert!(stage.contains("\nUSER 65532:65532\n"), "{name}");
            assert!(stage.contains(&format!("\nENTRYPOINT [\"/usr/local/bin/{name}\"]")), "{name}");
            for line in stage.lines().filter_map(|line| line.strip_prefix("COPY ")) {
                let words: Vec<&str> = line.split(' ').collect();
                for from in &words[..words.len() - 1] {
                    // What was not built yet cannot be looked for.
                    let is_there = *from == "site" || parts.iter().any(|part| part.to == Path::new(from));
                    assert!(is_there, "{name} needs {from}");
                }
            }
        }
    }

    #[test]
    fn the_images_bear_the_names_that_the_chart_and_the_manifests_ask_for() {
        let repo = Repo::find().unwrap();
        let read = |file: &str| fs::read_to_string(repo.root.join(file)).unwrap();
        let usual = options(&[]);
        let (kubelet, admission) = (usual.image("remotegpu-kubelet"), usual.image("remotegpu-admission"));
        assert!(read("deploy/kubelet.yaml").contains(&format!("image: \"{kubelet}\"\n")), "{kubelet}");
        assert!(read("deploy/admission/admission.yaml").contains(&format!("image: \"{admission}\"\n")), "{admission}");
    }

    #[test]
    fn what_a_strict_umask_hides_is_open_in_the_context_and_nothing_of_an_older_one_is_left() {
        let home = tempfile::tempdir().unwrap();
        let (from, context) = (home.path().join("from"), home.path().join("image"));
        fs::write(&from, "program").unwrap();
        open(&from, 0o600).unwrap();
        fs::create_dir_all(context.join("site")).unwrap();
        fs::write(context.join("site/old.js"), "old").unwrap();
        let part = |to: &str, is_program| Part { from: from.clone(), to: to.into(), is_program };
        assemble(&[part("programs/a", true), part("site/pkg/b.js", false)], &context).unwrap();
        let mode = |path: &str| fs::metadata(context.join(path)).unwrap().permissions().mode() & 0o777;
        let modes = ["programs/a", "programs", "site/pkg/b.js", "site/pkg", "site"].map(mode);
        assert_eq!(modes, [0o755, 0o755, 0o644, 0o755, 0o755]);
        assert!(!context.join("site/old.js").exists());
    }
}
