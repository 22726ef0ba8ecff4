//! Signatures after the Standard Webhooks specification: HMAC-SHA256 over id, time and body, for each secret.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "whsec_";
const MIN_BYTES: usize = 24;
const MAX_BYTES: usize = 64;

/// Why a text cannot be a secret. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("must begin with `whsec_`")]
    Prefix,
    #[error("must be base64 behind `whsec_`")]
    Base64,
    #[error("must stand for {MIN_BYTES} to {MAX_BYTES} bytes")]
    Length,
}

/// The keys that sign for one webhook.
pub struct Signer(Vec<hmac::Key>);

impl Signer {
    /// # Errors
    /// Where one of `secrets` is none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Result<Self, SecretError> {
        secrets.into_iter().map(key).collect::<Result<_, _>>().map(Signer)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `webhook-signature`: one signature for each secret, so that whoever has either of two verifies it.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp}.");
        let mut signatures = String::new();
        for key in &self.0 {
            let mut context = hmac::Context::with_key(key);
            context.update(head.as_bytes());
            context.update(body);
            let gap = if signatures.is_empty() { "v1," } else { " v1," };
            signatures.push_str(gap);
            STANDARD.encode_string(context.sign(), &mut signatures);
        }
        signatures
    }
}

/// # Errors
/// Where `secret` is none.
pub fn check(secret: &str) -> Result<(), SecretError> {
    key(secret).map(drop)
}

fn key(secret: &str) -> Result<hmac::Key, SecretError> {
    let encoded = secret.strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?;
    if !(MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
        return Err(SecretError::Length);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let signer = Signer::new([SECRET]).expect("a secret");
        let body = br#"{"test": 2432232314}"#;
        let signed = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs() {
        let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let alone = |secret| Signer::new([secret]).expect("a secret").sign("id", 1, b"body");
        let both = Signer::new([other, SECRET]).expect("secrets").sign("id", 1, b"body");
        assert_eq!(both, format!("{} {}", alone(other), alone(SECRET)));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for (text, why) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Prefix),
            ("whsec_%%%", SecretError::Base64),
            ("whsec_AAECAwQF", SecretError::Length),
        ] {
            assert_eq!(check(text), Err(why), "{text}");
        }
    }
}
