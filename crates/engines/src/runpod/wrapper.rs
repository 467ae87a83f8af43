//! The wrapper: lets us see how a container ended, which the provider does not show and would start again.
//! It runs the command, prints a line with the exit code, and waits until the node has read it and ends the instance.
use kubelet::{ContainerRequest, ProviderError};
use serde_json::json;
use sha2::{Digest, Sha256};

/// What the shell runs; the command follows as arguments.
const SCRIPT: &str = "if [ -n \"$REMOTEGPU_LIFETIME\" ]; then (sleep \"$REMOTEGPU_LIFETIME\"; runpodctl remove pod \
\"$RUNPOD_POD_ID\") & fi; \"$@\"; code=$?; echo \"$REMOTEGPU_EXIT_MARKER $code\"; while :; do sleep 3600; done";

/// The start command as the API takes it: `{"entrypoint":[…],"cmd":[…]}` in one text, or nothing for the image's own.
pub(super) fn start_command(container: &ContainerRequest, wrapped: bool) -> Option<String> {
    let (command, args) = (&container.command, &container.args);
    if wrapped {
        let mut entrypoint = vec!["/bin/sh", "-c", SCRIPT, "remotegpu"];
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
    use std::process::Command;

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
        assert_eq!(start_command(&container(&[], &[]), false), None);
        let of = |command: &[&str], args: &[&str]| -> serde_json::Value {
            serde_json::from_str(&start_command(&container(command, args), false).unwrap()).unwrap()
        };
        assert_eq!(of(&[], &["-L"]), json!({"cmd": ["-L"]}));
        assert_eq!(of(&["nvidia-smi", "-L"], &[]), json!({"cmd": [], "entrypoint": ["nvidia-smi", "-L"]}));
    }

    #[test]
    fn a_real_shell_says_the_code_and_then_waits() {
        let marker = exit_marker("uid", 0);
        let text = start_command(&container(&["sh", "-c", "echo out; exit 3"], &[]), true).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let words: Vec<&str> =
            parsed["entrypoint"].as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
        // Waiting is what `timeout` ends; what was printed before that is the answer.
        let script = words[2].replace("sleep 3600", "exit 0");
        let out = Command::new(words[0])
            .args(["-c", &script])
            .args(&words[3..])
            .env("REMOTEGPU_EXIT_MARKER", &marker)
            .output();
        let out = String::from_utf8(out.unwrap().stdout).unwrap();
        let code = out.lines().find_map(|line| exit_code(line, &marker));
        assert_eq!((out.lines().next(), code), (Some("out"), Some(3)), "{out}");
    }

    #[test]
    fn an_end_that_cannot_be_seen_is_refused() {
        assert_eq!(is_wrapped("Always", &container(&[], &[]), false), Ok(false));
        assert_eq!(is_wrapped("Never", &container(&["a"], &[]), false), Ok(true));
        assert!(is_wrapped("OnFailure", &container(&[], &[]), false).is_err());
        assert_eq!(is_wrapped("Never", &container(&[], &[]), true), Ok(false));
    }
}
