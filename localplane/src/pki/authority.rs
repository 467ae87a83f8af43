//! One certificate authority on disk, and the rule when a certificate is made again.
//! Beside each certificate lies a small JSON file that says what was asked for and when it runs out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::CertFiles;
use super::sign::{Request, subject};
use crate::files;

/// Ten years: replacing it would make every kubeconfig handed out from this data directory useless.
const LIFE: Duration = Duration::days(3650);
/// A certificate is made again this long before it runs out.
const MARGIN: Duration = Duration::days(7);

/// A key, its self-signed certificate, and the folder of what it signs.
#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Opens `<file>.crt` and `<file>.key` in `dir`, or makes them.
    pub fn open(dir: &Path, file: &str, common_name: &str) -> Result<Self> {
        let (cert_path, key_path) = (dir.join(format!("{file}.crt")), dir.join(format!("{file}.key")));
        let now = OffsetDateTime::now_utc();
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(common_name, None);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        params.not_before = now - Duration::minutes(5);
        params.not_after = now + LIFE;
        let note = Note::read(dir, file);
        let known = fs::read_to_string(&cert_path).ok().zip(fs::read_to_string(&key_path).ok());
        let (pem, key) = match known.filter(|_| note.is_some_and(|note| note.lasts(now))) {
            Some((pem, key)) => {
                let key = KeyPair::from_pem(&key)
                    .with_context(|| format!("{} is not a private key: remove it", key_path.display()))?;
                (pem, key)
            }
            None => {
                let key = KeyPair::generate().context("cannot make a key")?;
                let pem = params.self_signed(&key).context("cannot make a certificate authority")?.pem();
                files::write_private(&key_path, key.serialize_pem().as_bytes())?;
                files::write_public(&cert_path, pem.as_bytes())?;
                Note { wish: common_name.to_owned(), expires: params.not_after.unix_timestamp() }.write(dir, file)?;
                (pem, key)
            }
        };
        Ok(Self { dir: dir.to_owned(), pem, issuer: Issuer::new(params, key) })
    }

    /// The certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The certificate of `request`: the one on disk if it still says the same and lasts, else a new one.
    pub fn issue(&self, request: &Request) -> Result<CertFiles> {
        let file = &request.file;
        let files = CertFiles { cert: self.dir.join(format!("{file}.crt")), key: self.dir.join(format!("{file}.key")) };
        let now = OffsetDateTime::now_utc();
        // The authority's own fingerprint is part of the wish: a new authority makes everything new.
        let signer: String = Sha256::digest(&self.pem).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let wish = format!("{signer}|{}", request.wish());
        let there = files.cert.exists() && files.key.exists();
        if there && Note::read(&self.dir, file).is_some_and(|note| note.wish == wish && note.lasts(now)) {
            return Ok(files);
        }
        let params = request.params(now)?;
        let key = KeyPair::generate().context("cannot make a key")?;
        let cert = params.signed_by(&key, &self.issuer).with_context(|| format!("cannot sign {file}"))?;
        files::write_private(&files.key, key.serialize_pem().as_bytes())?;
        files::write_public(&files.cert, cert.pem().as_bytes())?;
        Note { wish, expires: params.not_after.unix_timestamp() }.write(&self.dir, file)?;
        Ok(files)
    }
}

/// What a certificate on disk was made for; `expires` in seconds since 1970.
struct Note {
    wish: String,
    expires: i64,
}

impl Note {
    fn path(dir: &Path, file: &str) -> PathBuf {
        dir.join(format!("{file}.json"))
    }

    fn read(dir: &Path, file: &str) -> Option<Self> {
        let note: Value = serde_json::from_slice(&fs::read(Self::path(dir, file)).ok()?).ok()?;
        Some(Self { wish: note["wish"].as_str()?.to_owned(), expires: note["expires"].as_i64()? })
    }

    fn write(&self, dir: &Path, file: &str) -> Result<()> {
        let note = json!({"wish": self.wish, "expires": self.expires});
        files::write_public(&Self::path(dir, file), format!("{note:#}\n").as_bytes())
    }

    fn lasts(&self, now: OffsetDateTime) -> bool {
        self.expires > (now + MARGIN).unix_timestamp()
    }
}
