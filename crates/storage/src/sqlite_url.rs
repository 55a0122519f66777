//! The URL of a SQLite database, which is a file.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What would mean something else in a URL.
const RESERVED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// The URL of the database in the file at `path`, whatever letters are in it.
pub fn sqlite_url(path: &str) -> String {
    format!("sqlite://{}", utf8_percent_encode(path, RESERVED))
}

/// The file that such a URL names; `None` for a URL of another kind.
pub fn sqlite_file(url: &str) -> Option<String> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    // What is not UTF-8 once it is decoded was meant as it is written.
    Some(percent_decode_str(path).decode_utf8().map_or_else(|_| path.to_owned(), Into::into))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_comes_back() {
        for path in ["/a/keyward.db", "a b/100%/%20/k.db", "x?y#z/k.db", "ä/k.db", "./k.db", "C:\\k.db"] {
            assert_eq!(sqlite_file(&sqlite_url(path)).as_deref(), Some(path));
        }
        assert_eq!(sqlite_file("sqlite:k.db").as_deref(), Some("k.db"));
        assert_eq!(sqlite_file("sqlite://my%20data/k.db").as_deref(), Some("my data/k.db"));
        assert_eq!(sqlite_file("sqlite://100%/k.db").as_deref(), Some("100%/k.db"));
        assert_eq!(sqlite_file("postgres://h/k"), None);
    }
}
