//! Serves the certificate that the files hold now: whoever rotates it only writes the files.
//!
//! Kubernetes swaps mounted Secrets by a link, others write in place: so contents are compared, not times of change.

mod end;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use axum_server::tls_rustls::RustlsConfig;
use jiff::Timestamp;

use self::end::End;
use crate::args::Args;

// Two reads of a few KB. The authority's bundle holds old and new for longer than this (`security.md` §6.1).
const LOOK: Duration = Duration::from_secs(1);

/// The certificate in use and the files it came from.
pub struct Certificate {
    tls: RustlsConfig,
    /// Certificate and key as they were read last.
    seen: (Vec<u8>, Vec<u8>),
    /// Of the one in use.
    end: End,
    args: Args,
}

// === impl Certificate ===

impl Certificate {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When a file cannot be read, or the two are no pair.
    pub async fn open(args: &Args) -> Result<Self> {
        let seen = read(args).await?;
        let tls = RustlsConfig::from_pem(seen.0.clone(), seen.1.clone())
            .await
            .with_context(|| format!("cannot use {} with its key", args.tls_cert_file.display()))?;
        Ok(Self { tls, end: End::of(&seen.0), seen, args: args.clone() })
    }

    /// What the listener serves with; follows each reload.
    pub fn tls(&self) -> RustlsConfig {
        self.tls.clone()
    }

    /// Looks at the files, and at the clock, again and again until the process ends.
    pub async fn follow(mut self) {
        loop {
            self.end.tell(Timestamp::now());
            tokio::time::sleep(LOOK).await;
            self.reload().await;
        }
    }

    /// Takes over what the files hold now. A pair that does not fit, as between the writing of the one and the other,
    /// leaves the old one in use and is tried again when something changes. Gives whether a new one is in use.
    async fn reload(&mut self) -> bool {
        let found = match read(&self.args).await {
            Ok(found) if found != self.seen => found,
            Ok(_) => return false,
            Err(error) => {
                tracing::debug!(error = format!("{error:#}"), "the certificate cannot be read, the old one stays");
                return false;
            }
        };
        let taken = self.tls.reload_from_pem(found.0.clone(), found.1.clone()).await;
        self.seen = found;
        match &taken {
            Ok(()) => {
                self.end = End::of(&self.seen.0);
                tracing::info!("a new certificate is in use");
            }
            Err(error) => tracing::error!(%error, "the new certificate cannot be used, the old one stays"),
        }
        taken.is_ok()
    }
}

async fn read(args: &Args) -> Result<(Vec<u8>, Vec<u8>)> {
    let file =
        async |path: &Path| tokio::fs::read(path).await.with_context(|| format!("cannot read {}", path.display()));
    Ok((file(&args.tls_cert_file).await?, file(&args.tls_key_file).await?))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    struct Files(std::path::PathBuf);

    impl Files {
        fn new(name: &str) -> Self {
            let _installed_before = rustls::crypto::ring::default_provider().install_default();
            let dir = std::env::temp_dir().join(format!("admission-certificate-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        fn args(&self) -> Args {
            let file = |name: &str| self.0.join(name).display().to_string();
            Args::parse_from(["x", "--tls-cert-file", &file("tls.crt"), "--tls-key-file", &file("tls.key")])
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.0.join(name), text).unwrap();
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _gone = std::fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn a_new_pair_is_taken_over_and_half_of_one_is_not() {
        let (files, (old, new)) = (Files::new("pair"), (pair(), pair()));
        files.write("tls.crt", &old.0);
        files.write("tls.key", &old.1);
        let mut certificate = Certificate::open(&files.args()).await.unwrap();
        assert!(!certificate.reload().await, "nothing changed");
        files.write("tls.crt", &new.0);
        assert!(!certificate.reload().await, "the old key does not fit the new certificate");
        files.write("tls.key", &new.1);
        assert!(certificate.reload().await);
        files.write("tls.crt", "not a certificate");
        assert!(!certificate.reload().await);
        std::fs::remove_file(files.0.join("tls.key")).unwrap();
        assert!(!certificate.reload().await, "a missing file ends nothing");
    }

    #[tokio::test]
    async fn without_a_certificate_nothing_starts_and_the_file_is_named() {
        let files = Files::new("none");
        let error = Certificate::open(&files.args()).await.err().unwrap();
        assert!(format!("{error:#}").contains("tls.crt"), "{error:#}");
    }
}
