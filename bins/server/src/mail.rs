//! Hands mail over: to an SMTP server, or where none is set to files in the data folder.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use keyward_domain::Email;
use keyward_engine::Mail;
use keyward_engine::jobs::{Job, Mails, Undelivered};
use keyward_engine::outbound::{Authorities, hint};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use crate::config::Settings;

/// Where mail goes.
pub(crate) struct Post {
    from: Mailbox,
    way: Way,
}

enum Way {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
}

impl Post {
    /// Says where mail goes if it goes nowhere.
    pub(crate) fn announce(&self) {
        if let Way::Folder(folder) = &self.way {
            tracing::info!(folder = %folder.display(), "no KEYWARD_SMTP_URL: mail is written to files");
        }
    }

    /// As the settings say.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let from = sender(&settings.mail_from)?;
        let way = match &settings.smtp_url {
            Some(url) => {
                // The address may hold a password, so it is not told.
                let fault = || anyhow::anyhow!("KEYWARD_SMTP_URL must be smtp://… or smtps://…");
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| fault())?;
                let builder = match tls(url, &settings.authorities).map_err(|_| fault())? {
                    Some(tls) => builder.tls(tls),
                    None => builder,
                };
                Way::Smtp(Box::new(builder.timeout(Some(Duration::from_secs(20))).build()))
            }
            None => Way::Folder(settings.data_dir.join("mail")),
        };
        Ok(Self { from, way })
    }

    /// As what the server does by itself.
    pub(crate) fn job(self) -> impl Job {
        Mails::new(async move |mail: &Mail| self.send(mail).await)
    }

    async fn send(&self, mail: &Mail) -> Result<(), Undelivered> {
        // An address that was taken before, or by an older server, may be one that no mail can be sent to.
        let to = recipient(mail).map_err(|error| Undelivered::for_good(format!("{error:#}")))?;
        self.hand(mail, to).await.map_err(|cause| {
            let reason = format!("{cause:#}");
            let reason = format!("{reason}{}", hint(&reason));
            Undelivered { shown: answer(&cause), ..Undelivered::for_now(reason) }
        })
    }

    async fn hand(&self, mail: &Mail, to: Mailbox) -> anyhow::Result<()> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&mail.subject)
            .message_id(Some(format!("<{}@keyward>", mail.id)))
            // Says which letters these are, and in which form they travel (RFC 2045).
            .header(ContentType::TEXT_PLAIN)
            .body(mail.body.clone())?;
        match &self.way {
            Way::Smtp(smtp) => smtp.send(message).await.map(drop).context("SMTP"),
            Way::Folder(folder) => {
                let mut builder = std::fs::DirBuilder::new();
                builder.recursive(true);
                #[cfg(unix)]
                std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
                builder.create(folder)?;
                let path = folder.join(format!("{}.eml", mail.id));
                let mut options = std::fs::OpenOptions::new();
                options.write(true).create(true).truncate(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                std::io::Write::write_all(&mut options.open(&path)?, &message.formatted())?;
                tracing::info!(file = %path.display(), "mail");
                Ok(())
            }
        }
    }
}

/// What the mail server has answered, without its words: they may name the recipient, and are in the log alone.
fn answer(error: &anyhow::Error) -> Option<String> {
    let code = error.downcast_ref::<lettre::transport::smtp::Error>()?.status()?;
    Some(format!("the mail server answers {code}"))
}

/// To whom, in the form that every mail server takes.
fn recipient(mail: &Mail) -> anyhow::Result<Mailbox> {
    let address =
        mail.recipient.for_mail().map_err(|invalid| anyhow::anyhow!("the address {}", invalid.message))?;
    Ok(Mailbox::new(None, address.parse()?))
}

/// The sender, in the same form.
fn sender(text: &str) -> anyhow::Result<Mailbox> {
    let mailbox: Mailbox = text.parse().context("KEYWARD_MAIL_FROM is no address")?;
    let address = mailbox.email.to_string();
    if address.is_ascii() {
        return Ok(mailbox);
    }
    let address = Email::kept(address).for_mail();
    let address = address.map_err(|invalid| anyhow::anyhow!("KEYWARD_MAIL_FROM {}", invalid.message))?;
    Ok(Mailbox::new(mailbox.name, address.parse()?))
}

/// TLS as the URL asks for it, with authorities that are not public besides; `None` if it asks for none.
fn tls(url: &str, authorities: &Authorities) -> anyhow::Result<Option<Tls>> {
    let url = url::Url::parse(url)?;
    let wanted = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value);
    let form = match (url.scheme(), wanted.as_deref()) {
        ("smtps", _) => Tls::Wrapper,
        ("smtp", Some("required")) => Tls::Required,
        ("smtp", Some("opportunistic")) => Tls::Opportunistic,
        _ => return Ok(None),
    };
    let mut parameters = TlsParameters::builder(url.host_str().context("no host")?.to_owned());
    for certificate in authorities.private() {
        // Of what the machine trusts, some may be in a form that is not known here.
        if rustls::RootCertStore::empty().add(certificate.into()).is_ok() {
            parameters = parameters.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
        }
    }
    Ok(Some(form(parameters.build()?)))
}
