use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("localplane-pki-{}-{name}", std::process::id()));
    let _none_before = fs::remove_dir_all(&dir);
    dir
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

#[test]
fn a_second_start_uses_the_same_certificates() {
    let dir = dir("same");
    let first = Pki::open(&dir).unwrap();
    let before = fs::read(first.kubelet_serving("local", address(2)).unwrap().cert).unwrap();
    let second = Pki::open(&dir).unwrap();
    assert_eq!(fs::read(second.kubelet_serving("local", address(2)).unwrap().cert).unwrap(), before);
    assert_eq!(first.ca_bundle(), second.ca_bundle());
}

#[test]
fn a_changed_address_makes_a_new_certificate() {
    let pki = Pki::open(&dir("address")).unwrap();
    let before = fs::read(pki.apiserver_serving(Some(address(2))).unwrap().cert).unwrap();
    assert_ne!(fs::read(pki.apiserver_serving(Some(address(3))).unwrap().cert).unwrap(), before);
}

#[test]
fn a_certificate_that_runs_out_within_a_week_is_made_again() {
    let dir = dir("expiry");
    let pki = Pki::open(&dir).unwrap();
    let files = pki.client("admin", "admin", Some("system:masters")).unwrap();
    let before = fs::read(&files.cert).unwrap();
    let note = dir.join("admin.json");
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&note).unwrap()).unwrap();
    let six_days = time::OffsetDateTime::now_utc() + time::Duration::days(6);
    value["expires"] = six_days.unix_timestamp().into();
    fs::write(&note, value.to_string()).unwrap();
    pki.client("admin", "admin", Some("system:masters")).unwrap();
    assert_ne!(fs::read(&files.cert).unwrap(), before);
}

#[test]
fn a_new_authority_makes_new_certificates_but_keeps_the_token_key() {
    let dir = dir("authority");
    let pki = Pki::open(&dir).unwrap();
    let cert = fs::read(pki.webhook_serving(address(2)).unwrap().cert).unwrap();
    let token_key = fs::read(pki.token_key_files().key).unwrap();
    fs::remove_file(dir.join("ca.json")).unwrap();
    let again = Pki::open(&dir).unwrap();
    assert_ne!(pki.ca_bundle(), again.ca_bundle());
    assert_ne!(fs::read(again.webhook_serving(address(2)).unwrap().cert).unwrap(), cert);
    assert_eq!(fs::read(again.token_key_files().key).unwrap(), token_key);
}

#[test]
fn keys_are_private() {
    let pki = Pki::open(&dir("modes")).unwrap();
    let serving = pki.apiserver_serving(None).unwrap();
    for key in [pki.ca_key_file(), pki.token_key_files().key, serving.key] {
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600, "{}", key.display());
    }
}
