//! Shows a vendor's Markdown to customers: text, headings, lists, tables, code and links to the web.
//!
//! Raw HTML is shown as the text it is, images as their description, and links of any scheme but `https`,
//! `http` and `mailto` as their text. So there is nothing left to clean away from the result.

use keyward_domain::product::Markdown;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// The page as HTML.
pub fn to_html(page: &Markdown) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut links = Vec::new();
    let safe = Parser::new_ext(page.as_str(), options).filter_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let shown = is_web(&dest_url);
            links.push(shown);
            shown.then_some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link)),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        other => Some(other),
    });
    let mut page = String::new();
    html::push_html(&mut page, safe);
    page
}

/// Whether a link leads to the web or to a mailbox. Browsers skip control characters and white space in a
/// scheme, so anything before it that is not a letter makes the link none.
fn is_web(url: &CowStr<'_>) -> bool {
    let lower = url.to_ascii_lowercase();
    ["https://", "http://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn html(text: &str) -> String {
        to_html(&text.parse().unwrap())
    }

    #[test]
    fn what_a_page_may_have() {
        let page = "# Install\n\n1. `docker login`\n2. [Guide](https://docs.example/a?b=1&c=2 \"t\")\n\n| a |\n|---|\n| b |\n";
        let shown = html(page);
        for part in [
            "<h1>Install</h1>",
            "<code>docker login</code>",
            "href=\"https://docs.example/a?b=1&amp;c=2\"",
            "<td>b</td>",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn what_it_may_not_have_is_text() {
        let hostile = [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div onclick=\"x\">\n\n**b**\n\n</div>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](\u{1}javascript:alert(1))",
            "[x](java\nscript:alert(1))",
            "[x](&#106;avascript:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:msgbox)",
            "[x](//evil.example)",
            "![x](https://track.example/pixel.png)",
            "[![x](javascript:1)](javascript:2)",
            "<javascript:alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]",
            "<https://ok.example/\"onmouseover=alert(1)>",
            "`</code><script>`",
            "```\"><script>\nx\n```",
        ];
        for text in hostile {
            let Ok(page) = text.parse() else { continue };
            let shown = to_html(&page);
            for part in ["<script", "<img", "<div", "href=\"java", "href=\"data", "href=\"vb", "href=\"//"] {
                assert!(!shown.to_lowercase().contains(part), "{text:?} gave {shown}");
            }
            // Outside of quotes, a tag has no attribute that runs something.
            let tags = shown.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag);
            for tag in tags {
                assert!(!tag.split('"').step_by(2).any(|part| part.contains(" on")), "{text:?} gave {shown}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_tag_is_one_of_ours(text in "[<>\\[\\]()!a-z:/\"'=&;#*`\n -]{0,80}") {
            let shown = html(&text);
            let known = ["h1", "h2", "h3", "h4", "h5", "h6", "p", "em", "strong", "ul", "ol", "li", "a", "code",
                "pre", "hr", "br", "blockquote", "del", "input", "table", "thead", "tbody", "tr", "td", "th"];
            for tag in shown.split('<').skip(1) {
                let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
                prop_assert!(known.contains(&name.as_str()), "{} in {}", name, shown);
            }
        }
    }
}
