//! A vendor's browser, signed in.

use std::sync::Arc;

use keyward_domain::permission::Grant;
use keyward_domain::{Access, Secret, SecretKind};
use keyward_engine::{AnySession, Engine};

use crate::{ask, client_info, csrf, encode, people};

/// A vendor's browser.
pub(crate) struct Browser {
    pub(crate) engine: Arc<Engine>,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    pub(crate) async fn open(engine: Arc<Engine>) -> Self {
        let (_, cookie) = people(&engine).await.remove(0);
        let csrf = csrf(&ask(&engine, "GET", "/", &cookie, "").await.text).to_owned();
        Self { engine, cookie, csrf }
    }

    /// The same vendor, signed in anew: sessions end.
    pub(crate) async fn again(&self) -> Self {
        let body = format!("email=owner%40acme.example&password={}", encode(crate::PASSWORD));
        let signed_in = ask(&self.engine, "POST", "/sign-in", "", &body).await;
        let cookie = signed_in.header("set-cookie").split(';').next().unwrap().to_owned();
        let csrf = csrf(&ask(&self.engine, "GET", "/", &cookie, "").await.text).to_owned();
        Self { engine: Arc::clone(&self.engine), cookie, csrf }
    }

    /// What the vendor may do.
    pub(crate) async fn access<P: Grant>(&self) -> Access<P> {
        let secret = Secret::parse(SecretKind::Session, self.cookie.split('=').nth(1).unwrap()).unwrap();
        match self.engine.session(&secret).await.unwrap() {
            Some(AnySession::Member(person)) => person.identity.access().unwrap(),
            _ => panic!("signed out"),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let page = ask(&self.engine, "GET", path, &self.cookie, "").await;
        (page.status, page.text)
    }

    /// Sends a form; gives where it leads, or the page that shows it again.
    pub(crate) async fn send(&self, path: &str, values: &[(&str, &str)]) -> Result<String, String> {
        let mut body = format!("csrf={}", self.csrf);
        values
            .iter()
            .for_each(|(name, value)| body.push_str(&format!("&{}={}", encode(name), encode(value))));
        let sent = ask(&self.engine, "POST", path, &self.cookie, &body).await;
        match sent.status {
            303 => Ok(sent.header("location").split('?').next().unwrap().to_owned()),
            _ => Err(sent.text),
        }
    }

    /// Sends a form that makes something; the page that it leads to.
    pub(crate) async fn shown(&self, path: &str, values: &[(&str, &str)]) -> String {
        let page = self.send(path, values).await.unwrap();
        self.get(&page).await.1
    }

    /// Shows again who the vendor is; the cookie is another from then on.
    pub(crate) async fn confirm(&mut self, password: &str) -> u16 {
        let body = format!("csrf={}&password={}&page=/tokens", self.csrf, encode(password));
        let sent = ask(&self.engine, "POST", "/confirm", &self.cookie, &body).await;
        self.take_cookie(&sent);
        sent.status
    }

    /// Keeps the cookie that an answer sets.
    pub(crate) fn take_cookie(&mut self, answer: &crate::Answer) {
        if let Some(cookie) =
            answer.header("set-cookie").split(';').next().filter(|cookie| !cookie.is_empty())
        {
            self.cookie = cookie.to_owned();
        }
    }

    /// Signs a customer in and gives the cookie.
    pub(crate) async fn customer(&self, email: &str) -> String {
        let before = self.engine.claim_mail().await.unwrap();
        assert!(before.is_none());
        self.engine.request_customer_sign_in(&email.parse().unwrap()).await.unwrap();
        let mail = self.engine.claim_mail().await.unwrap().unwrap();
        self.engine.mail_sent(&mail).await.unwrap();
        let word = mail.body.split_whitespace().find(|word| word.contains("kw_link_")).unwrap();
        let link = Secret::parse(SecretKind::Link, word.rsplit('/').next().unwrap()).unwrap();
        let opened =
            self.engine.open_customer_link(&link, None, client_info()).await.unwrap().signed_in().unwrap();
        format!("keyward-customer={}", opened.secret.expose())
    }
}
