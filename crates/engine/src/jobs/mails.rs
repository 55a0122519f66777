//! Mails that wait are handed over, by what whoever runs the engine provides for it.

use std::time::Duration;

use super::{Job, Schedule, Step, Stepping};
use crate::metrics::MailOutcome;
use crate::{Engine, Mail, Result};

/// How often it is looked for mail that is due.
const PERIOD: Duration = Duration::from_millis(500);

/// The job that hands mails over, one by one.
pub struct Mails<F>(F);

/// A mail was not handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Whether no other try will go well.
    pub for_good: bool,
    /// Why, for the log.
    pub reason: String,
    /// What the operator is shown of it, where the reason may name the recipient.
    pub shown: Option<String>,
}

impl Undelivered {
    /// Another try may go well.
    pub fn for_now(reason: impl Into<String>) -> Self {
        Self { for_good: false, reason: reason.into(), shown: None }
    }

    /// No other try will go well.
    pub fn for_good(reason: impl Into<String>) -> Self {
        Self { for_good: true, reason: reason.into(), shown: None }
    }
}

impl<F: AsyncFn(&Mail) -> Result<(), Undelivered>> Mails<F> {
    /// Mails handed over by `deliver`: it may be given the same one again, where its server has ended before that could be noted.
    pub fn new(deliver: F) -> Self {
        Self(deliver)
    }

    async fn hand_over(&self, engine: &Engine, mail: &Mail) -> Result<Step> {
        let Err(Undelivered { for_good, reason, shown }) = (self.0)(mail).await else {
            engine.metrics.mails.of(MailOutcome::Sent).add_one();
            engine.mail_sent(mail).await?;
            return Ok(Step::More(1));
        };
        if for_good {
            tracing::error!(mail = %mail.id, error = reason, "mail can't be sent to its recipient and is given up");
            engine.metrics.mails.of(MailOutcome::GivenUp).add_one();
            engine.mail_undeliverable(mail).await?;
            return Ok(Step::More(1));
        }
        // Neither text nor recipient: the text may hold a link.
        tracing::warn!(mail = %mail.id, attempt = mail.attempts + 1, error = reason, "mail was not handed over");
        let given_up = engine.mail_failed(mail).await?;
        let outcome = if given_up { MailOutcome::GivenUp } else { MailOutcome::Failed };
        engine.metrics.mails.of(outcome).add_one();
        if given_up {
            tracing::error!(mail = %mail.id, "mail is given up");
        }
        Ok(Step::PutOff(shown.unwrap_or(reason)))
    }
}

impl<F: AsyncFn(&Mail) -> Result<(), Undelivered>> Job for Mails<F> {
    fn name(&self) -> &'static str {
        "mail"
    }

    /// Each server's: mails are claimed one by one.
    fn schedule(&self) -> Schedule {
        Schedule::every_server(PERIOD)
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            match engine.claim_mail().await? {
                Some(mail) => self.hand_over(engine, &mail).await.inspect_err(|error| {
                    tracing::error!(mail = %mail.id, %error, "what became of a mail can't be noted");
                }),
                None => Ok(Step::Done(0)),
            }
        })
    }
}
