//! `docs/SECURITY-RULES.md` and `docs/VIRTUAL-NODE.md` name a test or a reason for each rule, `docs/REPLACES.md` for each
//! step of the published pages; each test that they name is there.

use std::path::Path;

use super::{Outcome, broken};

/// The pages, and how many rules with the numbers D1, D2, … each must have.
const PAGES: [(&str, usize); 3] =
    [("docs/SECURITY-RULES.md", 0), ("docs/REPLACES.md", 0), ("docs/VIRTUAL-NODE.md", 30)];
/// How the first lines of their tables begin.
const HEADS: [&str; 2] = ["| Rule |", "| Step |"];

/// Finds rules without a proof or a reason, and proofs that are gone.
pub fn check(root: &Path) -> Outcome {
    let source = |file: &str| std::fs::read_to_string(root.join(file)).ok();
    let (mut rules, mut all) = (0, Vec::new());
    for (page, numbered) in PAGES {
        let text = std::fs::read_to_string(root.join(page)).map_err(|error| broken(&error.into()))?;
        let is_rule = |line: &&str| line.starts_with("| ") && HEADS.iter().all(|head| !line.starts_with(head));
        let rows: Vec<&str> = text.lines().filter(is_rule).collect();
        rules += rows.len();
        all.extend(rows.iter().flat_map(|row| wrong(row, source)));
        all.extend(missing(&rows, numbered));
    }
    if all.is_empty() { Ok(format!("{rules} rules")) } else { Err(all) }
}

fn missing(rows: &[&str], numbered: usize) -> Vec<String> {
    let starts = |number: &usize| rows.iter().any(|row| row.starts_with(&format!("| D{number} ")));
    (1..=numbered).filter(|number| !starts(number)).map(|number| format!("no rule D{number}")).collect()
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

    #[test]
    fn no_number_is_left_out() {
        let rows = ["| D1 One | `x.rs` | none: x |", "| D12 Twelve | `x.rs` | none: x |"];
        assert_eq!(missing(&rows, 2), ["no rule D2"]);
        assert_eq!(missing(&rows, 0), Vec::<String>::new());
    }
}
