//! The registry of problems.

macro_rules! codes {
    ($($name:ident = $slug:literal, $status:literal, $title:literal, $about:literal;)+) => {
        /// Every kind of problem. The slug is stable; the rest may be worded better.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $about] $name,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The `code` member.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)+ }
            }

            /// The `title` member.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// What it means and what helps.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)+ }
            }
        }
    };
}

codes! {
    InvalidRequest = "invalid_request", 400, "The request is malformed",
        "The body is not JSON, or a query parameter or header can't be read. `errors` names parameters at fault.";
    Unauthorized = "unauthorized", 401, "A valid management token is needed",
        "Send `Authorization: Bearer kw_mgmt_…`. The token is missing, unknown, expired or revoked, or the member who made \
         it was removed; an owner can take such a token over.";
    InvalidAgentSignature = "invalid_agent_signature", 401, "The request is not signed by an agent of this server",
        "Send `Authorization: Keyward-Agent <JWS>` as the agent protocol says. The signature is missing, is not of this request or \
         was used before, or the agent was replaced or released.";
    ClockSkew = "clock_skew", 401, "The time at which the request was signed is too far from the server's",
        "`iat` has to be within 60 seconds of the server's clock, which is in the signature of this answer.";
    JoinCodeClosed = "join_code_closed", 410, "The join code is not valid",
        "It was used, has expired, was replaced by another, or never existed. Make another one on the page of the deployment target.";
    WrongMode = "wrong_mode", 409, "The deployment target is for another mode",
        "A target is made for an agent that manages, or for a witness, and its mode never changes. Make another \
         target, or join in its mode.";
    Forbidden = "forbidden", 403, "The token may not do this",
        "The member `scope` names the scope that is needed. Without the member `role`, use a token that has it. With it, the \
         role of the member for whom the token acts does not include that scope: use a token of someone whose role does.";
    PlanRequired = "plan_required", 403, "The plan does not include this",
        "The member `plan` names the plan that counts, and `feature` what it lacks. License management needs Pro, Pro Trial or \
         Enterprise; automatic rotation of registry keys needs Enterprise; product keys are part of every plan. A trial begins with `POST /api/v1/organizations/{id}/start-trial`.";
    PlanLimitReached = "plan_limit_reached", 403, "A limit of the plan is reached",
        "The members `limit`, `current` and `plan` say which. Nothing is taken away; only creation stops.";
    NotFound = "not_found", 404, "There is no such thing",
        "Nothing of your organization is at this address. Resources of other organizations are never there.";
    MethodNotAllowed = "method_not_allowed", 405, "This address does not take this method",
        "The header `Allow` names the methods that it takes.";
    AlreadyExists = "already_exists", 409, "Another one has this value already",
        "A value that must be unique is taken; `errors` names it.";
    InvalidTransition = "invalid_transition", 409, "Its state does not allow this",
        "A revoked license cannot be resumed, an active signing key not be revoked, and so on.";
    SecretAlreadyShown = "secret_already_shown", 409, "The secret was shown before",
        "The request with this `Idempotency-Key` was carried out, and its secret was shown then and is kept nowhere. \
         Revoke what it made and create another.";
    TokenUnavailable = "token_unavailable", 409, "The license has no token now",
        "The license, its revision or its signing key is revoked or suspended.";
    WouldClose = "would_close_registries", 409, "It would close the registries to other customers",
        "It is the organization's first artifact entitlement. Until now every customer can pull everything; from the \
         first one on, only what they are entitled to. `customers` says how many hold a license and would lose access; \
         the preview names them. Send `\"close\": true` to go on.";
    GrantedVersion = "granted_version", 409, "A version that was granted cannot be taken back",
        "The member `versions` names those that the request leaves out. An application entitlement only grows; what it \
         grants ends with its customer.";
    InUse = "in_use", 409, "Others rest on it",
        "An application stays for as long as a customer is entitled to it. Archive a version to offer it to nobody new.";
    LicenseKeyUnavailable = "license_key_unavailable", 409, "The file asks for a license key that there is not",
        "The member `license_keys` names those that no license of the customer or of the whole organization is called, or \
         whose license is suspended or revoked.";
    InvalidLicenseToken = "invalid_license_token", 401, "The token of a license is needed",
        "Send `Authorization: Bearer …` with the token of one of your licenses from this server.";
    LicenseNotActive = "license_not_active", 403, "The license is not in force",
        "The member `license_status` says why: expired, revoked, suspended, and so on, as validation does.";
    LicenseWithoutCustomer = "license_without_customer", 403, "The license belongs to no customer",
        "Applications are granted to customers. Use the token of a license of your own, not of one for all.";
    LastOwner = "last_owner", 409, "An organization needs an owner",
        "Make someone else an owner first.";
    LastAdmin = "last_admin", 409, "A customer needs an admin",
        "Make someone else of the customer an admin first, or ask the vendor.";
    Gone = "gone", 410, "It was there once",
        "The link was opened before, has run out or was withdrawn. Ask for another.";
    PreconditionFailed = "precondition_failed", 412, "It was changed meanwhile",
        "`If-Match` names an older version. Read it again; the member `version` is the present one.";
    TooManyRequests = "too_many_requests", 429, "Too many tries",
        "The header `Retry-After` says after how many seconds another is worth it. Passwords, codes, links by mail and wrong \
         registry keys are slowed down.";
    MailLimitReached = "mail_limit_reached", 429, "A limit of mail is reached",
        "An organization sends at most 1,000 mails a day, and 20 of them to one recipient, unless the operator has set other \
         limits. `detail` says which is reached, and `Retry-After` the seconds to 00:00 UTC, when there may be more.";
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive",
        "A body must arrive within 20 seconds.";
    PayloadTooLarge = "payload_too_large", 413, "The body is too large",
        "Bodies have at most 1 MiB, those of a validation 64 KiB.";
    UnsupportedMediaType = "unsupported_media_type", 415, "The body must be JSON",
        "Send `Content-Type: application/json`.";
    ValidationFailed = "validation_failed", 422, "Some values are not acceptable",
        "`errors` names every field at fault with a code of its own.";
    ImmutableField = "immutable_field", 422, "Some fields never change",
        "`errors` names them. The terms of a license change by renewal, which appends a revision.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, "The Idempotency-Key was used before",
        "The same key came with another method, address or body within 24 hours.";
    InternalError = "internal_error", 500, "Something went wrong here",
        "The log has the reason under the request id of the header `X-Request-Id`.";
    Busy = "busy", 503, "Too many people are signing in",
        "Passwords are hashed a few at a time, and too many wait for it. Try again after the seconds in `Retry-After`.";
    ServiceUnavailable = "service_unavailable", 503, "The server is not ready",
        "The database is not reached, or its tables are not up to date. Try again later.";
}

impl Code {
    /// The kind with this slug.
    pub fn find(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.slug() == slug)
    }

    /// The kind nearest to a bare status.
    pub fn of(status: u16) -> Self {
        match status {
            422 => Self::ValidationFailed,
            409 => Self::AlreadyExists,
            500.. => Self::InternalError,
            _ => {
                Self::ALL.iter().copied().find(|code| code.status() == status).unwrap_or(Self::InvalidRequest)
            }
        }
    }

    /// One entry of the documentation, in Markdown.
    pub fn entry(self) -> String {
        let (slug, status) = (self.slug(), self.status());
        format!("## `{slug}`\n\n{status} · {}. {}\n", self.title(), self.about())
    }
}
