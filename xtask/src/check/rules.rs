//! `docs/SECURITY-RULES.md` names a test or a reason for each rule; each test that it names is there.

use std::path::Path;

use super::{Outcome, broken};

const PAGE: &str = "docs/SECURITY-RULES.md";

/// Finds rules without a proof or a reason, and proofs that are gone.
pub fn check(root: &Path) -> Outcome {
    let text = std::fs::read_to_string(root.join(PAGE)).map_err(|error| broken(&error.into()))?;
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Rule |")).collect();
    let source = |file: &str| std::fs::read_to_string(root.join(file)).ok();
    let wrong: Vec<String> = rows.iter().flat_map(|row| wrong(row, source)).collect();
    if wrong.is_empty() { Ok(format!("{} rules", rows.len())) } else { Err(wrong) }
}

fn wrong(row: &str, source: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut columns = row.trim_matches('|').split(" | ").map(str::trim);
    let (Some(rule), Some(_), Some(proof), None) = (columns.next(), columns.next(), columns.next(), columns.next())
    else {
        return vec![format!("not three columns: {row}")];
    };
    if proof.is_empty() || proof == "none" {
        return vec![format!("neither test nor reason: {rule}")];
    }
    let named = proof.split('`').skip(1).step_by(2).filter_map(|part| part.split_once("::"));
    let there = |file: &str, test: &str| {
        let text = source(file)?;
        // Rust names a function, Playwright a sentence.
        (text.contains(&format!("fn {test}(")) || text.contains(&format!("\"{test}\""))).then_some(())
    };
    named
        .filter(|(file, test)| there(file, test).is_none())
        .map(|(file, test)| format!("no {test} in {file}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_a_test_that_is_there_or_a_reason() {
        let source = |file: &str| match file {
            "a.rs" => Some("async fn it_holds() {".to_owned()),
            "b.spec.ts" => Some("test(\"signs in\", async".to_owned()),
            _ => None,
        };
        let found = |proof: &str| wrong(&format!("| 1.1 A rule | `x.rs` | {proof} |"), source);
        for kept in ["`a.rs::it_holds`", "`b.spec.ts::signs in`, in part: `a.rs::it_holds` (x)", "none: not built yet"]
        {
            assert_eq!(found(kept), Vec::<String>::new(), "{kept}");
        }
        assert_eq!(found("none"), ["neither test nor reason: 1.1 A rule"]);
        assert_eq!(found("`a.rs::it_held`, `c.rs::it_holds`"), ["no it_held in a.rs", "no it_holds in c.rs"]);
        assert_eq!(wrong("| a | b |", source), ["not three columns: | a | b |"]);
    }
}
