//! What one certificate is to say, and its rcgen form.
//! Kept apart from the authority, so that a changed wish can be told from the certificate on disk.

use std::net::IpAddr;

use anyhow::{Context, Result};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType,
    string::Ia5String,
};
use time::{Duration, OffsetDateTime};

/// A year: long enough for a data directory that is used now and then, and renewed a week before it ends.
const LIFE: Duration = Duration::days(365);

/// Which side of a TLS connection a certificate is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    Client,
    Server,
    Both,
}

/// A wish for one certificate.
#[derive(Clone, Debug)]
pub struct Request {
    pub file: String,
    common_name: String,
    organisation: Option<String>,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    purpose: Purpose,
}

impl Request {
    pub fn client(file: &str, common_name: &str, organisation: Option<&str>) -> Self {
        Self {
            file: file.to_owned(),
            common_name: common_name.to_owned(),
            organisation: organisation.map(str::to_owned),
            names: Vec::new(),
            addresses: Vec::new(),
            purpose: Purpose::Client,
        }
    }

    pub fn serving<'a>(
        file: &str,
        common_name: &str,
        organisation: Option<&str>,
        names: impl IntoIterator<Item = &'a str>,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        let mut addresses: Vec<IpAddr> = addresses.into_iter().collect();
        addresses.sort();
        addresses.dedup();
        let names = names.into_iter().map(str::to_owned).collect();
        Self { names, addresses, purpose: Purpose::Server, ..Self::client(file, common_name, organisation) }
    }

    pub fn for_both_sides(self) -> Self {
        Self { purpose: Purpose::Both, ..self }
    }

    /// One line that changes whenever the certificate would.
    pub fn wish(&self) -> String {
        let Self { common_name, organisation, names, addresses, purpose, .. } = self;
        format!("{common_name}|{organisation:?}|{names:?}|{addresses:?}|{purpose:?}")
    }

    /// The same wish for a foreign authority (PKCS #10, RFC 2986), as PEM.
    pub fn signing_request(&self, key: &KeyPair) -> Result<String> {
        let mut params = self.params(OffsetDateTime::now_utc())?;
        // Only who signs can say this.
        params.use_authority_key_identifier_extension = false;
        let request = params.serialize_request(key).with_context(|| format!("cannot ask for {}", self.file))?;
        request.pem().context("cannot write a signing request")
    }

    /// The certificate's contents, and when it runs out.
    pub fn params(&self, now: OffsetDateTime) -> Result<CertificateParams> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject(&self.common_name, self.organisation.as_deref());
        // Five minutes back: the clocks of a container and its host need not agree to the second.
        params.not_before = now - Duration::minutes(5);
        params.not_after = now + LIFE;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        if self.purpose != Purpose::Client {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        if self.purpose != Purpose::Server {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        for name in &self.names {
            let name = Ia5String::try_from(name.as_str()).with_context(|| format!("{name} is not a host name"))?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        params.subject_alt_names.extend(self.addresses.iter().copied().map(SanType::IpAddress));
        Ok(params)
    }
}

/// A subject of a common name and, where there is one, an organisation.
pub fn subject(common_name: &str, organisation: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    if let Some(organisation) = organisation {
        subject.push(DnType::OrganizationName, organisation);
    }
    subject.push(DnType::CommonName, common_name);
    subject
}
