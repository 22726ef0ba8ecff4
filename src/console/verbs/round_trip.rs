//! The part of `doctor` that chats: whether clients get through, and with which certificate.

use std::io;
use std::time::{Duration, Instant};

use rustls::pki_types::UnixTime;
use serde_json::json;
use webpki::{EndEntityCert, KeyUsage};

use super::doctor::{DEADLINE, SLOW, finding};
use super::plugin;
use super::probe::{Probe, Welcome};
use crate::admin::answer::{Finding, Setting, Verdict};
use crate::auth::mint::Claims;
use crate::chat::NewConversation;
use crate::chat::operate::Messages;
use crate::console::{Console, Errand};
use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Time;
use crate::domain::units::Span;

const PART: &str = "client";
/// What came of a message that nobody else sees.
const ASIDE: io::ErrorKind = io::ErrorKind::PermissionDenied;

const DAY: i64 = 86_400_000;

/// Certificates that end within so many days should have been renewed.
const RENEWAL_DAYS: i64 = 14;

/// What a client found out.
pub async fn look(console: &Console, settings: &[Setting]) -> Vec<Finding> {
    let text = |key: &str| {
        let setting = settings.iter().find(|setting| setting.key == key);
        setting.and_then(|setting| setting.value.clone()).unwrap_or_default()
    };
    if !text("transports.allow").contains("websocket") {
        let shown = "not tried: clients come by polling alone";
        return vec![finding(PART, Verdict::Good, shown.into(), None)];
    }
    let path = text("server.path");
    let path = path.trim_matches(['"', '\'']);
    let with_tls = !text("server.tls.cert").is_empty();
    let Some(address) = console.listen.first() else {
        return vec![finding(PART, Verdict::Bad, "there is no listener".into(), Some("see `server.listen`"))];
    };
    let first = tokio::time::timeout(DEADLINE, Probe::open(address, path, with_tls)).await;
    let mut probe = match first.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(probe) => probe,
        Err(error) => {
            let advice = "chatctl log --level debug, and do it again";
            return vec![finding(PART, Verdict::Bad, format!("{address}: {error}"), Some(advice))];
        }
    };
    let mut findings = Vec::from_iter(probe.certificate.take().map(|found| dates(&found)));
    let second = async { Probe::open(address, path, with_tls).await };
    findings.push(chat(console, address, probe, second).await);
    findings
}

/// Two devices of a user who is made for it, and erased with all that they said.
async fn chat(
    console: &Console,
    address: &str,
    mut speaker: Probe,
    listener: impl Future<Output = io::Result<Probe>>,
) -> Finding {
    let user = UserId::stored(&format!("doctor-{}", uuid::Uuid::new_v4().simple()));
    let claims =
        Claims { user: user.clone(), name: None, roles: Vec::new(), ttl: Span::secs(60), extra: Default::default() };
    let token = console.ask(|reply| Errand::Mint(claims, reply)).await.and_then(|minted| minted);
    let Ok(token) = token else { return stranger(address, speaker).await };
    let before = plugin::denials(console);
    let done = async {
        if let Welcome::Refused(why) = speaker.enter(Some(&token)).await? {
            return Err(io::Error::other(format!("a good token is refused: {why}")));
        }
        let mut listener = listener.await?;
        if let Welcome::Refused(why) = listener.enter(Some(&token)).await? {
            return Err(io::Error::other(format!("the second device is refused: {why}")));
        }
        let id = conversation(console, user.clone()).await?;
        let sent = send(&mut speaker, &mut listener, &id).await;
        if let Err(error) = console.chat.close_conversation(id).await {
            tracing::warn!(%error, "the doctor's conversation is left behind");
        }
        sent
    };
    let outcome = tokio::time::timeout(DEADLINE, done).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    if let Err(error) = console.chat.erase(&user, Messages::Bury).await {
        tracing::warn!(%error, user.id = %user, "the doctor's user is left behind");
    }
    match outcome {
        Ok(took) => {
            let shown = format!("{address}: a message went through in {:.1} ms", took.as_secs_f64() * 1_000.0);
            let advice = "the disk or the processor is busy: chatctl top";
            if took < SLOW {
                finding(PART, Verdict::Good, shown, None)
            } else {
                finding(PART, Verdict::Doubtful, shown, Some(advice))
            }
        }
        Err(error) => {
            let shown = format!("{address}: {error}");
            let denied = plugin::denials(console).into_iter().filter(|(name, count)| before.get(name) != Some(count));
            // Whoever has denied something of another user meanwhile is named as well.
            match denied.map(|(name, _)| name).min() {
                Some(name) => {
                    let advice =
                        format!("the daemon does its work; the plugin {name} refused it: chatctl plugin show {name}");
                    finding(PART, Verdict::Doubtful, shown, Some(&advice))
                }
                None if error.kind() == ASIDE => {
                    let advice =
                        "the daemon does its work; a plugin answers, holds or hides such messages: chatctl plugin list";
                    finding(PART, Verdict::Doubtful, shown, Some(advice))
                }
                None => {
                    let advice = "a limit or a lockdown may be why: chatctl status, chatctl log --level debug";
                    finding(PART, Verdict::Bad, shown, Some(advice))
                }
            }
        }
    }
}

async fn conversation(console: &Console, owner: UserId) -> io::Result<ConversationId> {
    let new = NewConversation { id: None, kind: Kind::Group, title: None, members: Vec::new(), metadata: None };
    let made = console.chat.create_for(owner, new).await.map_err(io::Error::other)?;
    Ok(made.conversation.id)
}

async fn send(speaker: &mut Probe, listener: &mut Probe, id: &ConversationId) -> io::Result<Duration> {
    listener.ask("conversation:join", &json!({ "conversationId": id })).await?;
    let content = uuid::Uuid::new_v4().to_string();
    let began = Instant::now();
    let sent = speaker.ask("message:send", &json!({ "conversationId": id, "content": content })).await?;
    if sent["message"]["seq"].is_null() {
        return Err(io::Error::new(ASIDE, "message:send was put outside of the order"));
    }
    listener.hear("message:new", &content).await?;
    Ok(began.elapsed())
}

/// Where chatd cannot make a token, a client without one gets as far as being asked for it.
async fn stranger(address: &str, mut probe: Probe) -> Finding {
    let entered = tokio::time::timeout(DEADLINE, probe.enter(None)).await;
    match entered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(Welcome::Refused(_)) => {
            let shown =
                format!("{address}: clients are answered; no message was sent, as chatd holds no key to sign a token");
            finding(PART, Verdict::Good, shown, None)
        }
        Ok(Welcome::In) => {
            finding(PART, Verdict::Bad, "a client without a token is let in".into(), Some("report this as a defect"))
        }
        Err(error) => {
            let advice = "chatctl log --level debug, and do it again";
            finding(PART, Verdict::Bad, format!("{address}: {error}"), Some(advice))
        }
    }
}

/// How long the certificate that is served holds.
fn dates(certificate: &rustls::pki_types::CertificateDer<'_>) -> Finding {
    let renew = "renew it, then chatctl reload: nobody is disconnected";
    let Some(ends) = ends(certificate) else {
        return finding("certificate", Verdict::Doubtful, "its dates cannot be read".into(), Some(renew));
    };
    let days = (ends.0 - Time::now().0).div_euclid(DAY);
    match days {
        ..0 => finding("certificate", Verdict::Bad, format!("expired at {ends}"), Some(renew)),
        0..RENEWAL_DAYS => {
            finding("certificate", Verdict::Doubtful, format!("ends in {days} days, {ends}"), Some(renew))
        }
        _ => finding("certificate", Verdict::Good, format!("holds for {days} days, until {ends}"), None),
    }
}

/// The certificate's last moment: what it is told to be past at the end of time.
fn ends(certificate: &rustls::pki_types::CertificateDer<'_>) -> Option<Time> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let last = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX / 2));
    match certificate.verify_for_usage(&[], &[], &[], last, KeyUsage::server_auth(), None, None).map(drop) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Some(Time(not_after.as_secs() as i64 * 1_000)),
        _ => None,
    }
}
