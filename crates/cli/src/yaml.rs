//! Reads YAML that others wrote; it is written by `domain::yaml`.

use anyhow::{Result, anyhow};
use domain::yaml::Node;

/// Reads one document; an empty one is [`Node::Null`].
///
/// # Errors
/// When it is not YAML, or has a key twice.
pub fn parse(text: &str) -> Result<Node> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Node::Null);
    }
    // Without the excerpt of the file that the parser would print: it may hold secrets.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| anyhow!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        parse(text).unwrap().write()
    }

    #[test]
    fn texts_that_another_yaml_would_misread_stay_texts() {
        assert_eq!(round("a: 'no'\nb: \"1e3\"\nc: '0x1f'\nd: '~'\n"), "a: \"no\"\nb: \"1e3\"\nc: \"0x1f\"\nd: \"~\"\n");
        assert_eq!(round("{'y': 1, 'a b': 2, name: 3}"), "\"y\": 1\n\"a b\": 2\nname: 3\n");
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let text =
            "a: [[1, 2], [], {}]\nb: {c: {d: [x, {e: f, g: [h]}]}}\nn: null\nt: true\nf: 1.5\ns: \"é \\\" \\\\ \\n\"\n";
        let node = parse(text).unwrap();
        assert_eq!(parse(&node.write()).unwrap(), node, "{}", node.write());
        assert_eq!(round(&node.write()), node.write());
    }

    #[test]
    fn anchors_are_written_out() {
        assert_eq!(round("a: &x {b: c}\nd: *x\n"), "a:\n  b: \"c\"\nd:\n  b: \"c\"\n");
    }

    #[test]
    fn an_error_never_quotes_the_file() {
        let error = parse("token: hunter2hunter2\nbad: [").unwrap_err();
        assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
    }
}
