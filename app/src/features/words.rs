//! Small words.

use domain::figure::grouped;

/// `1 pod`, `3 pods`.
pub fn count(n: u32, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(n.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_many_can_be_read() {
        assert_eq!([count(0, "pod"), count(1, "pod"), count(2, "pod")], ["0 pods", "1 pod", "2 pods"]);
        assert_eq!(count(20_000, "line"), "20\u{202f}000 lines");
    }
}
