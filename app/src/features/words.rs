//! Small words.

use domain::figure::grouped;

/// `1 pod`, `3 pods`.
pub fn count(n: u32, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(n.into()))
}

/// What is typed before some workloads are deleted, each `<kind>/<name>`: the name of one, of several how many they are.
pub fn to_type(items: &[String]) -> String {
    match items {
        [one] => one.split_once('/').map_or(one.as_str(), |(_, name)| name).to_owned(),
        // Without a mark between the digits, which no keyboard has.
        all => format!("delete {} workloads", all.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_many_can_be_read() {
        assert_eq!([count(0, "pod"), count(1, "pod"), count(2, "pod")], ["0 pods", "1 pod", "2 pods"]);
        assert_eq!(count(20_000, "line"), "20\u{202f}000 lines");
    }

    #[test]
    fn one_workload_goes_under_its_name_and_several_under_their_number() {
        let items = |n: usize| vec!["deployment/demo".to_owned(); n];
        assert_eq!([1, 3, 2000].map(|n| to_type(&items(n))), ["demo", "delete 3 workloads", "delete 2000 workloads"]);
    }
}
