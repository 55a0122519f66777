use super::StatusTable;
use crate::{ClaimsError, Signer, UnixSeconds, base64url, issue, jws::Typ};
use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

impl StatusTable {
    /// Signs the list as `statuslist+jwt`: `uri` is its address, `ttl` for how many seconds a copy is fresh.
    ///
    /// # Errors
    /// When an instant is not within the years 1970 to 9999.
    pub fn sign(
        &self,
        signer: &Signer,
        uri: &str,
        issued_at: UnixSeconds,
        expires_at: Option<UnixSeconds>,
        ttl: Option<u64>,
    ) -> Result<String, ClaimsError> {
        let lst: Vec<u8> = miniz_oxide::deflate::compress_to_vec_zlib(self.as_bytes(), 9);
        let mut json = String::with_capacity(base64url::encoded_len(lst.len()).saturating_add(256));
        json.push_str("{\"sub\":");
        issue::string(&mut json, uri);
        for (claim, instant) in [("iat", Some(issued_at)), ("exp", expires_at)] {
            if let Some(instant) = instant {
                instant.to_rfc3339().ok_or(ClaimsError::OutOfRange { claim })?;
                issue::member(&mut json, claim, |json| json.push_str(&instant.as_i64().to_string()));
            }
        }
        if let Some(ttl) = ttl {
            issue::member(&mut json, "ttl", |json| json.push_str(&ttl.to_string()));
        }
        issue::member(&mut json, "status_list", |json| {
            json.push_str("{\"bits\":");
            json.push_str(&self.bits().to_string());
            json.push_str(",\"lst\":\"");
            base64url::encode_to(&lst, json);
            json.push_str("\"}");
        });
        json.push('}');
        Ok(signer.sign_typed(Typ::StatusList, &json))
    }
}
