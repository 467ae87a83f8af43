//! A host with a certificate, behind the socket that stands for it.

use std::os::unix::fs::PermissionsExt as _;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// A host that repeats what it hears from whoever has a certificate of its authority; how to reach it under `name`.
async fn host(name: &str) -> TlsHost {
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let signed = |key: &KeyPair| {
        let params = CertificateParams::new(vec!["engine.example".to_owned()]).unwrap();
        params.signed_by(key, &issuer).unwrap()
    };
    let (own, guest) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let guests = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let config = ServerConfig::builder().with_client_cert_verifier(guests);
    let config = config.with_single_cert(vec![signed(&own).der().clone()], key).unwrap();
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut heard = [0; 4];
                stream.read_exact(&mut heard).await?;
                stream.write_all(&heard).await?;
                stream.shutdown().await
            });
        }
    });
    TlsHost {
        name: name.to_owned(),
        address: at.ip(),
        port: at.port(),
        ca: Some(authority.pem()),
        certificate: signed(&guest).pem(),
        key: guest.serialize_pem().into(),
    }
}

async fn answer(bridge: &Bridge) -> Vec<u8> {
    let mut stream = UnixStream::connect(bridge.socket()).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = Vec::new();
    // A host that is not trusted hears nothing, and the connection just ends.
    let _cut = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn the_socket_leads_to_the_host_and_goes_with_the_engine() {
    let bridge = Bridge::open(&host("engine.example").await).unwrap();
    assert_eq!(answer(&bridge).await, b"ping");
    let folder = bridge.socket().parent().unwrap().to_owned();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    drop(bridge);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_host_whose_certificate_is_for_another_name_hears_nothing() {
    let bridge = Bridge::open(&host("other.example").await).unwrap();
    assert_eq!(answer(&bridge).await, b"");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_before_anything_is_connected_to() {
    let broken = TlsHost { key: "no key".to_owned().into(), ..host("engine.example").await };
    assert!(Bridge::open(&broken).is_err());
}
