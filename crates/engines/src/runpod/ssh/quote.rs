//! SSH carries one text for a shell, Kubernetes a list of words: this makes the one of the other, exactly.
//! The container's variables are put in front, as the provider does not give them to SSH sessions.
use std::collections::BTreeMap;

use kubelet::ProviderError;

/// Longest text that Linux takes as one word of a command, which the server's shell gets it as.
const MOST_BYTES: usize = 128 * 1024 - 1;
/// Runs its words. It stands between only where `env` would take the program's name for a variable or an option, for a
/// shell passes on no variables with odd names.
const RUN: &str = "exec \"$@\"";

/// Goes to where the container's first process is, as far as that can be known: a session begins in its user's home.
const PLACE: &str = "{ cd \"$(readlink /proc/1/cwd)\"; } 2>/dev/null; ";

/// The text that makes a POSIX shell run `command` with the variables of `env`.
///
/// # Errors
/// [`ProviderError::Unavailable`] if no shell can be told so: a word with NUL, or more than a command may have.
pub(super) fn command(env: &BTreeMap<String, String>, command: &[String]) -> Result<String, ProviderError> {
    let no = |why: String| Err(ProviderError::Unavailable(why));
    if command.iter().any(|word| word.contains('\0')) {
        return no("The command has a NUL character, which no program can be given".into());
    }
    // What cannot be a variable of a process, or would be an option of `env`, is left out.
    let usable = |name: &str, value: &str| {
        !name.is_empty() && !name.starts_with('-') && !name.contains('=') && !has_nul(name, value)
    };
    let variables = env.iter().filter(|(name, value)| usable(name, value));
    let mut text = format!("{PLACE}exec env");
    for (name, value) in variables {
        text.push(' ');
        text.push_str(&word(&format!("{name}={value}")));
    }
    let between: &[&str] = match command.first() {
        Some(program) if program.contains('=') || program.starts_with('-') => &["/bin/sh", "-c", RUN, "sh"],
        _ => &[],
    };
    for part in between.iter().copied().chain(command.iter().map(String::as_str)) {
        text.push(' ');
        text.push_str(&word(part));
    }
    if text.len() > MOST_BYTES {
        let length = text.len();
        return no(format!("The command and the pod's variables have {length} bytes together; SSH takes {MOST_BYTES}"));
    }
    Ok(text)
}

fn has_nul(name: &str, value: &str) -> bool {
    name.contains('\0') || value.contains('\0')
}

/// One word for a POSIX shell: between single quotes nothing has a meaning but the quote itself.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    /// What a real shell makes of it: each word of the command behind a NUL, then the variable.
    fn through_sh(env: &BTreeMap<String, String>, words: &[String]) -> (Vec<Vec<u8>>, i32) {
        let mut all =
            texts(&["/bin/sh", "-c", "for word in \"$@\" \"$GREETING\"; do printf '%s\\0' \"$word\"; done", "sh"]);
        all.extend(words.iter().cloned());
        let text = command(env, &all).unwrap();
        let output = Command::new("/bin/sh").arg("-c").arg(text).env_remove("GREETING").output().unwrap();
        let mut words: Vec<Vec<u8>> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        words.pop();
        (words, output.status.code().unwrap_or(-1))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn every_word_and_variable_comes_through_a_real_shell_as_it_is(
            words in proptest::collection::vec("[^\0]{0,40}", 0..6),
            value in "[^\0]{0,40}",
        ) {
            let env = BTreeMap::from([("GREETING".to_owned(), value.clone())]);
            let (mut came, code) = through_sh(&env, &words);
            prop_assert_eq!(code, 0);
            prop_assert_eq!(came.pop(), Some(value.into_bytes()));
            let words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(came, words);
        }
    }

    #[test]
    fn what_a_shell_would_take_for_its_own_is_only_text() {
        let hostile =
            texts(&["$(reboot)", "`id`", "'; exit 9; '", "a\nb", "", "*", "~", "\\", "-n", "--", "A=b", "!!"]);
        let (came, code) = through_sh(&BTreeMap::new(), &hostile);
        let mut wanted: Vec<Vec<u8>> = hostile.into_iter().map(String::into_bytes).collect();
        wanted.push(Vec::new());
        assert_eq!((came, code), (wanted, 0));
    }

    #[test]
    fn a_program_with_an_equals_sign_is_no_variable_and_odd_variables_do_no_harm() {
        let odd = [("-i", "x"), ("A=B", "x"), ("", "x"), ("UID", "7"), ("with.dot", "y")];
        let env: BTreeMap<String, String> = odd.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let run = |words: &[&str]| {
            let text = command(&env, &texts(words)).unwrap();
            Command::new("/bin/sh").arg("-c").arg(text).output().unwrap()
        };
        assert_eq!(run(&["A=b"]).status.code(), Some(127));
        let output = String::from_utf8(run(&["env"]).stdout).unwrap();
        assert!(output.lines().any(|line| line == "with.dot=y") && !output.contains("A=B=x"), "{output}");
        assert_eq!(run(&["/bin/sh", "-c", "exit 7"]).status.code(), Some(7));
    }

    #[test]
    fn a_command_starts_where_the_first_process_is() {
        let text = command(&BTreeMap::new(), &texts(&["pwd", "-P"])).unwrap();
        let output = Command::new("/bin/sh").arg("-c").arg(text).output().unwrap();
        let wanted = std::fs::read_link("/proc/1/cwd").or_else(|_| std::env::current_dir()).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), wanted.to_string_lossy());
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }

    #[test]
    fn what_no_shell_can_be_told_is_refused() {
        let env = BTreeMap::new();
        assert!(command(&env, &texts(&["a\0b"])).is_err());
        let long = command(&env, &["x".repeat(MOST_BYTES)]).unwrap_err().to_string();
        assert!(long.contains("SSH takes 131071"), "{long}");
    }
}
