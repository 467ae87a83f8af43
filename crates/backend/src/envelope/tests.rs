use std::sync::atomic::{AtomicU8, Ordering};

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::*;

/// Counts, so that no two fills are the same.
#[derive(Default)]
struct Counting(AtomicU8);

impl Random for Counting {
    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

const PLACE: Place<'static> = Place { table: "engines", row: "one", field: "credentials" };

fn keys(lines: &[&str]) -> Envelope {
    let lines: Vec<String> = lines.iter().map(|line| line.repeat(32)).collect();
    Envelope::from_hex_lines(&lines.join("\n")).unwrap()
}

fn sealed(with: &Envelope, random: &Counting) -> String {
    with.seal(random, PLACE, &SecretString::from("a token")).unwrap()
}

#[test]
fn a_secret_comes_back_at_its_place_and_nowhere_else() {
    let (envelope, random) = (keys(&["ab"]), Counting::default());
    let text = sealed(&envelope, &random);
    assert!(!text.contains("token"));
    assert_eq!(envelope.open(PLACE, &text).unwrap().expose_secret(), "a token");
    for elsewhere in [Place { row: "two", ..PLACE }, Place { field: "x", ..PLACE }, Place { table: "x", ..PLACE }] {
        assert!(envelope.open(elsewhere, &text).is_err(), "{elsewhere:?}");
    }
    assert_ne!(sealed(&envelope, &random), text, "a data key of its own each time");
}

#[test]
fn a_change_of_any_letter_is_noticed() {
    let (envelope, random) = (keys(&["ab"]), Counting::default());
    let text = sealed(&envelope, &random);
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let opened = envelope.open(PLACE, &changed);
        // The last letter of base64 may carry bits that mean nothing: then decoding refuses it.
        assert!(opened.is_err(), "letter {at}");
    }
    assert!(envelope.open(PLACE, "").is_err() && envelope.open(PLACE, "v2.a.b.c").is_err());
}

#[test]
fn an_older_key_opens_until_its_secrets_are_wrapped_anew() {
    let (old, both, new, random) = (keys(&["ab"]), keys(&["cd", "ab"]), keys(&["cd"]), Counting::default());
    let text = sealed(&old, &random);
    assert_eq!(kek_id(&text), Some(old.current_id()));
    assert!(new.open(PLACE, &text).is_err() && !new.knows(old.current_id()));
    let wrapped = both.rewrap(&random, PLACE, &text).unwrap().unwrap();
    assert_eq!(new.open(PLACE, &wrapped).unwrap().expose_secret(), "a token");
    assert_eq!(both.rewrap(&random, PLACE, &wrapped).unwrap(), None);
    assert_eq!(wrapped.split('.').next_back(), text.split('.').next_back(), "the secret itself stayed as it was");
    assert!(both.rewrap(&random, Place { row: "two", ..PLACE }, &text).is_err());
}

#[test]
fn weak_and_missing_keys_are_refused() {
    for weak in ["", "\n", "ab", &"zz".repeat(32), &"ab".repeat(31), &format!("{}\nab", "ab".repeat(32))] {
        assert!(Envelope::from_hex_lines(weak).is_err(), "{weak}");
    }
}
