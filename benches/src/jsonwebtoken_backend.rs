//! jsonwebtoken takes one backend a process. This provider switches between both, so that one run has both.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use jsonwebtoken::crypto::{CryptoProvider, KeyUtils, aws_lc, rust_crypto};

static AWS: AtomicBool = AtomicBool::new(true);

static SWITCH: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| (current().signer_factory)(algorithm, key),
    verifier_factory: |algorithm, key| (current().verifier_factory)(algorithm, key),
    key_utils: KeyUtils::new_unimplemented(),
};

fn current() -> &'static CryptoProvider {
    if AWS.load(Ordering::Relaxed) { &aws_lc::DEFAULT_PROVIDER } else { &rust_crypto::DEFAULT_PROVIDER }
}

/// Uses `aws_lc_rs` from now on, or `rust_crypto`.
pub fn pick(aws: bool) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| SWITCH.install_default().expect("the first provider of this process"));
    AWS.store(aws, Ordering::Relaxed);
}
