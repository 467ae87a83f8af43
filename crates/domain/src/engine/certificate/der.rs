//! As much of X.509 as a form shows: the names of subject and issuer, the last moment. Anything unexpected is "no
//! certificate"; nothing is trusted because of what is read here.

use jiff::Timestamp;

use super::Certificate;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// What is shown of it.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (body, _) = expect(certificate, SEQUENCE)?;
    let (tag, _, after) = element(body)?;
    // Version (optional), serial number, algorithm.
    let rest = if tag == VERSION { element(after)?.2 } else { after };
    let rest = element(rest)?.2;
    let (issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, rest) = expect(rest, SEQUENCE)?;
    let (subject, _) = expect(rest, SEQUENCE)?;
    let (_, _, last) = element(validity)?;
    let (tag, time, _) = element(last)?;
    Some(Certificate { subject: name(subject), issuer: name(issuer), not_after: moment(tag, time)? })
}

/// Tag, content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// The last common name, else every part of the name.
fn name(mut subject: &[u8]) -> String {
    let (mut common, mut every) = (None, Vec::new());
    while let Some((set, rest)) = expect(subject, SET) {
        subject = rest;
        let Some((pair, _)) = expect(set, SEQUENCE) else { continue };
        let Some((_, kind, value)) = element(pair) else { continue };
        let Some((_, value, _)) = element(value) else { continue };
        let value: String = String::from_utf8_lossy(value).chars().filter(|c| !c.is_control()).take(200).collect();
        if kind == COMMON_NAME {
            common = Some(value.clone());
        }
        every.push(value);
    }
    common.unwrap_or_else(|| every.join(", "))
}

fn moment(tag: u8, time: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    if !text.is_ascii() {
        return None;
    }
    // Two digits of the year mean 1950 to 2049 (RFC 5280 §4.1.2.5.1).
    let text = match tag {
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        _ => text.to_owned(),
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}
