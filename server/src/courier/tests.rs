use std::net::TcpListener;

use super::*;

fn outgoing(url: &WebhookUrl) -> Outgoing<'_> {
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, "x".to_owned()));
    Outgoing { url, headers, body: "{}".to_owned() }
}

fn courier(networks: &[&str]) -> HttpsCourier {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let networks: Vec<String> = networks.iter().map(|text| (*text).to_owned()).collect();
    HttpsCourier::open(policy(&networks, &Own::default()).unwrap(), None).unwrap()
}

#[tokio::test]
async fn nothing_at_all_is_sent_to_an_address_that_is_denied_however_it_is_named() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let url = WebhookUrl::parse(&format!("https://{host}:{port}/x")).unwrap();
        assert_eq!(courier(&[]).post(outgoing(&url)).await, Err(Problem::DeniedAddress), "{host}");
    }
    assert!(listener.accept().is_err(), "the listener stays silent");
}

#[tokio::test]
async fn whoever_does_not_listen_is_a_connection_and_a_name_of_nobody_is_dns() {
    let url = WebhookUrl::parse("https://127.0.0.1:1/x").unwrap();
    assert_eq!(courier(&["127.0.0.0/8"]).post(outgoing(&url)).await, Err(Problem::Connection));
    let url = WebhookUrl::parse("https://nobody.invalid/x").unwrap();
    assert_eq!(courier(&[]).post(outgoing(&url)).await, Err(Problem::Dns));
}

#[test]
fn a_range_that_is_none_is_refused_at_start() {
    assert!(policy(&["10.0.0.0/99".to_owned()], &Own::default()).is_err());
    assert!(HttpsCourier::new(AddressPolicy::default(), Some("-----BEGIN CERTIFICATE-----\nx")).is_err());
}
