//! Passwords of members: Argon2id, hashed where the [gate](crate::hash_gate) lets them.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use keyward_domain::Invalid;
use zeroize::Zeroizing;

use crate::attempt::Attempt;
use crate::hash_gate::Memory;
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
    /// The hash of a new password, in PHC form. What the password is for is looked at before.
    pub(crate) async fn hash_password(&self, password: Password) -> Result<String> {
        let salt = self.random::<16>();
        self.hash_gate.run(move |memory| hash(&password, &salt, memory)).await?.ok_or(Error::Password)
    }

    /// The first of several people whose password this is. Where there is nobody, it takes as long.
    pub(crate) async fn matching<T: Send + 'static>(
        &self,
        password: Password,
        candidates: Vec<(T, String)>,
    ) -> Result<Option<T>> {
        let salt = self.random::<16>();
        let look = move |memory: &mut Memory| {
            if candidates.is_empty() {
                let _takes_as_long = hash(&password, &salt, memory);
            }
            candidates.into_iter().find(|(_, hash)| verify(&password, hash, memory)).map(|(found, _)| found)
        };
        self.hash_gate.run(look).await
    }

    /// The first of several people whose password this is. The attempt is counted before, unless nobody looks at it.
    pub(crate) async fn judge_password<T: Send + 'static>(
        &self,
        attempt: &Attempt,
        password: Password,
        candidates: Vec<(T, String)>,
    ) -> Result<Option<T>> {
        self.begin_attempt(attempt).await?;
        let judged = self.matching(password, candidates).await;
        if judged.is_err() {
            self.take_attempt_back(attempt).await?;
        }
        judged
    }
}

fn hash(password: &Password, salt: &[u8], memory: &mut Memory) -> Option<String> {
    let salt = Salt::new(salt).ok()?;
    let (algorithm, version, params) = (Algorithm::default(), Version::default(), Params::default());
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params).ok()?,
        hash: Some(output(password, &salt, Argon2::new(algorithm, version, params), memory)?),
        salt: Some(salt),
    };
    Some(hash.to_string())
}

fn verify(password: &Password, hash: &str, memory: &mut Memory) -> bool {
    let mut expected = || {
        let hash = PasswordHash::new(hash).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = Version::try_from(hash.version?).ok()?;
        let argon2 = Argon2::new(algorithm, version, Params::try_from(&hash).ok()?);
        Some((hash.hash?, output(password, &hash.salt?, argon2, memory)?))
    };
    // Outputs are compared in constant time.
    expected().is_some_and(|(expected, output)| expected == output)
}

fn output(password: &Password, salt: &Salt, argon2: Argon2<'_>, memory: &mut Memory) -> Option<Output> {
    let (blocks, length) = (argon2.params().block_count(), argon2.params().output_len());
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..length.unwrap_or(Params::DEFAULT_OUTPUT_LEN))?;
    argon2
        .hash_password_into_with_memory(password.0.as_bytes(), salt, out, memory.get_mut(..blocks)?)
        .ok()?;
    Output::new(out).ok()
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    #[test]
    fn hashes_are_those_that_the_crate_makes_and_reads() {
        let (password, mut memory) = (Password::attempt("a long password"), Memory::new());
        let own = hash(&password, &[7; 16], &mut memory).unwrap();
        let theirs: PasswordHash =
            Argon2::default().hash_password_with_salt(b"a long password", &[7; 16]).unwrap();
        assert_eq!(own, theirs.to_string());
        assert!(Argon2::default().verify_password(b"a long password", own.as_str()).is_ok());
        assert!(verify(&password, &own, &mut memory));
        assert!(!verify(&Password::attempt("another"), &own, &mut memory));
        // Of other costs, as an older program may have made it.
        let older =
            Argon2::new(Algorithm::default(), Version::default(), Params::new(64, 1, 2, None).unwrap());
        let older: PasswordHash = older.hash_password_with_salt(b"a long password", &[7; 16]).unwrap();
        assert!(verify(&password, &older.to_string(), &mut memory));
        for bad in ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA", "$bcrypt$x"] {
            assert!(!verify(&password, bad, &mut memory), "{bad}");
        }
    }
}
