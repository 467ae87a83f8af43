//! Small words.

/// `1 pod`, `3 pods`.
pub fn count(n: u32, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!([count(0, "pod"), count(1, "pod"), count(2, "pod")], ["0 pods", "1 pod", "2 pods"]);
    }
}
