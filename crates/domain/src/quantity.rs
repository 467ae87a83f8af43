//! Kubernetes quantities as integers: CPU in milli-cores, everything else in bytes or plain counts.
//!
//! Source: Kubernetes API conventions, "Quantity" (decimal and binary suffixes, exponents).

use crate::{Error, Result};

/// Reads a quantity as thousandths: `500m` is 500, `2` is 2000, `1Ki` is 1 024 000.
///
/// # Errors
/// [`Error::Invalid`] on `quantity` for anything Kubernetes would not take, or negative, or beyond `i128`.
pub fn parse_milli(text: &str) -> Result<i128> {
    read(text)
        .ok_or_else(|| Error::field("quantity", "format", format!("\"{text}\" is not a quantity such as 500m, 2, 8Gi")))
}

fn read(text: &str) -> Option<i128> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || number.len() > 24 || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (multiply, divide) = factor(suffix)?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(divide)?;
    let milli = digits.checked_mul(multiply)?.checked_mul(1000)?;
    // Round up as Kubernetes does: a request is never understated.
    Some(milli.checked_add(scale - 1)? / scale)
}

fn factor(suffix: &str) -> Option<(i128, i128)> {
    let binary = |power: u32| Some((1024_i128.pow(power), 1));
    let decimal = |power: u32| Some((10_i128.pow(power), 1));
    match suffix {
        "" => Some((1, 1)),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1000)),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => exponent(suffix),
    }
}

fn exponent(suffix: &str) -> Option<(i128, i128)> {
    let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let size = 10_i128.checked_pow(power.unsigned_abs()).filter(|_| power.abs() <= 18)?;
    Some(if power < 0 { (1, size) } else { (size, 1) })
}

/// Writes thousandths in the shortest plain form: `1500m`, or a whole number.
pub fn format_milli(milli: i128) -> String {
    if milli % 1000 == 0 { (milli / 1000).to_string() } else { format!("{milli}m") }
}

/// Writes thousandths of bytes with the largest binary suffix that divides them.
pub fn format_bytes(milli: i128) -> String {
    let bytes = milli / 1000;
    let units = [("Ti", 1_i128 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    match units.iter().find(|(_, size)| bytes > 0 && bytes % size == 0) {
        Some((suffix, size)) => format!("{}{suffix}", bytes / size),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_notations_of_kubernetes_are_read() {
        for (text, milli) in [
            ("0", 0),
            ("100m", 100),
            ("1.5", 1500),
            ("2", 2000),
            ("1Ki", 1_024_000),
            ("1k", 1_000_000),
            ("1e3", 1_000_000),
            ("1E", 10_i128.pow(21)),
            ("5n", 1),
            (".5", 500),
        ] {
            assert_eq!(parse_milli(text).unwrap(), milli, "{text}");
        }
        for bad in ["", "Gi", "-1", "1 Gi", "1gi", "1.2.3", "1e99", "0x10"] {
            assert!(parse_milli(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bytes_take_the_largest_suffix_that_fits() {
        assert_eq!(format_bytes(parse_milli("8192Mi").unwrap()), "8Gi");
        assert_eq!(format_bytes(parse_milli("1000").unwrap()), "1000");
        assert_eq!(format_milli(1500), "1500m");
    }
}
