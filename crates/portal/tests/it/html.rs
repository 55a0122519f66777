//! What a browser makes of a page's forms (HTML, § 4.10.21).

use html5ever::tendril::TendrilSink as _;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// A form, and what a browser sends of it when nobody touches it.
#[derive(Debug)]
pub(crate) struct HtmlForm {
    pub(crate) method: String,
    pub(crate) action: String,
    pub(crate) values: Vec<(String, String)>,
}

/// All forms of a page.
pub(crate) fn forms(page: &str) -> Vec<HtmlForm> {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(page);
    let mut forms = Vec::new();
    walk(&dom.document, &mut |node| {
        if name(node) == "form" {
            let mut values = Vec::new();
            walk(node, &mut |part| values.extend(value(part)));
            forms.push(HtmlForm {
                method: attribute(node, "method").unwrap_or_default(),
                action: attribute(node, "action").unwrap_or_default(),
                values,
            });
        }
    });
    forms
}

fn walk(node: &Handle, visit: &mut impl FnMut(&Handle)) {
    visit(node);
    for child in node.children.borrow().iter() {
        walk(child, visit);
    }
}

fn name(node: &Handle) -> &str {
    match &node.data {
        NodeData::Element { name, .. } => &name.local,
        _ => "",
    }
}

fn attribute(node: &Handle, name: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else { return None };
    attrs
        .borrow()
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| attribute.value.to_string())
}

fn text(node: &Handle) -> String {
    let mut text = String::new();
    walk(node, &mut |part| {
        if let NodeData::Text { contents } = &part.data {
            text.push_str(&contents.borrow());
        }
    });
    text
}

/// The entry of one element in the form's data, its line breaks as they are sent.
fn value(node: &Handle) -> Option<(String, String)> {
    let field = attribute(node, "name").filter(|_| attribute(node, "disabled").is_none())?;
    let value = match name(node) {
        "input" => input(node)?,
        "textarea" => text(node),
        "select" => selected(node)?,
        _ => return None,
    };
    let value = value.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    Some((field, value))
}

fn input(node: &Handle) -> Option<String> {
    let value = attribute(node, "value");
    let kind = attribute(node, "type").unwrap_or_else(|| "text".to_owned());
    // What is hidden is not sanitised; in the others line breaks are left out.
    let line = |value: Option<String>| value.unwrap_or_default().replace(['\r', '\n'], "");
    Some(match kind.as_str() {
        "checkbox" | "radio" => {
            attribute(node, "checked")?;
            value.unwrap_or_else(|| "on".to_owned())
        }
        "hidden" => value.unwrap_or_default(),
        "text" | "search" | "password" | "tel" => line(value),
        "email" | "url" => line(value).trim().to_owned(),
        "number" => line(value.filter(|value| value.parse::<f64>().is_ok())),
        "date" => line(value.filter(|value| value.len() == 10 && value.split('-').count() == 3)),
        "submit" | "button" | "reset" | "image" | "file" => return None,
        other => panic!("an input of type {other}"),
    })
}

fn selected(node: &Handle) -> Option<String> {
    let mut options = Vec::new();
    walk(node, &mut |part| {
        if name(part) == "option" {
            let shown = text(part).split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            let value = attribute(part, "value").unwrap_or(shown);
            options.push((attribute(part, "selected").is_some(), value));
        }
    });
    let chosen = options.iter().rfind(|(selected, _)| *selected).or_else(|| options.first());
    chosen.map(|(_, value)| value.clone())
}

#[test]
fn forms_are_read_as_browsers_do() {
    let page = "<form method=post action=/a><textarea name=t>\n\n a&amp;b\r\n</textarea>\
        <select name=s><option>x  y<option value=z selected>Z</select><input name=i value=' v\n'>\
        <input type=checkbox name=c checked><input type=checkbox name=d value=1><input disabled name=e value=1>\
        <input type=number name=n value=x></form>";
    let expected = [("t", "\r\n a&b\r\n"), ("s", "z"), ("i", " v"), ("c", "on"), ("n", "")];
    let found = forms(page).remove(0);
    assert_eq!(found.values, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
