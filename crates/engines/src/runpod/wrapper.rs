//! The wrapper: lets us see how a container ended, which the provider does not show and would start again.
//! It runs the command, prints a line with the exit code, and waits until the node has read it and ends the instance.
use kubelet::{ContainerRequest, ProviderError};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Ends the instance when its time is over.
const LIFETIME: &str = "if [ -n \"$REMOTEGPU_LIFETIME\" ]; then (sleep \"$REMOTEGPU_LIFETIME\"; \
until runpodctl remove pod \"$RUNPOD_POD_ID\"; do sleep 60; done) & fi; ";
/// Runs the command, which follows as arguments.
const RUN: &str = "\"$@\"; ";
/// Says how it ended, and waits.
const SAY: &str = "code=$?; echo \"$REMOTEGPU_EXIT_MARKER $code\"; while :; do sleep 3600; done";
/// Writes the files of `files::pack`. What is in them is in no command's words. One that is there already goes first: whoever
/// is not root cannot write into its own read-only file at the next start, and others might read an older one meanwhile.
const UNPACK: &str = "unpack() { printf %s \"$REMOTEGPU_FILES\" | tr ';' '\\n' | while read -r mode path content; do \
path=$(printf %s \"$path\" | base64 -d) && mkdir -p \"${path%/*}\" && { rm -f \"$path\" 2>/dev/null || :; } && \
(umask 077; printf %s \"$content\" | base64 -d >\"$path\") && chmod \"$mode\" \"$path\" || exit 1; done; }; ";
/// Runs the command once the files are there; a command without its files is one that failed.
const RUN_WITH_FILES: &str = "if unpack; then unset REMOTEGPU_FILES; \"$@\"; \
else echo 'remotegpu: the files of the volumes cannot be written' >&2; false; fi; ";
/// The same for a command that nobody watches: it takes the shell's place.
const BECOME_WITH_FILES: &str = "if unpack; then unset REMOTEGPU_FILES; exec \"$@\"; fi; \
echo 'remotegpu: the files of the volumes cannot be written' >&2; sleep 10; exit 1";

/// The start command as the API takes it: `{"entrypoint":[…],"cmd":[…]}` in one text, or nothing for the image's own.
pub(super) fn start_command(container: &ContainerRequest, wrapped: bool, has_files: bool) -> Option<String> {
    let (command, args) = (&container.command, &container.args);
    let script = match (wrapped, has_files) {
        (true, true) => Some(format!("{UNPACK}{LIFETIME}{RUN_WITH_FILES}{SAY}")),
        (true, false) => Some(format!("{LIFETIME}{RUN}{SAY}")),
        (false, true) => Some(format!("{UNPACK}{BECOME_WITH_FILES}")),
        (false, false) => None,
    };
    if let Some(script) = &script {
        let mut entrypoint = vec!["/bin/sh", "-c", script.as_str(), "remotegpu"];
        entrypoint.extend(command.iter().chain(args).map(String::as_str));
        return Some(json!({"entrypoint": entrypoint, "cmd": []}).to_string());
    }
    match (command.is_empty(), args.is_empty()) {
        (true, true) => None,
        // The image's own entrypoint stays; only its arguments are replaced.
        (true, false) => Some(json!({"cmd": args}).to_string()),
        (false, _) => Some(json!({"entrypoint": command, "cmd": args}).to_string()),
    }
}

/// Whether a container must be wrapped: its end matters, and its command is known.
///
/// # Errors
/// [`ProviderError::Unsupported`] if its end matters and cannot be seen.
pub(super) fn is_wrapped(
    restart_policy: &str,
    container: &ContainerRequest,
    until_deleted: bool,
) -> Result<bool, ProviderError> {
    if restart_policy == "Always" || until_deleted {
        return Ok(false);
    }
    if container.command.is_empty() {
        return Err(ProviderError::Unsupported(format!(
            "CompletionNotObservable: RunPod does not tell when a container ends, so restartPolicy {restart_policy} needs \
             a command in container {}; or set the annotation runpod.io/completion to until-deleted",
            container.spec.name
        )));
    }
    Ok(true)
}

/// The text before the exit code. A tenant could print it: it only ends their own pod.
pub(super) fn exit_marker(uid: &str, attempt: u32) -> String {
    let digest = Sha256::digest(format!("{uid}/{attempt}"));
    let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("remotegpu-exit-{hex}")
}

/// The exit code, if this line is the marker's.
pub(super) fn exit_code(line: &str, marker: &str) -> Option<i32> {
    line.trim_end().strip_prefix(marker)?.strip_prefix(' ')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt as _, process::Command};

    use k8s_openapi::api::core::v1::Container;

    use super::*;

    fn container(command: &[&str], args: &[&str]) -> ContainerRequest {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        ContainerRequest {
            spec: Container { name: "app".into(), ..Container::default() },
            attempt: 0,
            env: Vec::new(),
            command: texts(command),
            args: texts(args),
        }
    }

    #[test]
    fn command_and_args_mean_what_they_mean_in_kubernetes() {
        assert_eq!(start_command(&container(&[], &[]), false, false), None);
        let of = |command: &[&str], args: &[&str]| -> serde_json::Value {
            serde_json::from_str(&start_command(&container(command, args), false, false).unwrap()).unwrap()
        };
        assert_eq!(of(&[], &["-L"]), json!({"cmd": ["-L"]}));
        assert_eq!(of(&["nvidia-smi", "-L"], &[]), json!({"cmd": [], "entrypoint": ["nvidia-smi", "-L"]}));
    }

    #[test]
    fn a_real_shell_says_the_code_and_then_waits() {
        let marker = exit_marker("uid", 0);
        let out = run(&["sh", "-c", "echo out; exit 3"], "", &[("REMOTEGPU_EXIT_MARKER", marker.as_str())]);
        let code = out.lines().find_map(|line| exit_code(line, &marker));
        assert_eq!((out.lines().next(), code), (Some("out"), Some(3)), "{out}");
    }

    #[test]
    fn a_real_shell_removes_its_own_instance_when_its_time_is_over() {
        // What RunPod's tool does: it is told which instance, and everything in it ends, the command that still runs too.
        // The first time it cannot reach anybody.
        let tool = "runpodctl() { if [ -z \"$again\" ]; then again=1; return 1; fi; echo \"$*\"; kill -s KILL 0; }; ";
        let own = ("RUNPOD_POD_ID", "pod-1");
        assert_eq!(run(&["sleep", "60"], tool, &[("REMOTEGPU_LIFETIME", "0"), own]), "remove pod pod-1\n");
        let unlimited = run(&["echo", "out"], tool, &[("REMOTEGPU_EXIT_MARKER", "end"), own]);
        assert_eq!(unlimited, "out\nend 0\n", "without a limit nobody removes it");
    }

    /// What a wrapped command prints until it ends, or until the script would wait; `before` stands before the script.
    fn run(command: &[&str], before: &str, variables: &[(&str, &str)]) -> String {
        let has_files = variables.iter().any(|(name, _)| *name == "REMOTEGPU_FILES");
        ran(&start_command(&container(command, &[]), true, has_files).unwrap(), before, variables)
    }

    /// The same for any start command.
    fn ran(text: &str, before: &str, variables: &[(&str, &str)]) -> String {
        let parsed: serde_json::Value = serde_json::from_str(text).unwrap();
        let words: Vec<&str> =
            parsed["entrypoint"].as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
        // Waiting is what the node ends; what was printed before that is the answer.
        let script = words[2].replace("sleep 3600", "exit 0").replace("sleep 60;", ":;");
        let script = format!("{before}{script}");
        let mut shell = Command::new(words[0]);
        shell.args(["-c", &script]).args(&words[3..]).envs(variables.iter().copied());
        // A group of its own, so that whoever ends everything in it ends nothing else.
        let out = shell.process_group(0).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    }

    #[test]
    fn a_real_shell_writes_the_files_before_the_command_runs_and_tells_it_nothing_else_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = format!("{}/a folder/it's", dir.path().display());
        let packed =
            crate::runpod::files::line(&path, 0o640, b"one\ntwo") + &crate::runpod::files::line(&path, 0o640, b"");
        let show =
            ["sh", "-c", "stat -c %a \"$0\"; wc -c <\"$0\"; echo \"${REMOTEGPU_FILES-unset}\"; exit 3", path.as_str()];
        let variables = [("REMOTEGPU_FILES", packed.as_str()), ("REMOTEGPU_EXIT_MARKER", "end")];
        assert_eq!(run(&show, "", &variables), "640\n0\nunset\nend 3\n");
        let packed = crate::runpod::files::line(&path, 0o600, b"one\ntwo");
        let text = start_command(&container(&show, &[]), false, true).unwrap();
        assert!(!text.contains("two"), "{text}");
        assert_eq!(ran(&text, "", &[("REMOTEGPU_FILES", &packed)]), "600\n7\nunset\n");
        let nowhere = crate::runpod::files::line("/proc/none/x", 0o600, b"x");
        let variables = [("REMOTEGPU_FILES", nowhere.as_str()), ("REMOTEGPU_EXIT_MARKER", "end")];
        assert_eq!(run(&["echo", "never"], "", &variables), "end 1\n", "no command without its files");
    }

    #[test]
    fn an_end_that_cannot_be_seen_is_refused() {
        assert_eq!(is_wrapped("Always", &container(&[], &[]), false), Ok(false));
        assert_eq!(is_wrapped("Never", &container(&["a"], &[]), false), Ok(true));
        assert!(is_wrapped("OnFailure", &container(&[], &[]), false).is_err());
        assert_eq!(is_wrapped("Never", &container(&[], &[]), true), Ok(false));
    }
}
