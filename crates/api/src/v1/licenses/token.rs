use actix_web::{get, web};
use keyward_domain::LicenseId;
use keyward_domain::permission::ReadLicenses;
use keyward_engine::{Engine, TokenFormat};
use keyward_web::fields::Words;
use keyward_web::{Answer, Caller, Fields, Id, Problem, Query, Request, words};
use serde::Serialize;

/// In which form the token is wanted.
#[derive(Debug)]
pub(crate) struct TokenQuery {
    format: Option<&'static str>,
}

impl TokenQuery {
    pub(super) fn format(&self) -> TokenFormat {
        if self.format == Some("paseto") { TokenFormat::Paseto } else { TokenFormat::Jwt }
    }
}

impl Request for TokenQuery {
    const WORDS: Words = words! {
        /// In which form the token is wanted.
        "" {
            /// `jwt` or `paseto`.
            /// Default: "jwt"
            "format"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { format: fields.optional_one_of("format", "unknown_format", &["jwt", "paseto"]) })
    }
}

/// A signed license.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TokenAnswer {
    /// The same bytes each time, until the license is renewed.
    #[schema(example = "eyJhbGciOiJFZERTQSIs…")]
    pub(super) token: String,
}

/// Fetch a license's token
///
/// An EdDSA JWT (RFC 8037) or a PASETO v4.public, to be verified offline with the organization's public key.
#[utoipa::path(responses((status = 200, body = TokenAnswer)))]
#[get("/api/v1/licenses/{id}/token")]
pub(crate) async fn license_token(
    caller: Caller<ReadLicenses>,
    id: Id<LicenseId>,
    query: Query<TokenQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<TokenAnswer>, Problem> {
    let token = engine.license_token(&caller, id.0, query.0.format()).await?;
    Ok(Answer::ok(TokenAnswer { token }))
}
