//! The attribute of tests that run on each database: see `keyward_testkit`.

use proc_macro::{TokenStream, TokenTree};

/// Makes two tests of an `async fn name(store: Store)`: `name::sqlite` and `name::postgres`. The function stays as it is
/// written, for formatters and editors.
#[proc_macro_attribute]
pub fn database_test(_: TokenStream, function: TokenStream) -> TokenStream {
    let tests = match name(function.clone()) {
        Some(name) => format!(
            "mod {name} {{
                #[test]
                fn sqlite() {{ ::keyward_testkit::database::on_sqlite(super::{name}); }}
                #[test]
                fn postgres() {{ ::keyward_testkit::database::on_postgres(super::{name}); }}
            }}"
        ),
        None => "compile_error!(\"expected an async fn that takes a Store\");".to_owned(),
    };
    function.into_iter().chain(tests.parse::<TokenStream>().unwrap_or_default()).collect()
}

fn name(function: TokenStream) -> Option<String> {
    let mut tokens = function.into_iter().skip_while(|token| !is_fn(token));
    tokens.nth(1).map(|name| name.to_string())
}

fn is_fn(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(word) if word.to_string() == "fn")
}
