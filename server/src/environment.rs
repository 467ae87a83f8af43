//! Refuses environment variables that look like settings and are none: a typo must not switch a setting off in silence.
//!
//! Source: `security.md` §9 (Start-up: an unknown setting).

use anyhow::bail;
use clap::CommandFactory as _;

use crate::args::Args;

const PREFIX: &str = "REMOTEGPU_";
/// Ours too, but of `kubectl`, `up.env` and the tests.
const OF_OTHERS: [&str; 7] = [
    "REMOTEGPU_API_KEY",
    "REMOTEGPU_URL",
    "REMOTEGPU_SERVER",
    "REMOTEGPU_CA_FILE",
    "REMOTEGPU_ADMIN_EMAIL",
    "REMOTEGPU_ADMIN_PASSWORD",
    "REMOTEGPU_KUBECTL",
];
const OF_TESTS: &str = "REMOTEGPU_TEST_";

/// Looks at this process's environment.
///
/// # Errors
/// Names the first unknown variable and the nearest known one; never a value.
pub fn check() -> anyhow::Result<()> {
    let mut known = Vec::new();
    collect(&Args::command(), &mut known);
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    check_all(&known, std::env::vars_os().map(|(name, value)| (text(name), text(value))))
}

fn collect(command: &clap::Command, known: &mut Vec<String>) {
    known.extend(command.get_arguments().filter_map(|a| Some(a.get_env()?.to_string_lossy().into_owned())));
    command.get_subcommands().for_each(|inner| collect(inner, known));
}

fn check_all(known: &[String], present: impl Iterator<Item = (String, String)>) -> anyhow::Result<()> {
    let ours = present.filter(|(name, _)| name.starts_with(PREFIX));
    let mut unknown: Vec<String> = ours
        .filter(|(name, value)| !known.contains(name) && !is_of_others(name, value))
        .map(|(name, _)| name)
        .collect();
    unknown.sort();
    let Some(name) = unknown.first() else { return Ok(()) };
    match nearest(name, known) {
        Some(near) => bail!("Unknown setting {name} in the environment: did you mean {near}?"),
        None => bail!("Unknown setting {name} in the environment: see remotegpu serve --help"),
    }
}

/// Kubernetes gives each pod the addresses of the Services in its namespace, under their names; one is called
/// `remotegpu`.
fn is_of_others(name: &str, value: &str) -> bool {
    let service = name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.contains("_PORT_");
    let address = name.ends_with("_PORT") && value.contains("://");
    OF_OTHERS.contains(&name) || name.starts_with(OF_TESTS) || service || address
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    let distance = |other: &&String| strsim::damerau_levenshtein(name, other);
    // Further than a third of its letters is another word, not a slip.
    known.iter().min_by_key(distance).filter(|other| distance(other) <= (name.len() - PREFIX.len()) / 3 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, value: &str) -> anyhow::Result<()> {
        let known = ["REMOTEGPU_LISTEN", "REMOTEGPU_PEPPER_FILE"].map(str::to_owned);
        check_all(&known, [(name.to_owned(), value.to_owned())].into_iter())
    }

    #[test]
    fn a_slip_is_named_with_what_was_meant_and_without_its_value() {
        let error = check_one("REMOTEGPU_PEPER_FILE", "hunter2").unwrap_err().to_string();
        assert_eq!(
            error,
            "Unknown setting REMOTEGPU_PEPER_FILE in the environment: did you mean REMOTEGPU_PEPPER_FILE?"
        );
        let far = check_one("REMOTEGPU_TURBO_MODE", "on").unwrap_err().to_string();
        assert!(far.contains("REMOTEGPU_TURBO_MODE") && far.contains("--help"), "{far}");
    }

    #[test]
    fn what_is_known_or_somebody_elses_is_left_alone() {
        for (name, value) in [
            ("REMOTEGPU_LISTEN", "x"),
            ("REMOTEGPU_API_KEY", "x"),
            ("REMOTEGPU_TEST_DIR", "x"),
            ("REMOTEGPU_SERVICE_HOST", "10.0.0.1"),
            ("REMOTEGPU_SERVICE_PORT_HTTP", "80"),
            ("REMOTEGPU_PORT", "tcp://10.0.0.1:80"),
            ("REMOTEGPU_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("REMOTE_GPU", "x"),
            ("PATH", "x"),
        ] {
            assert!(check_one(name, value).is_ok(), "{name}");
        }
        assert!(check_one("REMOTEGPU_PORT", "8080").is_err());
    }

    #[test]
    fn every_setting_of_this_program_is_known() {
        let mut known = Vec::new();
        collect(&Args::command(), &mut known);
        for name in ["REMOTEGPU_LISTEN", "REMOTEGPU_DATABASE", "REMOTEGPU_PASSWORD_FILE"] {
            assert!(known.iter().any(|other| other == name), "{name}");
        }
    }
}
