//! Reads the files of the corpus.

/// A Compose file, and what becomes of it.
pub(crate) struct Case {
    pub name: String,
    pub expected: String,
    pub text: String,
}

pub(crate) fn hostile() -> Vec<Case> {
    read(include_str!("../corpus/hostile.txt"))
}

pub(crate) fn benign() -> Vec<Case> {
    read(include_str!("../corpus/benign.txt"))
}

fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some(head) = line.strip_prefix("=== ") {
            let (name, expected) = head.trim_end().split_once(':').unwrap();
            let (name, expected) = (name.to_owned(), expected.trim().to_owned());
            cases.push(Case { name, expected, text: String::new() });
        } else if let Some(case) = cases.last_mut() {
            match line.strip_prefix(". ") {
                Some(of_service) => {
                    if case.text.is_empty() {
                        case.text.push_str("services:\n  app:\n    image: a\n");
                    }
                    case.text.push_str("    ");
                    case.text.push_str(of_service);
                }
                None => case.text.push_str(line),
            }
        }
    }
    cases
}
