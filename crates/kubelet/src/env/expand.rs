//! `$(VAR)` in values, commands and arguments.
//! Unknown names stay as written, `$$` is one literal dollar sign, as in Kubernetes.

/// Expands `$(NAME)` by the variables known so far.
pub(crate) fn expand(text: &str, variables: &[(String, String)]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        result.push_str(before);
        rest = expand_one(after, variables, &mut result);
    }
    result.push_str(rest);
    result
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

    fn known() -> Vec<(String, String)> {
        vec![("A".into(), "one".into()), ("B".into(), "$(A)".into())]
    }

    #[test]
    fn known_names_expand_and_unknown_ones_stay() {
        assert_eq!(expand("x $(A) $(C) y", &known()), "x one $(C) y");
    }

    #[test]
    fn values_are_not_expanded_twice() {
        assert_eq!(expand("$(B)", &known()), "$(A)");
    }

    #[test]
    fn two_dollars_are_one_and_stop_the_expansion() {
        assert_eq!(expand("$$(A) $$ $ $( $", &known()), "$(A) $ $ $( $");
    }
}
