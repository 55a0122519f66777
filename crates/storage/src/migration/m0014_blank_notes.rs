//! Notes in which nothing is written are none: a form can't tell the two apart.

pub(super) const STATEMENTS: &[&str] = &[
    "UPDATE customers SET notes = NULL WHERE TRIM(notes) = ''",
    "UPDATE licenses SET description = NULL WHERE TRIM(description) = ''",
    "UPDATE products SET description = NULL WHERE TRIM(description) = ''",
    "UPDATE applications SET description = NULL WHERE TRIM(description) = ''",
    "UPDATE artifact_entitlements SET description = NULL WHERE TRIM(description) = ''",
    "UPDATE application_entitlements SET note = NULL WHERE TRIM(note) = ''",
];
