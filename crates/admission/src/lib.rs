//! The admission webhook: the rule of `domain::admission` as AdmissionReview answers over HTTPS.
//!
//! Its own process and identity, which may read `skus` and `namespaces` and nothing else (RULINGS 13). Must never
//! depend on the token issuer, the store or the console. Start reading at [`review`].
#![forbid(unsafe_code)]

pub mod args;
pub mod certificate;
pub mod http;
pub mod review;
pub mod run;
pub mod tables;
pub mod watch;
pub mod wire;
