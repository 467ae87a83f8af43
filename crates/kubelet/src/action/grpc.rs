//! The gRPC health check, `grpc.health.v1.Health/Check`: one call over HTTP/2, two tiny messages.
//! The messages have one field each, so they are written and read by hand.
use axum::{body::Bytes, http};

use crate::PortStream;

/// Enumeration value of a healthy service.
const SERVING: u8 = 1;
/// Bytes of an answer that are read: a health check has seven.
const MOST: usize = 1024;

pub(super) async fn check(wire: PortStream, service: &str) -> Result<(), String> {
    let text = |error: h2::Error| format!("gRPC: {error}");
    let (client, connection) = h2::client::handshake(wire).await.map_err(text)?;
    // Ends with the client.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let mut client = client.ready().await.map_err(text)?;
    let request = http::Request::post("http://localhost/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .map_err(|error| error.to_string())?;
    let (answer, mut stream) = client.send_request(request, false).map_err(text)?;
    stream.send_data(message(service), true).map_err(text)?;
    let (head, mut body) = answer.await.map_err(text)?.into_parts();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(text)?;
        if bytes.len() + piece.len() > MOST {
            return Err(format!("the answer has more than {MOST} bytes, and that of a health check has seven"));
        }
        let _ = body.flow_control().release_capacity(piece.len());
        bytes.extend_from_slice(&piece);
    }
    let trailers = body.trailers().await.map_err(text)?.unwrap_or_default();
    let status = trailers.get("grpc-status").or(head.headers.get("grpc-status")).and_then(|value| value.to_str().ok());
    match status {
        Some("0") => verdict(&bytes),
        Some(code) => Err(format!("the health check of service {service:?} answered with gRPC status {code}")),
        None => Err("the answer is not gRPC".into()),
    }
}

/// `HealthCheckRequest { service }`: uncompressed, length, then the field if it is not empty.
fn message(service: &str) -> Bytes {
    let mut field = Vec::new();
    if !service.is_empty() {
        field.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            field.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        field.push(u8::try_from(length).unwrap_or(0));
        field.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0][..], &length, &field].concat().into()
}

/// `HealthCheckResponse { status }`, whose field is left out when it is 0.
fn verdict(answer: &[u8]) -> Result<(), String> {
    let status = match answer.get(5..) {
        Some([0x08, status, ..]) => *status,
        _ => 0,
    };
    if status == SERVING { Ok(()) } else { Err(format!("service unhealthy (status {status})")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_protocol() {
        assert_eq!(message("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(message("db")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'd', b'b']);
        assert_eq!(message(&"x".repeat(200))[5..8], [0x0a, 0xc8, 0x01]);
        assert_eq!(verdict(&[0, 0, 0, 0, 2, 0x08, 1]), Ok(()));
        assert!(verdict(&[0, 0, 0, 0, 2, 0x08, 2]).is_err());
        assert!(verdict(&[0, 0, 0, 0, 0]).is_err());
    }

    #[tokio::test]
    async fn a_serving_service_is_healthy() {
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let mut server = h2::server::handshake(theirs).await.unwrap();
            let (request, mut respond) = server.accept().await.unwrap().unwrap();
            assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
            let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
            stream.send_data(Bytes::from_static(&[0, 0, 0, 0, 2, 0x08, 1]), false).unwrap();
            let trailers = http::HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status"),
                http::HeaderValue::from_static("0"),
            )]);
            stream.send_trailers(trailers).unwrap();
            while server.accept().await.is_some() {}
        });
        assert_eq!(check(Box::new(ours), "").await, Ok(()));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_not_read_to_its_end() {
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let mut server = h2::server::handshake(theirs).await.unwrap();
            let (_request, mut respond) = server.accept().await.unwrap().unwrap();
            let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
            stream.send_data(vec![0; 2 * MOST].into(), true).unwrap();
            while server.accept().await.is_some() {}
        });
        let why = check(Box::new(ours), "").await.unwrap_err();
        assert!(why.contains("more than 1024 bytes"), "{why}");
    }
}
