//! Passwords of members: Argon2id, hashed off the threads that answer requests.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use keyward_domain::Invalid;
use zeroize::Zeroizing;

use crate::{Engine, Error, Result};

/// A password as its owner typed it.
pub struct Password(Zeroizing<String>);

impl Password {
    /// 12 to 128 characters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.chars().count() {
            0 => Err(Invalid::new("required", "is required")),
            1..12 => Err(Invalid::new("too_short", "must have at least 12 characters")),
            12..=128 => Ok(Self(Zeroizing::new(text.to_owned()))),
            _ => Err(Invalid::new("too_long", "has more than 128 characters")),
        }
    }

    /// What someone typed who wants to sign in: any text.
    pub fn attempt(text: &str) -> Self {
        Self(Zeroizing::new(text.chars().take(128).collect()))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Engine {
    /// The hash of a new password, in PHC form.
    pub(crate) async fn hash_password(&self, password: Password) -> Result<String> {
        let salt = self.random::<16>();
        blocking(move || hash(&password, &salt)).await?.ok_or(Error::Password)
    }

    /// The first of several people whose password this is. Where there is nobody, it takes as long.
    pub(crate) async fn matching<T: Send + 'static>(
        &self,
        password: Password,
        candidates: Vec<(T, String)>,
    ) -> Result<Option<T>> {
        let salt = self.random::<16>();
        blocking(move || {
            static NOBODY: OnceLock<Option<String>> = OnceLock::new();
            if candidates.is_empty() {
                let nobody = NOBODY.get_or_init(|| hash(&Password::attempt("nobody's password"), &salt));
                let _takes_as_long = nobody.as_ref().is_some_and(|hash| verify(&password, hash));
            }
            candidates.into_iter().find(|(_, hash)| verify(&password, hash)).map(|(found, _)| found)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Password)
}

fn hash(password: &Password, salt: &[u8]) -> Option<String> {
    Argon2::default()
        .hash_password_with_salt(password.0.as_bytes(), salt)
        .ok()
        .map(|hash: argon2::password_hash::phc::PasswordHash| hash.to_string())
}

fn verify(password: &Password, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.0.as_bytes(), &hash).is_ok())
}
