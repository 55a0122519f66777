//! Where the audit log is streamed to.

use keyward_engine::audit_sink::{AuditSinkChange, NewAuditSink};

use crate::request;

request! {
    /// A place to stream the audit log to.
    "CreateAuditSink" for NewAuditSink {
        /// Example: "SIEM"
        name: required,
        /// Where it is, and by that which protocol is spoken: `syslog+tls://host:port` for syslog over TLS (RFC 5424 and RFC 5425; port 6514
        /// if none is written), or the `https://` URL of an OTLP receiver for logs.
        /// Example: "syslog+tls://siem.example.com:6514"
        address: required,
        /// The only certificate authorities that count there, in PEM; absent for those that the server trusts.
        ca_certificates: optional,
        /// The certificate that the server shows there, in PEM with those between it and its authority.
        client_certificate: optional,
        /// Its private key, in PEM. It is kept sealed and never shown.
        client_key: optional,
        /// Headers for an OTLP receiver, such as `Authorization: Bearer …`. Their values are kept sealed and never shown.
        /// Example: ["Authorization: Bearer abc"]
        headers: or_default,
        /// Whether it begins with the next event, and not with the first that is kept; absent for no.
        skip_history: or_default,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "UpdateAuditSink" for AuditSinkChange {
        name: optional,
        /// Where it is from now on. Certificate, key and headers do not go along: give them again.
        address: optional,
        /// Other certificate authorities; `null` for those that the server trusts.
        ca_certificates: patch,
        /// Another certificate, together with its key; `null` for both removes them.
        client_certificate: patch,
        client_key: patch,
        /// Other headers, in place of all there were.
        headers: optional,
    }
}
