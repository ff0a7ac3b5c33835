//! The public key of a certificate (RFC 5280) that a sender's server has shown, and whether it may be believed.

use super::flaw::KeyFlaw;
use super::key::PublicKey;
use crate::base::time::UnixTime;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use std::fmt;
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Most certificates of one chain.
const MAX_CHAIN: usize = 8;

/// Which certificates are believed.
#[derive(Clone, Debug)]
pub struct CertificateRule {
    /// Names, one of which it must have: `echo-api.amazon.com`; `*` stands for one label.
    pub names: Vec<String>,
    /// The authorities that it must come from. Nothing: whoever answers at the pinned URL is believed, as long as the
    /// certificate is not one that it issued to itself.
    pub authorities: Option<Vec<TrustAnchor<'static>>>,
}

/// Why a certificate is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFlaw {
    /// No PEM block with a certificate, or too many.
    NotPem,
    /// Not a certificate.
    Malformed,
    /// Not valid yet, or no longer.
    Expired,
    /// It has none of the names.
    Name,
    /// It leads to none of the authorities.
    Chain,
    /// It was issued by itself.
    SelfIssued,
    /// One of the chain lacks the extension that marks it.
    Mark,
    /// Its key cannot be used.
    Key(KeyFlaw),
}

impl fmt::Display for CertificateFlaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateFlaw::NotPem => write!(out, "no PEM text with 1 to {MAX_CHAIN} certificates"),
            CertificateFlaw::Malformed => out.write_str("not a certificate"),
            CertificateFlaw::Expired => out.write_str("the certificate is not valid now"),
            CertificateFlaw::Name => out.write_str("the certificate is for another name"),
            CertificateFlaw::Chain => out.write_str("the certificate comes from none of the authorities"),
            CertificateFlaw::Mark => {
                out.write_str("a certificate of the chain lacks the extension that marks it")
            }
            CertificateFlaw::SelfIssued => out.write_str("the certificate was issued by itself"),
            CertificateFlaw::Key(flaw) => flaw.fmt(out),
        }
    }
}

impl CertificateRule {
    /// The key of the first certificate of a PEM text, the others being its chain, and when it ends.
    ///
    /// # Errors
    /// See [`CertificateFlaw`].
    pub fn key(&self, pem: &[u8], now: UnixTime) -> Result<(PublicKey, UnixTime), CertificateFlaw> {
        let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| CertificateFlaw::NotPem)?;
        let (leaf, rest) =
            chain.split_first().filter(|_| chain.len() <= MAX_CHAIN).ok_or(CertificateFlaw::NotPem)?;
        let parsed = match X509Certificate::from_der(leaf) {
            Ok(([], parsed)) => parsed,
            _ => return Err(CertificateFlaw::Malformed),
        };
        let (from, until) =
            (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        if !(from..=until).contains(&now.0) {
            return Err(CertificateFlaw::Expired);
        }
        if !names(&parsed).iter().any(|name| self.names.iter().any(|wanted| is_name(wanted, name))) {
            return Err(CertificateFlaw::Name);
        }
        match &self.authorities {
            Some(authorities) => chains(leaf, rest, authorities, now).map(|_| ())?,
            None if parsed.issuer() == parsed.subject() => return Err(CertificateFlaw::SelfIssued),
            None => {}
        }
        let key = PublicKey::of_certificate(leaf).map_err(CertificateFlaw::Key)?;
        Ok((key, UnixTime(until)))
    }
}

/// The authority of tokens that bring their own certificates (`x5c`, RFC 7515 section 4.1.6).
#[derive(Clone, Debug, Default)]
pub struct ChainRule {
    /// The pinned authorities.
    pub authorities: Vec<TrustAnchor<'static>>,
    /// Object identifiers of extensions: what the first certificate must have, then the second, ...
    pub marks: Vec<String>,
}

impl ChainRule {
    /// The key of the first certificate of a chain in DER.
    ///
    /// # Errors
    /// See [`CertificateFlaw`].
    pub fn key(&self, chain: &[Vec<u8>], now: UnixTime) -> Result<PublicKey, CertificateFlaw> {
        if chain.len() > MAX_CHAIN {
            return Err(CertificateFlaw::Malformed);
        }
        let ders: Vec<CertificateDer<'_>> =
            chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let (leaf, rest) = ders.split_first().ok_or(CertificateFlaw::Malformed)?;
        // What stands beside the path that was checked is nobody's word: anyone can put marks on it.
        let path = chains(leaf, rest, &self.authorities, now)?;
        if path.len() < self.marks.len() {
            return Err(CertificateFlaw::Mark);
        }
        for (der, mark) in path.iter().zip(&self.marks) {
            let (_, parsed) = X509Certificate::from_der(der).map_err(|_| CertificateFlaw::Malformed)?;
            if !parsed.extensions().iter().any(|extension| extension.oid.to_id_string() == *mark) {
                return Err(CertificateFlaw::Mark);
            }
        }
        PublicKey::of_certificate(leaf).map_err(CertificateFlaw::Key)
    }

    /// The authorities of a PEM text.
    ///
    /// # Errors
    /// There is no certificate in it, or none that can be an authority.
    pub fn authorities(pem: &[u8]) -> Result<Vec<TrustAnchor<'static>>, CertificateFlaw> {
        let found = CertificateDer::pem_slice_iter(pem).map(|der| {
            let der = der.map_err(|_| CertificateFlaw::NotPem)?;
            let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| CertificateFlaw::Malformed)?;
            Ok(anchor.to_owned())
        });
        let found = found.collect::<Result<Vec<_>, _>>()?;
        if found.is_empty() { Err(CertificateFlaw::NotPem) } else { Ok(found) }
    }
}

/// The path from the first certificate to one of the authorities, which is not part of it.
fn chains(
    first: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    authorities: &[TrustAnchor<'_>],
    now: UnixTime,
) -> Result<Vec<CertificateDer<'static>>, CertificateFlaw> {
    let leaf = EndEntityCert::try_from(first).map_err(|_| CertificateFlaw::Malformed)?;
    let now = Duration::from_secs(u64::try_from(now.0).unwrap_or_default());
    let now = rustls_pki_types::UnixTime::since_unix_epoch(now);
    let usage = KeyUsage::server_auth();
    let path = leaf
        .verify_for_usage(ALL_VERIFICATION_ALGS, authorities, intermediates, now, usage, None, None)
        .map_err(|_| CertificateFlaw::Chain)?;
    let between = path.intermediate_certificates().map(|certificate| certificate.der().into_owned());
    Ok([first.clone().into_owned()].into_iter().chain(between).collect())
}

/// The DNS names of a certificate; its common name where it has no other.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.iter().flat_map(|names| &names.value.general_names);
    let names: Vec<String> = names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect();
    if !names.is_empty() {
        return names;
    }
    let common = certificate.subject().iter_common_name();
    common.filter_map(|name| name.as_str().ok().map(str::to_owned)).collect()
}

/// Label by label, in any case; `*` of the policy stands for one label. A wildcard of the certificate stands for itself.
fn is_name(wanted: &str, name: &str) -> bool {
    let (wanted, name): (Vec<&str>, Vec<&str>) = (wanted.split('.').collect(), name.split('.').collect());
    let same = |(wanted, label): (&&str, &&str)| *wanted == "*" || wanted.eq_ignore_ascii_case(label);
    wanted.len() == name.len() && wanted.iter().zip(&name).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, IsCa, KeyPair};

    const NOW: UnixTime = UnixTime(1_764_051_332);

    fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn leaf(issuer: &CertifiedIssuer<'static, KeyPair>, name: &str, years: std::ops::Range<i32>) -> String {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let pair = KeyPair::generate().unwrap();
        params.signed_by(&pair, issuer).unwrap().pem()
    }

    fn rule(issuer: &CertifiedIssuer<'static, KeyPair>) -> CertificateRule {
        let anchor = webpki::anchor_from_trusted_cert(issuer.der()).unwrap().to_owned();
        CertificateRule { names: vec!["sns.*.example.com".to_owned()], authorities: Some(vec![anchor]) }
    }

    #[test]
    fn a_certificate_is_believed_for_its_name_its_time_and_its_authority() {
        let (ca, other) = (authority("ca"), authority("other"));
        let rule = rule(&ca);
        let flaw = |pem: &str| rule.key(pem.as_bytes(), NOW).map(|(_, until)| until);
        let good = leaf(&ca, "sns.eu.example.com", 2024..2027);
        assert_eq!(flaw(&good), Ok(UnixTime(1_798_761_600)));
        assert_eq!(flaw(&leaf(&ca, "SNS.eu.EXAMPLE.com", 2024..2027)), Ok(UnixTime(1_798_761_600)));
        assert_eq!(flaw(&leaf(&other, "sns.eu.example.com", 2024..2027)), Err(CertificateFlaw::Chain));
        for name in
            ["sns.example.com", "a.sns.eu.example.com", "sns.eu.example.com.evil.example", "*.example.com"]
        {
            assert_eq!(flaw(&leaf(&ca, name, 2024..2027)), Err(CertificateFlaw::Name), "{name}");
        }
        assert_eq!(flaw(&leaf(&ca, "sns.eu.example.com", 2022..2025)), Err(CertificateFlaw::Expired));
        assert_eq!(flaw(&leaf(&ca, "sns.eu.example.com", 2026..2027)), Err(CertificateFlaw::Expired));
        assert_eq!(flaw(""), Err(CertificateFlaw::NotPem));
        assert_eq!(
            flaw("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            Err(CertificateFlaw::Malformed)
        );
        assert_eq!(flaw(&good.repeat(MAX_CHAIN + 1)), Err(CertificateFlaw::NotPem));
    }

    /// A certificate with an extension of this object identifier; an authority where it says so.
    fn marked(oid: &[u64], is_ca: bool) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.custom_extensions.push(CustomExtension::from_oid_content(oid, vec![5, 0]));
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, "between");
        }
        params
    }

    #[test]
    fn marks_count_on_the_path_that_was_checked_and_nowhere_else() {
        let (root, other) = (authority("root"), authority("other"));
        let pair = || KeyPair::generate().unwrap();
        let good = CertifiedIssuer::signed_by(marked(&[1, 2, 3, 2], true), pair(), &root).unwrap();
        let plain = CertifiedIssuer::signed_by(marked(&[1, 2, 3, 9], true), pair(), &root).unwrap();
        let leaf = |issuer: &CertifiedIssuer<'static, KeyPair>, oid: &[u64]| {
            marked(oid, false).signed_by(&pair(), issuer).unwrap().der().to_vec()
        };
        let anchor = webpki::anchor_from_trusted_cert(root.der()).unwrap().to_owned();
        let marks = ["1.2.3.1", "1.2.3.2"].map(str::to_owned).to_vec();
        let rule = ChainRule { authorities: vec![anchor], marks };
        let judge = |chain: &[Vec<u8>]| rule.key(chain, NOW).map(|_| ());
        let [good_der, plain_der, root_der] = [&good, &plain, &root].map(|issuer| issuer.der().to_vec());
        let own = marked(&[1, 2, 3, 2], true).self_signed(&pair()).unwrap().der().to_vec();
        let right = leaf(&good, &[1, 2, 3, 1]);
        assert_eq!(judge(&[right.clone(), good_der.clone(), root_der.clone()]), Ok(()));
        assert_eq!(judge(&[leaf(&good, &[1, 2, 3, 9]), good_der.clone()]), Err(CertificateFlaw::Mark));
        let wrong = leaf(&plain, &[1, 2, 3, 1]);
        assert_eq!(judge(&[wrong.clone(), plain_der.clone()]), Err(CertificateFlaw::Mark));
        // Another's certificate, or one's own, with the right mark and beside the path.
        for beside in [good_der, own] {
            assert_eq!(judge(&[wrong.clone(), beside, plain_der.clone()]), Err(CertificateFlaw::Mark));
        }
        assert_eq!(judge(&[leaf(&root, &[1, 2, 3, 1])]), Err(CertificateFlaw::Mark));
        assert_eq!(judge(&[leaf(&other, &[1, 2, 3, 1]), root_der]), Err(CertificateFlaw::Chain));
        assert_eq!(judge(&[right]), Err(CertificateFlaw::Chain));
        assert_eq!(judge(&[]), Err(CertificateFlaw::Malformed));
    }

    #[test]
    fn without_authorities_a_certificate_may_not_vouch_for_itself() {
        let ca = authority("ca");
        let rule = CertificateRule { authorities: None, ..rule(&ca) };
        let good = leaf(&ca, "sns.eu.example.com", 2024..2027);
        assert!(rule.key(good.as_bytes(), NOW).is_ok());
        let mut params = CertificateParams::new(vec!["sns.eu.example.com".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        let own = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
        assert_eq!(rule.key(own.as_bytes(), NOW), Err(CertificateFlaw::SelfIssued));
    }
}
