//! Syslog: RFC 5424, over TLS with octet counting (RFC 5425).
//!
//! The protocol has no answer that a message was taken. So each batch has a connection of its own: the sink says that it is done
//! (`close_notify`), and the receiver has read all of it when it says the same, as TLS asks it to.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use keyward_domain::audit_sink::SinkFault;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::batch::Record;
use super::transport::{Transport, io_fault, limit};
use crate::outbound::bounds;

/// Facility 13, “log audit”; severity 5, “notice”.
const PRIORITY: u8 = 13 * 8 + 5;

/// The structured data's name. The number is the one that RFC 5612 keeps for examples: the project has none of its own.
const STRUCTURED: &str = "keyward@32473";

/// How much is written at a time, between two looks at the clock.
const CHUNK: usize = 16 * 1024;

/// A message with its length before it. `host` is who sends it.
pub(super) fn frame(record: &Record, host: &str, into: &mut String) {
    let mut message = format!("<{PRIORITY}>1 {} {host} keyward - ", record.at);
    // At most 32 characters; the whole of it is in the structured data.
    let kind = record.event.as_ref().map_or("checkpoint", |event| event.action.as_str());
    message.extend(kind.chars().take(32));
    let _ = write!(
        message,
        " [{STRUCTURED} organization=\"{}\" seq=\"{}\" hash=\"{}\" action=\"{kind}\"",
        record.organization, record.seq, record.hash
    );
    if let Some(event) = &record.event {
        let (actor, id) = event.actor.parts();
        let _ = write!(message, " event=\"{}\" actor=\"{actor}\"", event.id);
        if let Some(id) = id {
            let _ = write!(message, " actor_id=\"{id}\"");
        }
        if let Some(target) = event.target {
            let _ = write!(message, " target=\"{target}\"");
        }
    }
    message.push_str("] ");
    ascii(&record.line, &mut message);
    let _ = write!(into, "{} {message}", message.len());
}

/// The same JSON in ASCII alone, as which no receiver reads it in another encoding.
fn ascii(line: &str, into: &mut String) {
    for c in line.chars() {
        if c.is_ascii() {
            into.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(into, "\\u{unit:04x}");
            }
        }
    }
}

/// Sends frames, and waits until the receiver has read them.
pub(super) fn send(transport: &Transport, host: &str, port: u16, frames: &str) -> Result<(), SinkFault> {
    let until = Instant::now() + bounds::AUDIT_SINK;
    let stream = transport.connect(host, port, until)?;
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(name).map_err(|_| SinkFault::NoAddress)?;
    let tls = ClientConnection::new(Arc::new(transport.tls()?), name).map_err(|_| SinkFault::Tls)?;
    let mut stream = StreamOwned::new(tls, stream);
    for chunk in frames.as_bytes().chunks(CHUNK) {
        limit(&stream.sock, until)?;
        stream.write_all(chunk).map_err(|error| io_fault(&error))?;
    }
    stream.conn.send_close_notify();
    limit(&stream.sock, until)?;
    stream.flush().map_err(|error| io_fault(&error))?;
    // For receivers that look for the end of the connection and not of TLS.
    let _ = stream.sock.shutdown(Shutdown::Write);
    let mut rest = [0; 1024];
    loop {
        limit(&stream.sock, until)?;
        match stream.read(&mut rest) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // It has read to the end and closed the connection, though TLS asks it to say so. Had it left something unread, the
            // connection would have been reset.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_fault(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use keyward_domain::{Action, Actor, AuditEventId, ChainHash, OrganizationId, Timestamp, TokenId};

    use super::*;
    use crate::audit_sink::batch::Happened;

    #[test]
    fn a_message_is_what_the_rfcs_say() {
        let record = Record {
            organization: OrganizationId::new(1, [1; 10]),
            seq: 7,
            hash: ChainHash::of(b"x"),
            at: Timestamp::from_unix(1_767_225_600).unwrap(),
            event: Some(Happened {
                id: AuditEventId::new(1, [2; 10]),
                action: Action::OrganizationDeletionScheduled,
                actor: Actor::Token(TokenId::new(1, [3; 10])),
                target: None,
            }),
            line: "{\"name\":\"Größe 𝄞\"}".to_owned(),
        };
        let mut framed = String::new();
        frame(&record, "licenses.example", &mut framed);
        let (length, message) = framed.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
        assert!(message.is_ascii());
        assert!(
            message.starts_with(
                "<109>1 2026-01-01T00:00:00Z licenses.example keyward - organization.deletion_scheduled \
                 [keyward@32473 organization=\""
            ),
            "{message}"
        );
        assert!(message.contains(" seq=\"7\" hash=\"") && message.contains(" actor=\"token\" actor_id=\""));
        let json = message.rsplit_once("] ").unwrap().1;
        assert_eq!(json, "{\"name\":\"Gr\\u00f6\\u00dfe \\ud834\\udd1e\"}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap()["name"], "Größe 𝄞");
        // What is cut off still tells actions apart.
        let cut: BTreeSet<String> =
            Action::ALL.iter().map(|action| action.as_str().chars().take(32).collect()).collect();
        assert_eq!(cut.len(), Action::ALL.len());
    }
}
