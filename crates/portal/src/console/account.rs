//! What one signs in with: the password and the second factor. All of it asks first who one is.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadOrganization;
use keyward_engine::{Engine, NewAuthenticator, NewRecoveryCodes};

use crate::auth::new_password;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::shown_once::{self, ShownPage};
use crate::signed::{self, Signed};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route(PASSWORD, web::get().to(password_page))
        .route(PASSWORD, web::post().to(password))
        .route(AUTHENTICATOR, web::get().to(authenticator))
        .route(AUTHENTICATOR, web::post().to(confirm_authenticator))
        .route(REMOVAL, web::get().to(removal))
        .route(REMOVAL, web::post().to(remove_authenticator))
        .route(NEW_CODES, web::get().to(new_codes_page))
        .route(CODES, web::get().to(codes_page))
        .route(CODES, web::post().to(new_codes));
}

const PASSWORD: &str = "/settings/password";
const AUTHENTICATOR: &str = "/settings/authenticator";
const REMOVAL: &str = "/settings/authenticator/remove";
const CODES: &str = "/settings/recovery-codes";
const NEW_CODES: &str = "/settings/recovery-codes/new";

fn shell(engine: &Engine, signed: &Signed<ReadOrganization>) -> Shell {
    Shell::vendor(&signed.person, &signed.csrf, "settings", engine.now())
}

#[derive(Template)]
#[template(path = "console/password.html")]
struct PasswordPage {
    shell: Shell,
    email: String,
    form: Form,
}

impl PasswordPage {
    fn send(engine: &Engine, signed: &Signed<ReadOrganization>, form: Form) -> Page {
        let email = signed.person.member.email.to_string();
        page::send(&Self { shell: shell(engine, signed), email, form })
    }
}

async fn password_page(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    engine: web::Data<Engine>,
) -> Page {
    signed.reauthenticated(&engine, &request, PASSWORD)?;
    PasswordPage::send(&engine, &signed, Form::default())
}

async fn password(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let proof = signed.reauthenticated(&engine, &request, PASSWORD)?;
    match new_password(&mut form) {
        Some(new) => {
            let renewed = engine.change_password(&proof, new).await?;
            Ok(signed::begin(&request, &renewed, "/settings?done=password"))
        }
        None => PasswordPage::send(&engine, &signed, form.without(&["password", "again"])),
    }
}

#[derive(Template)]
#[template(path = "console/authenticator.html")]
struct AuthenticatorPage {
    shell: Shell,
    secret: String,
    /// The address for the app, as a picture.
    picture: String,
    /// Whether it takes the place of another.
    replaces: bool,
    form: Form,
}

impl AuthenticatorPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<ReadOrganization>,
        new: &NewAuthenticator,
        form: Form,
    ) -> Page {
        let picture = qrcode::QrCode::new(new.uri.as_bytes()).ok();
        let picture = picture
            .map(|code| code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build());
        // The declaration is of a file; within a page the picture begins with its element.
        let picture = picture.and_then(|svg| svg.find("<svg").map(|start| svg[start..].to_owned()));
        page::send(&Self {
            shell: shell(engine, signed),
            secret: new.secret.to_string(),
            picture: picture.unwrap_or_default(),
            replaces: engine.authenticator(&signed.person).await?.is_some(),
            form,
        })
    }
}

async fn authenticator(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    engine: web::Data<Engine>,
) -> Page {
    signed.reauthenticated(&engine, &request, AUTHENTICATOR)?;
    let new = engine.new_authenticator(&signed.person);
    AuthenticatorPage::send(&engine, &signed, &new, Form::default()).await
}

async fn confirm_authenticator(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let proof = signed.reauthenticated(&engine, &request, AUTHENTICATOR)?;
    let (secret, code) = (form.value("secret").to_owned(), form.value("code").replace(' ', ""));
    match engine.confirm_authenticator(&proof, &secret, &code).await? {
        Some(made) => show_codes(&request, &engine, &made).await,
        None => {
            form.refuse("code", "does not fit: is the clock of your device right?");
            let same = engine.authenticator_of(&signed.person, &secret);
            AuthenticatorPage::send(&engine, &signed, &same, form.without(&["code"])).await
        }
    }
}

async fn show_codes(request: &HttpRequest, engine: &Engine, made: &NewRecoveryCodes) -> Page {
    engine.keep_to_show(&made.session.session, CODES, &made.codes.join("\n")).await?;
    Ok(signed::begin(request, &made.session, CODES))
}

#[derive(Template)]
#[template(path = "console/recovery_codes.html")]
struct CodesPage {
    shell: Shell,
    codes: String,
}

async fn codes_page(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    engine: web::Data<Engine>,
) -> Page {
    let shell = shell(&engine, &signed);
    match shown_once::take(&request, &engine, &signed.person.session).await? {
        Some(codes) => page::send(&CodesPage { shell, codes }),
        None => page::send(&ShownPage {
            shell,
            what: "Recovery codes",
            otherwise: "If you have not kept them, make new ones under Settings. The old ones stop working then.",
            back: "/settings".to_owned(),
        }),
    }
}

/// A question before the second factor is changed.
#[derive(Template)]
#[template(path = "console/second_factor_change.html")]
struct ChangePage {
    shell: Shell,
    title: &'static str,
    text: &'static str,
    button: &'static str,
    action: &'static str,
}

async fn removal(request: HttpRequest, signed: Signed<ReadOrganization>, engine: web::Data<Engine>) -> Page {
    signed.reauthenticated(&engine, &request, REMOVAL)?;
    page::send(&ChangePage {
        shell: shell(&engine, &signed),
        title: "Turn off the second factor",
        text: "From then on your password alone signs you in. All your other sessions end.",
        button: "Turn it off",
        action: REMOVAL,
    })
}

async fn remove_authenticator(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let proof = signed.reauthenticated(&engine, &request, REMOVAL)?;
    let renewed = engine.remove_authenticator(&proof).await?;
    Ok(signed::begin(&request, &renewed, "/settings?done=second-factor-off"))
}

async fn new_codes_page(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    engine: web::Data<Engine>,
) -> Page {
    signed.reauthenticated(&engine, &request, NEW_CODES)?;
    page::send(&ChangePage {
        shell: shell(&engine, &signed),
        title: "New recovery codes",
        text: "The recovery codes that you have stop working. All your other sessions end.",
        button: "Make new codes",
        action: CODES,
    })
}

async fn new_codes(
    request: HttpRequest,
    signed: Signed<ReadOrganization>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let proof = signed.reauthenticated(&engine, &request, NEW_CODES)?;
    let made = engine.renew_recovery_codes(&proof).await?;
    show_codes(&request, &engine, &made).await
}
