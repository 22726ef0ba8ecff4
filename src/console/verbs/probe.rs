//! A client as any other, by which `doctor` sends a message through the daemon's own listener: over TCP or a Unix socket,
//! TLS where that is configured, WebSocket, Engine.IO, Socket.IO, a token.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// The head of an answer, and a packet, at most.
const MAX_HEAD: usize = 16 * 1024;
const MAX_PACKET: u64 = 1 << 20;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub struct Probe {
    stream: Box<dyn Stream>,
    /// The certificate that was served.
    pub certificate: Option<CertificateDer<'static>>,
}

/// What came of presenting a token.
pub enum Welcome {
    In,
    /// As the client reads it.
    Refused(String),
}

impl Probe {
    /// Connects to what a client would, and opens a session.
    pub async fn open(address: &str, path: &str, with_tls: bool) -> io::Result<Self> {
        let (stream, certificate) = dial(address, with_tls).await?;
        let mut probe = Probe { stream, certificate };
        // The key is the example of RFC 6455: there is no cache between to be fooled.
        let request = format!(
            "GET {path}?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        probe.stream.write_all(request.as_bytes()).await?;
        let head = probe.head().await?;
        let status = head.lines().next().unwrap_or_default();
        if !status.starts_with("HTTP/1.1 101") {
            return Err(io::Error::other(format!("no WebSocket but \"{status}\"")));
        }
        probe.until(|packet| packet.starts_with('0')).await?;
        Ok(probe)
    }

    pub async fn enter(&mut self, token: Option<&str>) -> io::Result<Welcome> {
        let auth = token.map_or_else(|| json!({}), |token| json!({ "token": token, "device": "doctor" }));
        self.send(&format!("40{auth}")).await?;
        let answer = self.until(|packet| packet.starts_with("44") || packet.starts_with("42[\"connected\"")).await?;
        let refusal = answer.strip_prefix("44").and_then(|body| serde_json::from_str::<Value>(body).ok());
        Ok(match refusal {
            Some(refusal) => Welcome::Refused(refusal["message"].as_str().unwrap_or("for no reason").to_owned()),
            None => Welcome::In,
        })
    }

    /// Emits an event, and waits for its acknowledgement.
    pub async fn ask(&mut self, event: &str, payload: &Value) -> io::Result<Value> {
        self.send(&format!("421{}", json!([event, payload]))).await?;
        let answer = self.until(|packet| packet.starts_with("431[")).await?;
        let mut answer: Value = serde_json::from_str(&answer[3..])?;
        match answer[0]["ok"].as_bool() {
            Some(true) => Ok(answer[0].take()),
            _ => {
                let said = answer[0]["error"]["message"].as_str().unwrap_or("no reason").to_owned();
                Err(io::Error::other(format!("{event} was refused: {said}")))
            }
        }
    }

    /// Waits for an event that has `text` in it.
    pub async fn hear(&mut self, event: &str, text: &str) -> io::Result<()> {
        let head = format!("42[\"{event}\"");
        self.until(|packet| packet.starts_with(&head) && packet.contains(text)).await.map(drop)
    }

    async fn until(&mut self, wanted: impl Fn(&str) -> bool) -> io::Result<String> {
        loop {
            let packet = self.packet().await?;
            if packet == "2" {
                self.send("3").await?;
            } else if wanted(&packet) {
                return Ok(packet);
            }
        }
    }

    async fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MAX_HEAD {
                return Err(io::Error::other("an answer without an end"));
            }
            head.push(self.stream.read_u8().await?);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// The next text frame. The server sends none in pieces, and none compressed as that was not offered.
    async fn packet(&mut self) -> io::Result<String> {
        loop {
            let (first, second) = (self.stream.read_u8().await?, self.stream.read_u8().await?);
            let len = match second & 0x7f {
                126 => u64::from(self.stream.read_u16().await?),
                127 => self.stream.read_u64().await?,
                len => u64::from(len),
            };
            if len > MAX_PACKET {
                return Err(io::Error::other("a packet that is too large"));
            }
            let mut payload = vec![0; len as usize];
            self.stream.read_exact(&mut payload).await?;
            match first & 0x0f {
                1 => return Ok(String::from_utf8_lossy(&payload).into_owned()),
                8 => return Err(io::Error::other("the server closed the connection")),
                _ => {}
            }
        }
    }

    async fn send(&mut self, packet: &str) -> io::Result<()> {
        let mut frame = vec![0x81];
        match u16::try_from(packet.len()) {
            Ok(len @ 0..126) => frame.push(0x80 | len as u8),
            Ok(len) => {
                frame.push(0x80 | 126);
                frame.extend(len.to_be_bytes());
            }
            Err(_) => return Err(io::Error::other("a packet that is too large")),
        }
        // A mask of zeros leaves the payload as it is.
        frame.extend([0; 4]);
        frame.extend(packet.as_bytes());
        self.stream.write_all(&frame).await
    }
}

async fn dial(address: &str, with_tls: bool) -> io::Result<(Box<dyn Stream>, Option<CertificateDer<'static>>)> {
    if let Some(path) = address.strip_prefix("unix:") {
        return Ok((Box::new(UnixStream::connect(path).await?), None));
    }
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let stream = TcpStream::connect((host, address.port())).await?;
    if !with_tls {
        return Ok((Box::new(stream), None));
    }
    let keeper = Arc::new(Keeper { provider: aws_lc_rs::default_provider(), served: Mutex::default() });
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&keeper) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::from(host);
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let served = keeper.served.lock().take();
    Ok((Box::new(stream), served))
}

/// Keeps the certificate that is served, whoever vouches for it: the probe talks to its own process.
#[derive(Debug)]
struct Keeper {
    provider: CryptoProvider,
    served: Mutex<Option<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Keeper {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.served.lock() = Some(certificate.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
