//! Whether a text is one YAML mapping (YAML 1.2).
//!
//! It is read event by event: nothing is built and no alias is followed, so a small text that stands for a huge
//! document costs no more than its own length.

use saphyr_parser::{Event, Parser};

use crate::Invalid;

/// The deepest nesting of a file.
const MOST_DEPTH: usize = 64;

/// Checks that `text` is exactly one document and that its root is a mapping.
pub fn check_mapping(text: &str) -> Result<(), Invalid> {
    let (mut documents, mut depth) = (0_usize, 0_usize);
    let mut is_mapping = false;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let place = error.marker();
            let message = format!("is not YAML (line {}, column {})", place.line(), place.col() + 1);
            Invalid::new("invalid_yaml", message)
        })?;
        match event {
            Event::DocumentStart(_) => documents += 1,
            Event::MappingStart(..) => {
                is_mapping |= depth == 0;
                depth += 1;
            }
            Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::Scalar(..) => {}
        }
        if depth > MOST_DEPTH {
            let message = format!("is nested deeper than {MOST_DEPTH} (line {})", span.start.line());
            return Err(Invalid::new("too_deep", message));
        }
    }
    if documents > 1 {
        return Err(Invalid::new("many_documents", "has more than one YAML document"));
    }
    if is_mapping { Ok(()) } else { Err(Invalid::new("not_a_mapping", "must be a YAML mapping")) }
}

/// What is being read of a document.
enum Level {
    /// A mapping; its key, once that is read, while its value is.
    Mapping(Option<String>),
    /// A sequence.
    Sequence,
}

/// The images that a Compose file names for its services, as they are written there.
pub fn service_images(text: &str) -> Vec<String> {
    let (mut images, mut levels) = (Vec::new(), Vec::new());
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, _))) = parser.next_event() {
        match event {
            Event::MappingStart(..) => levels.push(Level::Mapping(None)),
            Event::SequenceStart(..) => levels.push(Level::Sequence),
            Event::Scalar(value, ..) => match levels.last_mut() {
                Some(Level::Mapping(key @ None)) => *key = Some(value.into_owned()),
                Some(Level::Mapping(Some(_))) => {
                    if let [Level::Mapping(Some(root)), Level::Mapping(_), Level::Mapping(Some(key))] =
                        levels.as_slice()
                        && root == "services"
                        && key == "image"
                    {
                        images.push(value.into_owned());
                    }
                    end_value(&mut levels);
                }
                Some(Level::Sequence) | None => {}
            },
            Event::Alias(_) => match levels.last_mut() {
                Some(Level::Mapping(key @ None)) => *key = Some(String::new()),
                Some(_) | None => end_value(&mut levels),
            },
            Event::MappingEnd | Event::SequenceEnd => {
                levels.pop();
                end_value(&mut levels);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        if levels.len() > MOST_DEPTH {
            break;
        }
    }
    images
}

/// The value of a mapping is read, or what stands in the place of a key.
fn end_value(levels: &mut [Level]) {
    if let Some(Level::Mapping(key)) = levels.last_mut() {
        *key = match key {
            Some(_) => None,
            None => Some(String::new()),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> &'static str {
        check_mapping(text).map_or_else(|fault| fault.code, |()| "mapping")
    }

    #[test]
    fn one_mapping_is_asked_for() {
        for text in ["a: 1", "{}", "---\na: [1, {b: c}]\n", "# c\nx: &x {y: 1}\nz: *x\n", "\"a\": |\n  b\n"] {
            assert_eq!(code(text), "mapping", "{text}");
        }
        for (text, expected) in [
            ("", "not_a_mapping"),
            ("- a", "not_a_mapping"),
            ("text", "not_a_mapping"),
            ("a: 1\n---\nb: 2\n", "many_documents"),
            ("a: [", "invalid_yaml"),
            ("a: b: c", "invalid_yaml"),
            ("a: *nowhere", "invalid_yaml"),
            ("a:\n\tb: 1", "invalid_yaml"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(code(&format!("a: {}", "[".repeat(100))), "too_deep");
        assert_eq!(code(&format!("a: {}", "[".repeat(100_000))), "invalid_yaml");
        let place = check_mapping("a: 1\nb: [\n").unwrap_err().message;
        assert!(place.contains("line 3") || place.contains("line 2"), "{place}");
    }

    #[test]
    fn images_of_services_are_found_and_nothing_else() {
        let text = "x-image: &i {image: no/no:1}\nimage: no\nservices:\n  a:\n    image: reg.example/acme/app:1\n    \
                    labels: [image, {image: no}]\n    deploy: {image: no}\n  b: {\"image\": 'b:2', build: .}\n  c: *i\n  \
                    ? [image]\n  : {image: d:3}\nvolumes: {v: {image: no}}\n";
        assert_eq!(check_mapping(text), Ok(()));
        assert_eq!(service_images(text), ["reg.example/acme/app:1", "b:2", "d:3"]);
        for text in ["", "a", "- services", "services: [image]", "services: {a: [", "services:\n  image: x"] {
            assert!(service_images(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_billion_laughs_cost_nothing() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..100 {
            let before = format!("*a{}", n - 1);
            text.push_str(&format!("a{n}: &a{n} [{}]\n", [before.as_str(); 9].join(", ")));
        }
        assert_eq!(code(&text), "mapping");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z0-9:{}\\[\\]&*!|>'\"%@#,? \t\r\n-]{0,60}") {
            let _ = (check_mapping(&text), service_images(&text));
        }

        #[test]
        fn no_text_of_any_kind_panics(text in "\\PC{0,60}") {
            let _ = (check_mapping(&text), service_images(&text));
        }
    }
}
