//! TLS 1.2 and 1.3: the certificate and key of `[server.tls]`, and the handshake of one connection.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem};
use rustls::{InconsistentKeys, ServerConfig};
use webpki::{EndEntityCert, KeyUsage};

use super::config;

/// What [`tokio_rustls::TlsAcceptor`] is made from; absent where connections are plain.
pub type Tls = Option<Arc<ServerConfig>>;

/// What is wrong with a pair of certificate and key, and which key of `[server.tls]` names it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    pub key: &'static str,
    pub message: String,
}

/// Reads certificate and key, and holds them to each other.
///
/// # Errors
/// Where one of them cannot be read or used, or they do not belong together.
pub fn load(config: &config::Tls) -> Result<Tls, LoadError> {
    let (Some(cert), Some(key)) = (&config.cert, &config.key) else { return Ok(None) };
    let chain = certificates(cert)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("key", key, "a private key", &error))?;
    warn_of_dates(cert, &chain[0]);
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| broken("cert", cert, &error))?;
    let mut server = builder.with_no_client_auth().with_single_cert(chain, private).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let message = format!("{} is not the key of the certificate in {}", key.display(), cert.display());
            LoadError { key: "key", message }
        }
        rustls::Error::InvalidCertificate(_) => broken("cert", cert, &error),
        error => broken("key", key, &error),
    })?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Without state, so that all clients who come back at once are spared a whole handshake, not the last few only.
    server.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| broken("cert", cert, &error))?;
    Ok(Some(Arc::new(server)))
}

/// The certificate and those that vouch for it, in the order of the file.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if chain.is_empty() => Err(unreadable("cert", path, "a certificate", &pem::Error::NoItemsFound)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(unreadable("cert", path, "a certificate", &error)),
    }
}

fn unreadable(key: &'static str, path: &Path, what: &str, error: &pem::Error) -> LoadError {
    let path = path.display();
    let message = match error {
        pem::Error::Io(error) => format!("cannot read {path}: {error}"),
        pem::Error::NoItemsFound => format!("{path} holds no PEM block with {what}"),
        error => format!("{path} is not PEM: {error}"),
    };
    LoadError { key, message }
}

fn broken(key: &'static str, path: &Path, error: &rustls::Error) -> LoadError {
    LoadError { key, message: format!("{} cannot be used: {error}", path.display()) }
}

/// A certificate out of its dates is served all the same: some clients do not look, and the clock may be wrong.
fn warn_of_dates(path: &Path, certificate: &CertificateDer<'_>) {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return };
    let usage = KeyUsage::server_auth();
    // Dates are looked at first, so that it does not matter that nobody vouches for the certificate here.
    let verdict = certificate.verify_for_usage(&[], &[], &[], UnixTime::now(), usage, None, None).map(drop);
    let (what, date) = match verdict {
        Err(webpki::Error::CertExpired { not_after, .. }) => ("has expired", not_after),
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => ("is not valid yet", not_before),
        _ => return,
    };
    let date = jiff::Timestamp::from_second(date.as_secs() as i64).map_or_else(|_| String::new(), |at| at.to_string());
    tracing::warn!(server.tls.cert = %path.display(), %date, "the certificate {what}");
}
