//! Signing in and out, links from mail, the first start.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use keyward_domain::link::LinkPurpose;
use keyward_domain::{Email, Name, Secret, SecretKind, Session, Slug};
use keyward_engine::{Engine, Error, InvitationTo, LinkOpened, NewOrganization, Password, SignIn};
use keyward_web::{Code, Fields, Problem, Request, Throttle, part};

use crate::error_page::PageError;
use crate::form::{Form, PublicPost};
use crate::page::{self, Page};
use crate::signed::{self, Anyone};
use crate::tries::{NetworkTry, SignInTry, in_words, slowed};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/sign-in", web::get().to(sign_in_page))
        .route("/sign-in", web::post().to(sign_in))
        .route("/sign-out", web::post().to(sign_out))
        .route("/forgot", web::get().to(forgot_page))
        .route("/forgot", web::post().to(forgot))
        .route("/portal/sign-in", web::get().to(customer_sign_in_page))
        .route("/portal/sign-in", web::post().to(customer_sign_in))
        .route("/portal/sign-in/password", web::get().to(customer_password_page))
        .route("/portal/sign-in/password", web::post().to(customer_password))
        .route("/portal/forgot", web::get().to(customer_forgot_page))
        .route("/portal/forgot", web::post().to(customer_forgot))
        .route("/portal/sign-out", web::post().to(customer_sign_out))
        .route("/link/{secret}", web::get().to(link_page))
        .route("/link/{secret}", web::post().to(link))
        .route("/setup/{secret}", web::get().to(setup_page))
        .route("/setup/{secret}", web::post().to(setup));
}

#[derive(Template)]
#[template(path = "auth/sign_in.html")]
struct SignInPage {
    form: Form,
    /// Whether a form was sent when the session had ended.
    ended: bool,
}

#[derive(Template)]
#[template(path = "auth/sign_in_by.html")]
struct SignInByPage {
    mistyped: bool,
}

#[derive(serde::Deserialize)]
struct By {
    organization: Option<String>,
    ended: Option<String>,
}

async fn sign_in_page(anyone: Anyone, by: web::Query<By>) -> Page {
    let by_name = by.organization.as_deref().map(|typed| typed.trim().to_lowercase());
    match (anyone.member, by_name) {
        (Some(_), _) => Ok(page::go("/")),
        (None, None) => page::send(&SignInPage { form: Form::default(), ended: by.ended.is_some() }),
        (None, Some(typed)) => match typed.parse::<Slug>() {
            Ok(slug) => Ok(page::go(format!("/sign-in/{slug}"))),
            Err(_) => page::send(&SignInByPage { mistyped: !typed.is_empty() }),
        },
    }
}

async fn sign_in(
    request: HttpRequest,
    PublicPost(mut form): PublicPost,
    engine: web::Data<Engine>,
    throttle: web::Data<Throttle>,
) -> Page {
    let Ok(email) = Email::to_find(form.value("email")) else { return refused(form) };
    let client = signed::client_info(&request).await;
    let source = engine.source(&email, &client);
    let attempt = match SignInTry::count(&request, &throttle, &email, &source, engine.now()) {
        Ok(attempt) => attempt,
        Err(page_error) => return slowed_down(form, page_error),
    };
    let password = Password::attempt(form.value("password"));
    let code = form.given("code");
    match engine.sign_in(&email, password, code, client).await {
        Ok(SignIn::Done(signed_in)) => {
            attempt.succeed();
            Ok(signed::begin(&request, &signed_in, "/"))
        }
        Ok(SignIn::CodeNeeded) => {
            if code.is_none() {
                attempt.take_back();
            }
            form.refuse("code", "is needed: six digits of your authenticator app, or a recovery code");
            page::send_as(StatusCode::UNAUTHORIZED, &SignInPage { form, ended: false })
        }
        Ok(SignIn::ProviderNeeded(slug)) => {
            attempt.take_back();
            Ok(page::go(format!("/sign-in/{slug}")))
        }
        Ok(SignIn::Refused) => refused(form),
        Err(error) => {
            // Nobody has looked at the password. Who was refused for too many tries has tried, all the same.
            if !matches!(error, Error::TooManyTries { .. }) {
                attempt.take_back();
            }
            slowed_down(form, error.into())
        }
    }
}

fn refused(mut form: Form) -> Page {
    form.refuse("", "Address and password don't fit.");
    page::send_as(StatusCode::UNAUTHORIZED, &SignInPage { form, ended: false })
}

/// The form again, if there were too many tries.
fn slowed_down(mut form: Form, page_error: PageError) -> Page {
    match page_error.wait() {
        Some(seconds) => {
            let wait = in_words(seconds);
            form.refuse("", format!("Too many tries. Wait {wait}, or set a new password."));
            Ok(slowed(page::send(&SignInPage { form, ended: false })?, seconds))
        }
        None => Err(page_error),
    }
}

async fn sign_out(request: HttpRequest, anyone: Anyone, _: PublicPost, engine: web::Data<Engine>) -> Page {
    let session = anyone.member.map(|person| person.session);
    end(&request, &engine, session, "/sign-in").await
}

async fn customer_sign_out(
    request: HttpRequest,
    anyone: Anyone,
    _: PublicPost,
    engine: web::Data<Engine>,
) -> Page {
    let session = anyone.customer.map(|person| person.session);
    end(&request, &engine, session, "/portal/sign-in").await
}

async fn end(request: &HttpRequest, engine: &Engine, session: Option<Session>, to: &str) -> Page {
    match session {
        Some(session) => {
            engine.sign_out(&session).await?;
            Ok(signed::end(request, &session, to))
        }
        None => Ok(page::go(to)),
    }
}

#[derive(Template)]
#[template(path = "auth/mail.html")]
struct MailPage {
    title: &'static str,
    text: &'static str,
    button: &'static str,
    /// Another page to sign in at.
    other: &'static str,
    sent: bool,
    form: Form,
}

const FORGOT: MailPage = MailPage {
    title: "Set a new password",
    text: "We send you a link that works for an hour.",
    button: "Send the link",
    other: "",
    sent: false,
    form: Form::EMPTY,
};

const CUSTOMER: MailPage = MailPage {
    title: "Your licenses",
    text: "Tell us the address your license was issued to or you were invited at, and we send you a link that signs you in.",
    button: "Send the link",
    other: "/portal/sign-in/password",
    sent: false,
    form: Form::EMPTY,
};

const CUSTOMER_FORGOT: MailPage = MailPage {
    title: "Set a password",
    text: "We send you a link that works for an hour. With a password you sign in without a mail.",
    button: "Send the link",
    other: "/portal/sign-in/password",
    sent: false,
    form: Form::EMPTY,
};

#[derive(serde::Deserialize)]
struct Asked {
    sent: Option<String>,
}

async fn forgot_page(asked: web::Query<Asked>) -> Page {
    page::send(&MailPage { sent: asked.sent.is_some(), ..FORGOT })
}

async fn customer_sign_in_page(anyone: Anyone, asked: web::Query<Asked>) -> Page {
    match anyone.customer {
        Some(_) => Ok(page::go("/portal")),
        None => page::send(&MailPage { sent: asked.sent.is_some(), ..CUSTOMER }),
    }
}

/// The address of a form that asks for mail; `None` if it is none. However often one is asked for, the page says the same.
async fn wanted(request: &HttpRequest, form: &mut Form, engine: &Engine) -> Result<Option<Email>, PageError> {
    match Email::to_find(form.value("email")) {
        Ok(email) => {
            let _counted = NetworkTry::count(request, "mail", engine.now()).await?;
            Ok(Some(email))
        }
        Err(fault) => {
            form.refuse("email", fault.message);
            Ok(None)
        }
    }
}

async fn forgot(request: HttpRequest, PublicPost(mut form): PublicPost, engine: web::Data<Engine>) -> Page {
    match wanted(&request, &mut form, &engine).await? {
        Some(email) => {
            engine.request_password_reset(&email).await?;
            Ok(page::go("/forgot?sent=yes"))
        }
        None => page::send(&MailPage { form, ..FORGOT }),
    }
}

async fn customer_sign_in(
    request: HttpRequest,
    PublicPost(mut form): PublicPost,
    engine: web::Data<Engine>,
) -> Page {
    match wanted(&request, &mut form, &engine).await? {
        Some(email) => {
            engine.request_customer_sign_in(&email).await?;
            Ok(page::go("/portal/sign-in?sent=yes"))
        }
        None => page::send(&MailPage { form, ..CUSTOMER }),
    }
}

async fn customer_forgot_page(asked: web::Query<Asked>) -> Page {
    page::send(&MailPage { sent: asked.sent.is_some(), ..CUSTOMER_FORGOT })
}

async fn customer_forgot(
    request: HttpRequest,
    PublicPost(mut form): PublicPost,
    engine: web::Data<Engine>,
) -> Page {
    match wanted(&request, &mut form, &engine).await? {
        Some(email) => {
            engine.request_customer_password(&email).await?;
            Ok(page::go("/portal/forgot?sent=yes"))
        }
        None => page::send(&MailPage { form, ..CUSTOMER_FORGOT }),
    }
}

#[derive(Template)]
#[template(path = "auth/customer_password.html")]
struct CustomerPasswordPage {
    form: Form,
}

async fn customer_password_page(anyone: Anyone) -> Page {
    match anyone.customer {
        Some(_) => Ok(page::go("/portal")),
        None => page::send(&CustomerPasswordPage { form: Form::default() }),
    }
}

async fn customer_password(
    request: HttpRequest,
    PublicPost(mut form): PublicPost,
    engine: web::Data<Engine>,
    throttle: web::Data<Throttle>,
) -> Page {
    let refused = |mut form: Form| {
        form.refuse("", "Address and password don't fit.");
        page::send_as(StatusCode::UNAUTHORIZED, &CustomerPasswordPage { form })
    };
    let slowed_down = |mut form: Form, page_error: PageError| match page_error.wait() {
        Some(seconds) => {
            let wait = in_words(seconds);
            form.refuse("", format!("Too many tries. Wait {wait}, or have a link mailed to you."));
            Ok(slowed(page::send(&CustomerPasswordPage { form })?, seconds))
        }
        None => Err(page_error),
    };
    let Ok(email) = Email::to_find(form.value("email")) else { return refused(form) };
    let client = signed::customer_client_info(&request).await;
    let source = engine.customer_source(&email, &client);
    let attempt = match SignInTry::count_customer(&request, &throttle, &email, &source, engine.now()) {
        Ok(attempt) => attempt,
        Err(page_error) => return slowed_down(form, page_error),
    };
    let password = Password::attempt(form.value("password"));
    let code = form.given("code");
    match engine.customer_sign_in(&email, password, code, client).await {
        Ok(SignIn::Done(signed_in)) => {
            attempt.succeed();
            Ok(signed::begin(&request, &signed_in, "/portal"))
        }
        Ok(SignIn::CodeNeeded) => {
            if code.is_none() {
                attempt.take_back();
            }
            form.refuse("code", "is needed: six digits of your authenticator app, or a recovery code");
            page::send_as(StatusCode::UNAUTHORIZED, &CustomerPasswordPage { form })
        }
        Ok(SignIn::ProviderNeeded(_) | SignIn::Refused) => refused(form),
        Err(error) => {
            // Nobody has looked at the password. Who was refused for too many tries has tried, all the same.
            if !matches!(error, Error::TooManyTries { .. }) {
                attempt.take_back();
            }
            slowed_down(form, error.into())
        }
    }
}

#[derive(Template)]
#[template(path = "auth/password.html")]
struct PasswordPage {
    form: Form,
}

#[derive(Template)]
#[template(path = "auth/enter.html")]
struct EnterPage {
    /// Whether a code of the authenticator app is asked for.
    code_needed: bool,
    form: Form,
}

#[derive(Template)]
#[template(path = "auth/join.html")]
struct JoinPage {
    to: InvitationTo,
    form: Form,
}

/// A link's secret from the address.
fn secret(request: &HttpRequest, kind: SecretKind) -> Result<Secret, PageError> {
    let text: String = part(request, "secret")?;
    Secret::parse(kind, &text).ok_or_else(|| Problem::new(Code::NotFound).into())
}

/// Looking opens nothing: mail programs look at links before people do.
async fn link_page(request: HttpRequest, engine: web::Data<Engine>) -> Page {
    let link = engine.link(&secret(&request, SecretKind::Link)?).await?;
    let link = link.ok_or_else(|| Problem::new(Code::Gone))?;
    let form = Form::default();
    match link.purpose {
        LinkPurpose::Invitation(_)
        | LinkPurpose::PasswordReset(_)
        | LinkPurpose::CustomerPasswordReset(_) => page::send(&PasswordPage { form }),
        LinkPurpose::CustomerInvitation(_) => {
            page::send(&JoinPage { to: engine.invitation_to(&link).await?, form })
        }
        LinkPurpose::CustomerSignIn(_) => page::send(&EnterPage { code_needed: false, form }),
        LinkPurpose::Onboarding(_) => Err(Problem::new(Code::Gone).into()),
    }
}

async fn link(request: HttpRequest, PublicPost(mut form): PublicPost, engine: web::Data<Engine>) -> Page {
    let secret = secret(&request, SecretKind::Link)?;
    let attempt = NetworkTry::count(&request, "link", engine.now()).await?;
    let link = engine.link(&secret).await?.ok_or_else(|| Problem::new(Code::Gone))?;
    attempt.take_back();
    let client = signed::client_info(&request).await;
    match link.purpose {
        LinkPurpose::CustomerSignIn(_) => {
            let client = signed::customer_client_info(&request).await;
            let code = form.given("code").map(str::to_owned);
            match engine.open_customer_link(&secret, code.as_deref(), client).await {
                Ok(LinkOpened::Done(signed_in)) => Ok(signed::begin(&request, &signed_in, "/portal")),
                Ok(LinkOpened::CodeNeeded) => {
                    if code.is_some() {
                        form.refuse("code", "does not fit");
                    }
                    let form = form.without(&["code"]);
                    page::send_as(StatusCode::UNAUTHORIZED, &EnterPage { code_needed: true, form })
                }
                Err(error) => {
                    let page_error = PageError::from(error);
                    let Some(seconds) = page_error.wait() else { return Err(page_error) };
                    form.refuse("", format!("Too many tries. Wait {}.", in_words(seconds)));
                    let form = form.without(&["code"]);
                    Ok(slowed(page::send(&EnterPage { code_needed: true, form })?, seconds))
                }
            }
        }
        LinkPurpose::CustomerInvitation(_) => {
            let given = !form.value("password").is_empty() || !form.value("again").is_empty();
            let password = if given { new_password(&mut form) } else { None };
            if given && password.is_none() {
                let to = engine.invitation_to(&link).await?;
                return page::send(&JoinPage { to, form: form.without(&["password", "again"]) });
            }
            let client = signed::customer_client_info(&request).await;
            let signed_in = engine.join_customer(&secret, password, client).await?;
            Ok(signed::begin(&request, &signed_in, "/portal"))
        }
        LinkPurpose::CustomerPasswordReset(_) => match new_password(&mut form) {
            Some(password) => {
                let client = signed::customer_client_info(&request).await;
                let signed_in = engine.open_customer_password_link(&secret, password, client).await?;
                Ok(match signed_in {
                    Some(signed_in) => signed::begin(&request, &signed_in, "/portal/profile?done=password"),
                    None => page::go("/portal/sign-in/password"),
                })
            }
            None => page::send(&PasswordPage { form }),
        },
        LinkPurpose::Invitation(_) | LinkPurpose::PasswordReset(_) => match new_password(&mut form) {
            Some(password) => {
                let signed_in = engine.open_member_link(&secret, password, client).await?;
                Ok(match signed_in {
                    Some(signed_in) => signed::begin(&request, &signed_in, "/"),
                    None => page::go("/sign-in"),
                })
            }
            None => page::send(&PasswordPage { form }),
        },
        LinkPurpose::Onboarding(_) => Err(Problem::new(Code::Gone).into()),
    }
}

/// The password that was typed twice.
pub(crate) fn new_password(form: &mut Form) -> Option<Password> {
    if form.value("password") != form.value("again") {
        form.refuse("again", "differs from the first");
        return None;
    }
    match Password::parse(form.value("password")) {
        Ok(password) => Some(password),
        Err(fault) => {
            form.refuse("password", fault.message);
            None
        }
    }
}

#[derive(Template)]
#[template(path = "auth/setup.html")]
struct SetupPage {
    form: Form,
}

async fn setup_page(request: HttpRequest, engine: web::Data<Engine>) -> Page {
    if !engine.is_setup_link(&secret(&request, SecretKind::Setup)?).await? {
        return Err(Problem::new(Code::Gone).into());
    }
    page::send(&SetupPage { form: Form::default() })
}

struct NewVendor(NewOrganization);

impl Request for NewVendor {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, email) = (fields.required::<Name>("organization"), fields.required::<Email>("email"));
        let (person, slug) = (fields.required::<Name>("name"), fields.optional("slug"));
        Some(Self(NewOrganization { name: name?, owner_email: email?, owner_name: Some(person?), slug }))
    }
}

async fn setup(request: HttpRequest, PublicPost(mut form): PublicPost, engine: web::Data<Engine>) -> Page {
    let secret = secret(&request, SecretKind::Setup)?;
    let attempt = NetworkTry::count(&request, "setup", engine.now()).await?;
    if !engine.is_setup_link(&secret).await? {
        return Err(Problem::new(Code::Gone).into());
    }
    attempt.take_back();
    let new = form.read::<NewVendor>(&["organization", "slug", "name", "email"]);
    let (Some(NewVendor(new)), Some(password)) = (new, new_password(&mut form)) else {
        return page::send(&SetupPage { form });
    };
    let client = signed::client_info(&request).await;
    match engine.set_up(&secret, new, password, client).await {
        Ok(signed_in) => {
            let response: HttpResponse = signed::begin(&request, &signed_in, "/");
            Ok(response)
        }
        Err(error) => {
            form.keep(error)?;
            page::send(&SetupPage { form })
        }
    }
}
