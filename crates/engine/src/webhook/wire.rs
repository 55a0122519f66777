//! One message on the wire: signed as [Standard Webhooks](https://www.standardwebhooks.com) says, and sent to a stranger's
//! server, which is given little time and room and is not followed elsewhere.

use std::io;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_domain::webhook::{AttemptResult, Fault, MOST_RESPONSE};
use keyward_domain::{AuditEventId, Timestamp, WebhookSecret};
use sha2::Sha256;

use crate::outbound::Unreachable;
use crate::validation::signer::AnswerSigner;

/// Begins the ids of messages, and with them whatever is signed of them: nothing else that an organization's keys sign begins so.
const PREFIX: &str = "msg_";

/// The `webhook-id` of a message: the same however often it is sent.
pub fn webhook_id(message: AuditEventId) -> String {
    format!("{PREFIX}{}", message.uuid().simple())
}

/// With what messages for one endpoint are signed.
pub(super) struct MessageSigner {
    /// The secret, and the one before it while that signs too.
    pub secrets: Vec<WebhookSecret>,
    /// The organization's signing key.
    pub key: Option<AnswerSigner>,
}

impl MessageSigner {
    /// The `webhook-signature` of a message: `v1` by each secret, `v1a` by the signing key.
    fn signatures(&self, id: &str, timestamp: Timestamp, body: &str) -> String {
        let signed = format!("{id}.{}.{body}", timestamp.unix());
        let mut signatures = Vec::with_capacity(self.secrets.len() + 1);
        for secret in &self.secrets {
            // HMAC takes keys of any length.
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { continue };
            mac.update(signed.as_bytes());
            signatures.push(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
        }
        if let Some(key) = &self.key {
            signatures.push(format!("v1a,{}", STANDARD.encode(key.sign(signed.as_bytes()))));
        }
        signatures.join(" ")
    }
}

/// Sends a message that is signed at `now`. Gives what came of it, and after how many milliseconds.
pub(super) fn send(
    agent: &ureq::Agent,
    url: &str,
    signer: &MessageSigner,
    (message, body): (AuditEventId, &str),
    now: Timestamp,
) -> (AttemptResult, u32) {
    let (began, id) = (Instant::now(), webhook_id(message));
    let request = agent
        .post(url)
        .config()
        .http_status_as_error(false)
        .build()
        .header("content-type", "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", now.unix().to_string())
        .header("webhook-signature", signer.signatures(&id, now, body));
    let result = match request.send(body) {
        Ok(mut answer) => AttemptResult::Answered {
            status: answer.status().as_u16(),
            response: read(answer.body_mut().as_reader()),
        },
        Err(error) => AttemptResult::Unanswered(fault(&error)),
    };
    (result, u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX))
}

/// The beginning of an answer, as text that every database keeps. What breaks off is as good as what ends.
fn read(body: impl io::Read) -> String {
    let mut bytes = Vec::new();
    let _ = io::Read::read_to_end(&mut io::Read::take(body, MOST_RESPONSE as u64), &mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let mut kept: String =
        text.chars().map(|c| if c.is_control() && !"\n\t".contains(c) { '\u{fffd}' } else { c }).collect();
    // What can't be read is written longer than it was.
    while kept.len() > MOST_RESPONSE {
        kept.pop();
    }
    kept
}

fn fault(error: &ureq::Error) -> Fault {
    match error {
        ureq::Error::Timeout(_) => Fault::Timeout,
        ureq::Error::HostNotFound => Fault::NoAddress,
        ureq::Error::ConnectionFailed => Fault::Refused,
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => Fault::Tls,
        ureq::Error::Io(error) => io_fault(error),
        _ => Fault::Protocol,
    }
}

fn io_fault(error: &io::Error) -> Fault {
    let inner = error.get_ref();
    if inner.is_some_and(|inner| inner.is::<Unreachable>()) {
        return Fault::NoAddress;
    }
    if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
        return Fault::Tls;
    }
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Fault::Timeout,
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => Fault::Refused,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Fault::Protocol,
        _ => Fault::Reset,
    }
}

#[cfg(test)]
mod tests {
    use keyward_token::SecretKey;
    use proptest::prelude::*;

    use super::*;

    /// That of `standard-webhooks` (its own test of every library).
    #[test]
    fn the_known_answer_of_standard_webhooks() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        // Theirs has 24 bytes; HMAC fills a key up with zeros.
        let mut bytes = [0; 32];
        bytes[..24].copy_from_slice(&secret);
        let signer = MessageSigner { secrets: vec![WebhookSecret::from_bytes(bytes)], key: None };
        let at = Timestamp::from_unix(1_614_265_330).unwrap();
        let signature = signer.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn both_secrets_and_the_key_sign() {
        let secret = |byte| WebhookSecret::from_bytes([byte; 32]);
        let key = SecretKey::from_seed([7; 32]);
        let signer = MessageSigner {
            secrets: vec![secret(1), secret(2)],
            key: Some(AnswerSigner::new(&key).unwrap()),
        };
        let at = Timestamp::from_unix(1_767_225_600).unwrap();
        let signatures = signer.signatures("msg_1", at, "{}");
        let versions: Vec<_> = signatures.split(' ').map(|one| one.split(',').next().unwrap()).collect();
        assert_eq!(versions, ["v1", "v1", "v1a"]);
        let signed = STANDARD.encode(key.sign(b"msg_1.1767225600.{}"));
        assert!(signatures.ends_with(&format!(" v1a,{signed}")));
    }

    proptest! {
        #[test]
        fn answers_are_kept_as_text_of_a_bounded_length(bytes in prop::collection::vec(any::<u8>(), 0..5_000)) {
            let kept = read(&bytes[..]);
            prop_assert!(kept.len() <= MOST_RESPONSE);
            prop_assert!(!kept.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
