//! The serving certificate where files have it: whoever rotates it only writes the files. New connections get the
//! newest; open ones go on.
//!
//! Kubernetes swaps mounted Secrets by a link, others write in place: so contents are compared, not times of change.
use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::serving::{Serving, paired};
use crate::{StartError, TlsFiles, kubelet::Shared};

/// Between two looks: each is two reads of a few KB.
const LOOK: Duration = Duration::from_secs(1);

/// The certificate in use and the files it came from.
pub(crate) struct ServingFiles {
    files: TlsFiles,
    /// Certificate and key as they were read last.
    seen: (Vec<u8>, Vec<u8>),
    serving: Arc<Serving>,
}

// === impl ServingFiles ===

impl ServingFiles {
    /// Reads the files for the first time.
    pub(super) async fn open(files: &TlsFiles) -> Result<Self, StartError> {
        let seen = read(files).await.map_err(StartError)?;
        let first = pair(&seen);
        let first = first.map_err(|error| StartError(format!("The serving certificate cannot be used: {error}")))?;
        Ok(Self { files: files.clone(), seen, serving: Arc::new(Serving::new(first)) })
    }

    pub(super) fn serving(&self) -> Arc<Serving> {
        self.serving.clone()
    }

    pub(super) async fn follow(mut self, shared: &Shared) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shared.shutdown.cancelled() => return,
            }
            self.reload().await;
        }
    }

    /// Takes over what the files hold now. A pair that does not fit, as between the writing of the one and the other,
    /// leaves the old one in use and is tried again when something changes. Gives whether a new one is in use.
    async fn reload(&mut self) -> bool {
        let found = match read(&self.files).await {
            Ok(found) if found != self.seen => found,
            Ok(_) => return false,
            Err(error) => {
                tracing::debug!(error, "The serving certificate stays as it is");
                return false;
            }
        };
        let taken = pair(&found);
        self.seen = found;
        match taken {
            Ok(new) => {
                self.serving.replace(new);
                tracing::info!("A new serving certificate is in use");
                true
            }
            Err(error) => {
                tracing::warn!(error, "The new serving certificate cannot be used; the old one stays");
                false
            }
        }
    }
}

async fn read(files: &TlsFiles) -> Result<(Vec<u8>, Vec<u8>), String> {
    Ok((file(&files.cert).await?, file(&files.key).await?))
}

async fn file(path: &Path) -> Result<Vec<u8>, String> {
    tokio::fs::read(path).await.map_err(|error| format!("Cannot read {}: {error}", path.display()))
}

fn pair((certificate, key): &(Vec<u8>, Vec<u8>)) -> Result<CertifiedKey, String> {
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|error| error.to_string())?;
    paired(chain, PrivateKeyDer::from_pem_slice(key).map_err(|error| error.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home(std::path::PathBuf);

    impl Home {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("kubelet-serving-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        fn files(&self) -> TlsFiles {
            TlsFiles { cert: self.0.join("tls.crt"), key: self.0.join("tls.key") }
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.0.join(name), text).unwrap();
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _gone = std::fs::remove_dir_all(&self.0);
        }
    }

    /// Certificate and key in PEM, and the certificate as it is shown.
    fn made() -> (String, String, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["node".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem(), made.cert.der().clone())
    }

    #[tokio::test]
    async fn a_new_pair_is_shown_to_new_connections_and_half_of_one_is_not() {
        let (home, old, new) = (Home::new("pair"), made(), made());
        home.write("tls.crt", &old.0);
        home.write("tls.key", &old.1);
        let mut files = ServingFiles::open(&home.files()).await.unwrap();
        let serving = files.serving();
        let shown = || serving.current().cert[0].clone();
        assert!(!files.reload().await && shown() == old.2, "nothing changed");
        home.write("tls.crt", &new.0);
        assert!(!files.reload().await && shown() == old.2, "the old key does not fit the new certificate");
        home.write("tls.key", &new.1);
        assert!(files.reload().await && shown() == new.2);
        home.write("tls.crt", "not a certificate");
        assert!(!files.reload().await);
        std::fs::remove_file(home.0.join("tls.key")).unwrap();
        assert!(!files.reload().await && shown() == new.2, "a missing file ends nothing");
    }

    #[tokio::test]
    async fn without_a_certificate_the_node_does_not_start_and_the_file_is_named() {
        let home = Home::new("none");
        let error = ServingFiles::open(&home.files()).await.err().unwrap();
        assert!(error.to_string().contains("tls.crt"), "{error}");
    }
}
