//! Base64 as certificates and tokens carry it: either alphabet, padding and line ends do not matter. Decoding only.

/// The bytes; none for another text.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut have) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0u32);
    for letter in text.bytes().filter(|letter| !letter.is_ascii_whitespace() && *letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        (bits, have) = ((bits << 6) | u32::from(value), have + 6);
        if have >= 8 {
            have -= 8;
            bytes.push(u8::try_from((bits >> have) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn both_alphabets_are_read() {
        assert_eq!(decode("aGVs\nbG8=").unwrap(), b"hello");
        assert_eq!(decode("_-8").unwrap(), decode("/+8=").unwrap());
        assert_eq!(decode("a b!"), None);
    }
}
