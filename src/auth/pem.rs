//! Public keys from PEM files: `PUBLIC KEY`, `RSA PUBLIC KEY` (PKCS#1) and `CERTIFICATE` blocks, any number in one file.
//!
//! Of a certificate only the key is used: its dates, names and issuer say nothing about tokens and are not checked.

use super::keys::{BadKey, Key};

/// Why a PEM file yields no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    #[error("not a PEM file (it has no -----BEGIN PUBLIC KEY----- block)")]
    NotPem,
    #[error("holds a private key; give chatd the public half (openssl pkey -in FILE -pubout)")]
    PrivateKey,
    #[error("holds a block of type {0:?}; PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE are understood")]
    UnknownBlock(String),
    #[error("block {0} is damaged")]
    Damaged(usize),
    #[error("block {0} holds a key of an unsupported kind; RSA, P-256, P-384 and Ed25519 are supported")]
    UnsupportedKind(usize),
    #[error("block {0}: {1}")]
    BadKey(usize, #[source] BadKey),
}

const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Reads every key of a PEM file; blocks are counted from 1 in errors.
pub fn public_keys(file: &[u8]) -> Result<Vec<Key>, PemError> {
    let blocks = pem::parse_many(file).map_err(|_| PemError::NotPem)?;
    if blocks.is_empty() {
        return Err(PemError::NotPem);
    }
    blocks.iter().zip(1..).map(|(block, number)| public_key(block, number)).collect()
}

fn public_key(block: &pem::Pem, number: usize) -> Result<Key, PemError> {
    let mut der = Der(block.contents());
    let key = match block.tag() {
        "PUBLIC KEY" => der.sequence().and_then(subject_public_key),
        "CERTIFICATE" => certificate_key(der).and_then(subject_public_key),
        "RSA PUBLIC KEY" => rsa(der.0).map(Found::Key),
        tag if tag.ends_with("PRIVATE KEY") => return Err(PemError::PrivateKey),
        tag => return Err(PemError::UnknownBlock(tag.into())),
    };
    match key {
        Some(Found::Key(key)) => key.map_err(|bad| PemError::BadKey(number, bad)),
        Some(Found::Unsupported) => Err(PemError::UnsupportedKind(number)),
        None => Err(PemError::Damaged(number)),
    }
}

enum Found {
    Key(Result<Key, BadKey>),
    Unsupported,
}

/// SubjectPublicKeyInfo of RFC 5280: an algorithm with its parameters, then the key as a bit string.
fn subject_public_key(mut info: Der<'_>) -> Option<Found> {
    let mut algorithm = info.sequence()?;
    let oid = algorithm.element(OID)?;
    let (unused_bits, key) = info.element(BIT_STRING)?.split_first()?;
    if *unused_bits != 0 {
        return None;
    }
    Some(match oid {
        OID_RSA => Found::Key(rsa(key)?),
        OID_EC => match algorithm.element(OID)? {
            OID_P256 => Found::Key(Key::p256(key)),
            OID_P384 => Found::Key(Key::p384(key)),
            _ => Found::Unsupported,
        },
        OID_ED25519 => Found::Key(Key::ed25519(key)),
        _ => Found::Unsupported,
    })
}

/// RSAPublicKey of RFC 8017: modulus and exponent.
fn rsa(der: &[u8]) -> Option<Result<Key, BadKey>> {
    let mut numbers = Der(der).sequence()?;
    Some(Key::rsa(numbers.element(INTEGER)?, numbers.element(INTEGER)?))
}

/// Walks a certificate (RFC 5280, section 4.1) to its SubjectPublicKeyInfo.
fn certificate_key(mut der: Der<'_>) -> Option<Der<'_>> {
    let mut body = der.sequence()?.sequence()?;
    if body.0.first() == Some(&VERSION) {
        body.element(VERSION)?;
    }
    body.element(INTEGER)?;
    for _signature_issuer_validity_subject in 0..4 {
        body.sequence()?;
    }
    body.sequence()
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// What is left to read of some DER; every step says `None` at the first thing that is not as expected.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long @ 0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(content)
    }

    fn sequence(&mut self) -> Option<Der<'a>> {
        self.element(SEQUENCE).map(Der)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::keys::Kind;

    const RSA: &str = include_str!("../../tests/fixtures/keys/rsa.pub.pem");
    const P256: &str = include_str!("../../tests/fixtures/keys/p256.pub.pem");

    fn kinds(file: &str) -> Vec<Kind> {
        public_keys(file.as_bytes()).unwrap().iter().map(Key::kind).collect()
    }

    #[test]
    fn every_supported_block_is_read() {
        assert_eq!(kinds(RSA), [Kind::Rsa]);
        assert_eq!(kinds(include_str!("../../tests/fixtures/keys/rsa.pkcs1.pem")), [Kind::Rsa]);
        assert_eq!(kinds(include_str!("../../tests/fixtures/keys/rsa-next.cert.pem")), [Kind::Rsa]);
        assert_eq!(kinds(P256), [Kind::P256]);
        assert_eq!(kinds(include_str!("../../tests/fixtures/keys/p384.pub.pem")), [Kind::P384]);
        assert_eq!(kinds(include_str!("../../tests/fixtures/keys/ed25519.pub.pem")), [Kind::Ed25519]);
        assert_eq!(kinds(&format!("# old\n{RSA}\n# new\n{P256}")), [Kind::Rsa, Kind::P256]);
    }

    #[test]
    fn what_is_no_usable_public_key_is_said_to_be_so() {
        let error = |file: &str| public_keys(file.as_bytes()).unwrap_err();
        assert_eq!(error("hello"), PemError::NotPem);
        assert_eq!(error(""), PemError::NotPem);
        assert_eq!(error(include_str!("../../tests/fixtures/keys/rsa.pem")), PemError::PrivateKey);
        let weak = include_str!("../../tests/fixtures/keys/rsa-weak.pub.pem");
        assert_eq!(error(weak), PemError::BadKey(1, BadKey::RsaSize(1024)));
        let p521 = include_str!("../../tests/fixtures/keys/p521.pub.pem");
        assert_eq!(error(&format!("{RSA}{p521}")), PemError::UnsupportedKind(2));
        assert_eq!(error("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"), PemError::Damaged(1));
        let request = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n";
        assert_eq!(error(request), PemError::UnknownBlock("CERTIFICATE REQUEST".into()));
    }

    #[test]
    fn a_cut_key_is_damaged_wherever_it_is_cut() {
        let block = pem::parse(RSA).unwrap();
        for length in 0..block.contents().len() {
            let cut = pem::Pem::new("PUBLIC KEY", &block.contents()[..length]);
            assert_eq!(public_key(&cut, 1).err(), Some(PemError::Damaged(1)), "{length}");
        }
    }
}
