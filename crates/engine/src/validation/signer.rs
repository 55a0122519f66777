//! Signs answers, which is most of what an answer costs. With the feature `aws-lc` that is done by AWS-LC in
//! little more than half the time; the signature is the same (RFC 8032).

use keyward_token::SecretKey;

use crate::vault::SealError;

/// A signing key made ready.
pub(crate) struct AnswerSigner {
    /// Its id, as answers name it.
    pub kid: String,
    #[cfg(feature = "aws-lc")]
    key: aws_lc_rs::signature::Ed25519KeyPair,
    #[cfg(not(feature = "aws-lc"))]
    key: SecretKey,
}

impl AnswerSigner {
    #[cfg(feature = "aws-lc")]
    pub(crate) fn new(secret: &SecretKey) -> Result<Self, SealError> {
        let (seed, public) = (secret.to_seed(), secret.public_key().to_bytes());
        let key = aws_lc_rs::signature::Ed25519KeyPair::from_seed_and_public_key(&*seed, &public);
        let kid = secret.public_key().kid().as_str().to_owned();
        Ok(Self { kid, key: key.map_err(|_| SealError::Mismatch)? })
    }

    #[cfg(not(feature = "aws-lc"))]
    pub(crate) fn new(secret: &SecretKey) -> Result<Self, SealError> {
        let kid = secret.public_key().kid().as_str().to_owned();
        Ok(Self { kid, key: SecretKey::from_seed(*secret.to_seed()) })
    }

    /// The signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.key.sign(message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_signs_as_the_token_crate_does(seed: [u8; 32], message: Vec<u8>) {
            let secret = SecretKey::from_seed(seed);
            let signer = AnswerSigner::new(&secret).unwrap();
            let signature = signer.sign(&message);
            prop_assert_eq!(signature.as_ref(), &secret.sign(&message)[..]);
        }
    }
}
