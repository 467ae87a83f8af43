//! Numbers as people read them. What programs read (JSON, CSV, fields of forms) has digits and a point only.

/// Between groups of three digits: thin, neither the comma nor the point, each of which is a decimal mark somewhere
/// (ISO 80000-1), and no place to break a line.
const GAP: char = '\u{202f}';

/// The digits in groups of three: `1 234 567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(GAP);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let all = [0, 12, 999, 1000, 20_000, 123_456, 1_234_567].map(|number| grouped(number).replace(GAP, " "));
        assert_eq!(all, ["0", "12", "999", "1 000", "20 000", "123 456", "1 234 567"]);
        assert_eq!([-12, -1000].map(|number| grouped(number).replace(GAP, " ")), ["-12", "-1 000"]);
    }
}
