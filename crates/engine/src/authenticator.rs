//! The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for the day it is lost.

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_domain::{Actor, Email, Member, OrganizationScope, Slug};
use keyward_storage::{Credentials, Tx};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::account::{Account, CredentialChange, Person};
use crate::member::one_of;
use crate::reauthentication::Reauthenticated;
use crate::sessions::SignedIn;
use crate::{Engine, Error, Resource, Result};

/// For how many seconds a code counts.
const STEP_SECONDS: i64 = 30;

/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new authenticator, not yet confirmed.
pub struct NewAuthenticator {
    /// What people type into their app (RFC 4648 base 32).
    pub secret: Zeroizing<String>,
    /// What the app reads from a QR code.
    pub uri: Zeroizing<String>,
}

/// Recovery codes just made, which are shown this once.
#[derive(Debug)]
pub struct NewRecoveryCodes {
    /// The codes.
    pub codes: Vec<String>,
    /// The person's session, which goes on under a new secret.
    pub session: SignedIn,
}

/// What the operator has done for a member who lost the second factor.
#[derive(Debug)]
pub struct ResetSecondFactor {
    /// The member.
    pub member: Member,
    /// How many sessions ended; `None` if there was no second factor, and nothing was done.
    pub sessions_ended: Option<u64>,
}

impl Engine {
    /// A secret for an authenticator app. Nothing is kept until it is confirmed.
    pub fn new_authenticator<'a>(&self, person: impl Into<Person<'a>>) -> NewAuthenticator {
        self.authenticator_of(person, &base32(&Zeroizing::new(self.random::<32>())))
    }

    /// The same authenticator again, by its secret.
    pub fn authenticator_of<'a>(&self, person: impl Into<Person<'a>>, secret: &str) -> NewAuthenticator {
        let person = person.into();
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let label = format!("{}:{}", person.organization.name, person.email);
        let uri = format!(
            "otpauth://totp/{}?secret={secret}&issuer={}",
            encode(&label).replace('+', "%20"),
            encode(person.organization.name.as_str()).replace('+', "%20"),
        );
        NewAuthenticator { secret: secret.to_owned().into(), uri: uri.into() }
    }

    /// Turns the second factor on, or puts another in its place, once a code shows that the app has the secret; all
    /// other sessions end. `None` if the code does not fit.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn confirm_authenticator(
        &self,
        proof: &Reauthenticated<'_>,
        secret: &str,
        code: &str,
    ) -> Result<Option<NewRecoveryCodes>> {
        let Some(seed) = from_base32(secret) else { return Ok(None) };
        let Some(step) = fitting(&seed, code, self.step()) else { return Ok(None) };
        let place = proof.account().authenticator(proof.scope());
        let fault = |source| Error::Key { kid: format!("authenticator of {}", place.row()), source };
        let sealed = self.vault.seal(&place, &seed, &self.seal_entropy()).map_err(fault)?;
        let codes = self.recovery_codes();
        let action = CredentialChange::AuthenticatorAdded;
        let change = |known| Credentials {
            authenticator: Some(sealed.clone()),
            last_step: step,
            recovery: hashes(&codes),
            ..known
        };
        let session = self.change_own_credentials(proof, action, change).await?;
        Ok(Some(NewRecoveryCodes { codes, session }))
    }

    /// Turns the second factor off; all other sessions end.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn remove_authenticator(&self, proof: &Reauthenticated<'_>) -> Result<SignedIn> {
        self.change_own_credentials(proof, CredentialChange::AuthenticatorRemoved, without_second_factor)
            .await
    }

    /// Makes new recovery codes in place of those that there are; all other sessions end. Refused where there is no
    /// second factor.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn renew_recovery_codes(&self, proof: &Reauthenticated<'_>) -> Result<NewRecoveryCodes> {
        if self.authenticator(proof.person()).await?.is_none() {
            return Err(Error::Transition("there is no second factor".to_owned()));
        }
        let codes = self.recovery_codes();
        let change = |known: Credentials| match known.authenticator {
            Some(_) => Credentials { recovery: hashes(&codes), ..known },
            None => known,
        };
        let session = self.change_own_credentials(proof, CredentialChange::RecoveryCodes, change).await?;
        Ok(NewRecoveryCodes { codes, session })
    }

    /// Removes the second factor of a member who has lost it, for the operator; all their sessions end.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn reset_second_factor(&self, slug: &Slug, email: &Email) -> Result<ResetSecondFactor> {
        self.transaction(async |tx| {
            let organization = tx.organizations().by_slug(slug).await?;
            let scope = organization.ok_or(Error::NotFound(Resource::Organization))?.scope();
            let found = tx.members(scope).by_email(email).await?;
            let member = one_of(found, email).ok_or(Error::NotFound(Resource::Member))?;
            let account = Account::Member(member.id);
            if account.lock_credentials(&tx, scope).await?.authenticator.is_none() {
                return Ok(ResetSecondFactor { member, sessions_ended: None });
            }
            let by = (Actor::Operator, CredentialChange::AuthenticatorRemoved);
            let (ended, recorded) =
                self.change_credentials(&tx, scope, account, by, without_second_factor).await?;
            tx.commit(recorded).await?;
            Ok(ResetSecondFactor { member, sessions_ended: Some(ended) })
        })
        .await
    }

    /// Changes what a person signs in with for themselves: of all their sessions the one goes on, under a new secret.
    pub(crate) async fn change_own_credentials(
        &self,
        proof: &Reauthenticated<'_>,
        what: CredentialChange,
        change: impl Fn(Credentials) -> Credentials,
    ) -> Result<SignedIn> {
        let (scope, account) = (proof.scope(), proof.account());
        self.transaction(async |tx| {
            let session = proof.hold(self, &tx).await?;
            let by = (account.actor(), what);
            let (_, recorded) = self.change_credentials(&tx, scope, account, by, &change).await?;
            let signed_in = self.go_on_with(&tx, scope, session).await?;
            tx.commit(recorded).await?;
            Ok(signed_in)
        })
        .await
    }

    fn recovery_codes(&self) -> Vec<String> {
        (0..RECOVERY_CODES).map(|_| recovery_code(&self.random())).collect()
    }

    /// Whether a person has a second factor, and how many recovery codes are left.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn authenticator(&self, person: impl Into<Person<'_>>) -> Result<Option<usize>> {
        let person = person.into();
        let tx = self.store.read().await?;
        let known = person.account.credentials(&tx, person.scope()).await?;
        Ok(known.filter(|known| known.authenticator.is_some()).map(|known| known.recovery.len()))
    }

    /// Takes a code, of the app or a recovery code, this once; whether it fits.
    pub(crate) async fn take_code(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        account: Account,
        code: &str,
    ) -> Result<bool> {
        let known = account.lock_credentials(tx, scope).await?;
        let Some(sealed) = &known.authenticator else { return Ok(true) };
        let place = account.authenticator(scope);
        let fault = |source| Error::Key { kid: format!("authenticator of {}", place.row()), source };
        let seed = self.vault.open(&place, sealed).map_err(fault)?;
        let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let taken = match fitting(&seed, &code, self.step()).filter(|step| *step > known.last_step) {
            Some(step) => Some(Credentials { last_step: step, ..known }),
            None => {
                let wanted = hashed(&code.to_uppercase());
                let left: Vec<_> = known.recovery.iter().filter(|kept| **kept != wanted).cloned().collect();
                (left.len() < known.recovery.len()).then_some(Credentials { recovery: left, ..known })
            }
        };
        match taken {
            Some(credentials) => {
                account.set_credentials(tx, scope, &credentials).await?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn step(&self) -> i64 {
        self.now().unix() / STEP_SECONDS
    }
}

pub(crate) fn without_second_factor(known: Credentials) -> Credentials {
    Credentials { authenticator: None, last_step: 0, recovery: Vec::new(), ..known }
}

fn hashes(codes: &[String]) -> Vec<String> {
    codes.iter().map(|code| hashed(code)).collect()
}

/// The step of which `code` is, among the present one and its neighbours.
fn fitting(seed: &[u8; 32], code: &str, now: i64) -> Option<i64> {
    // All are compared, so that it takes as long whichever fits.
    let fits = |step: &i64| bool::from(totp(seed, *step).as_bytes().ct_eq(code.as_bytes()));
    [now - 1, now, now + 1].into_iter().filter(fits).max()
}

/// The code of one step (RFC 4226 §5.3), six digits.
fn totp(seed: &[u8; 32], step: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(seed) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 15);
    let bytes = [hash[offset] & 0x7f, hash[offset + 1], hash[offset + 2], hash[offset + 3]];
    format!("{:06}", u32::from_be_bytes(bytes) % 1_000_000)
}

/// Ten letters and digits: 50 bits, for which guessing is slowed down.
fn recovery_code(random: &[u8; 10]) -> String {
    random.iter().map(|byte| char::from(BASE32[usize::from(byte & 31)])).collect()
}

fn hashed(code: &str) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(code.as_bytes()))
}

fn base32(bytes: &[u8; 32]) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let symbol = |at: usize| (0..5).fold(0, |value, place| value << 1 | bit(5 * at + place));
    (0..52).map(|at| char::from(BASE32[usize::from(symbol(at))])).collect()
}

fn from_base32(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    let values: Option<Vec<_>> =
        text.bytes().map(|byte| BASE32.iter().position(|symbol| *symbol == byte)).collect();
    let values = values.filter(|values| values.len() == 52)?;
    for (at, value) in values.iter().enumerate() {
        for place in 0..5 {
            let bit = 5 * at + place;
            if value >> (4 - place) & 1 == 1 {
                *bytes.get_mut(bit / 8)? |= 1 << (7 - bit % 8);
            }
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6238, appendix B, has eight digits of a 20-byte key; the key here is padded by zeros, which HMAC does too.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let mut seed = [0; 32];
        seed[..20].copy_from_slice(b"12345678901234567890");
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(totp(&seed, time / 30), code);
        }
        assert_eq!(fitting(&seed, "287082", 2), Some(1));
        assert_eq!(fitting(&seed, "287082", 3), None);
        assert_eq!(fitting(&seed, "", 1), None);
    }

    proptest! {
        #[test]
        fn a_secret_is_read_as_it_is_written(seed: [u8; 32]) {
            prop_assert_eq!(*from_base32(&base32(&seed)).unwrap(), seed);
        }

        #[test]
        fn no_text_panics(text in "[A-Z2-7]{0,60}") {
            let _ = from_base32(&text);
        }
    }
}
