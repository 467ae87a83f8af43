//! `$(VAR)` in values, commands and arguments.
//! Unknown names stay as written, `$$` is one literal dollar sign, as in Kubernetes.

/// Expands `$(NAME)` by the variables known so far; `None` if it would have more than `most` bytes. A few variables, each
/// of which names the one before twice, fill any memory.
pub(crate) fn expand(text: &str, variables: &[(String, String)], most: usize) -> Option<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        result.push_str(before);
        rest = expand_one(after, variables, &mut result);
        if result.len() > most {
            return None;
        }
    }
    result.push_str(rest);
    (result.len() <= most).then_some(result)
}

/// Handles what follows a dollar sign and returns what is left of the text.
fn expand_one<'a>(after: &'a str, variables: &[(String, String)], result: &mut String) -> &'a str {
    if let Some(rest) = after.strip_prefix('$') {
        result.push('$');
        return rest;
    }
    if let Some((name, rest)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        match variables.iter().rev().find(|(known, _)| known == name) {
            Some((_, value)) => result.push_str(value),
            None => {
                result.push_str("$(");
                result.push_str(name);
                result.push(')');
            }
        }
        return rest;
    }
    result.push('$');
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        expand(text, &known(), 100).unwrap()
    }

    fn known() -> Vec<(String, String)> {
        vec![("A".into(), "one".into()), ("B".into(), "$(A)".into())]
    }

    #[test]
    fn known_names_expand_and_unknown_ones_stay() {
        assert_eq!(expanded("x $(A) $(C) y"), "x one $(C) y");
    }

    #[test]
    fn values_are_not_expanded_twice() {
        assert_eq!(expanded("$(B)"), "$(A)");
    }

    #[test]
    fn two_dollars_are_one_and_stop_the_expansion() {
        assert_eq!(expanded("$$(A) $$ $ $( $"), "$(A) $ $ $( $");
    }

    #[test]
    fn no_text_grows_beyond_what_there_is_room_for() {
        assert_eq!(expand("$(A)$(A)", &known(), 6).as_deref(), Some("oneone"));
        assert_eq!(expand("$(A)$(A)", &known(), 5), None);
        assert_eq!(expand("text", &known(), 3), None);
    }
}
