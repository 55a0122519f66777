//! Oneself: the name, and what one signs in with, the password and the second factor, and showing again who one is. All of it is the same for members
//! and for the users of customers, each in their own pages.

pub(crate) mod confirm;

use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, HttpRequest, web};
use askama::Template;
use keyward_domain::permission::ReadOrganization;
use keyward_domain::{CustomerUser, Email, Name, Session, SessionId, Timestamp};
use keyward_engine::{
    Engine, Error, NewAuthenticator, NewRecoveryCodes, Person, Reauthenticated, WaysToConfirm,
};
use keyward_web::{Code, Fields, Id, Problem, Request};

use crate::ask::{self, Question};
use crate::auth::new_password;
use crate::browser;
use crate::error_page::PageError;
use crate::form::{CustomerPosted, Form, Posted};
use crate::page::{self, Page, Shell, Side};
use crate::shown_once;
use crate::signed::{self, Signed, SignedCustomer};

/// The pages of one kind of people.
pub(crate) struct Paths {
    /// Where all of it begins.
    pub home: &'static str,
    /// What that page is called.
    pub home_title: &'static str,
    pub name: &'static str,
    pub password: &'static str,
    pub authenticator: &'static str,
    pub removal: &'static str,
    pub codes: &'static str,
    pub new_codes: &'static str,
    pub confirm: &'static str,
    /// Where one session is ended.
    pub session_end: &'static str,
    /// Where one signs in.
    pub sign_in: &'static str,
    /// Where one gets a password who has none.
    pub forgot: &'static str,
    /// What comes before the link there.
    pub no_password: &'static str,
    /// Why it is asked again who one is.
    pub why: &'static str,
    /// The pages that one comes from and goes on with once that is shown; nothing else is led to.
    pub confirmed: &'static [&'static str],
}

/// Whoever is signed in, on the pages about what they sign in with.
pub(crate) trait Own: FromRequest<Error = PageError> + 'static {
    /// Their pages.
    const PATHS: &'static Paths;

    /// A form of theirs.
    type Sent: FromRequest<Error = PageError> + Into<Form> + 'static;

    fn person(&self) -> Person<'_>;
    fn session(&self) -> &Session;
    fn name(&self) -> &Name;
    fn email(&self) -> &Email;
    fn shell(&self, active: &'static str, now: Timestamp) -> Shell;

    /// The proof that the person has shown in the last minutes who they are. Without it they are led to do so, and then
    /// back to `page`.
    fn reauthenticated(
        &self,
        engine: &Engine,
        request: &HttpRequest,
        page: &'static str,
    ) -> Result<Reauthenticated<'_>, PageError> {
        let sent = request.method() == Method::POST;
        engine.reauthenticated(self.person()).map_err(|_| PageError::Confirm { page, sent })
    }
}

impl Own for Signed<ReadOrganization> {
    const PATHS: &'static Paths = &Paths {
        home: "/settings",
        home_title: "Settings",
        name: "/settings/name",
        password: "/settings/password",
        authenticator: "/settings/authenticator",
        removal: "/settings/authenticator/remove",
        codes: "/settings/recovery-codes",
        new_codes: "/settings/recovery-codes/new",
        confirm: "/confirm",
        session_end: "/settings/sessions/{id}/end",
        sign_in: "/sign-in",
        forgot: "/forgot",
        no_password: "You have no password yet. Sign out, and set one with",
        why: "What comes next changes who can sign in or what your licenses are signed with, or lets a program act for you.",
        confirmed: &[
            "/members",
            "/settings",
            "/settings/authenticator",
            "/settings/authenticator/remove",
            "/settings/deletion",
            "/settings/password",
            "/settings/recovery-codes/new",
            "/settings/sign-in-provider",
            "/tokens",
        ],
    };

    type Sent = Posted;

    fn person(&self) -> Person<'_> {
        (&self.person).into()
    }

    fn session(&self) -> &Session {
        &self.person.session
    }

    fn name(&self) -> &Name {
        &self.person.member.name
    }

    fn email(&self) -> &Email {
        &self.person.member.email
    }

    fn shell(&self, active: &'static str, now: Timestamp) -> Shell {
        Shell::vendor(&self.person, &self.csrf, active, now)
    }
}

impl Own for SignedCustomer {
    const PATHS: &'static Paths = &Paths {
        home: "/portal/profile",
        home_title: "Profile",
        name: "/portal/name",
        password: "/portal/password",
        authenticator: "/portal/authenticator",
        removal: "/portal/authenticator/remove",
        codes: "/portal/recovery-codes",
        new_codes: "/portal/recovery-codes/new",
        confirm: "/portal/confirm",
        session_end: "/portal/sessions/{id}/end",
        sign_in: "/portal/sign-in",
        forgot: "/portal/forgot",
        no_password: "You have no password yet. Set one by a link that is mailed to you:",
        why: "What comes next changes how you sign in, or who manages the people of your company.",
        confirmed: &[
            "/portal/people",
            "/portal/profile",
            "/portal/authenticator",
            "/portal/authenticator/remove",
            "/portal/password",
            "/portal/recovery-codes/new",
        ],
    };

    type Sent = CustomerPosted;

    fn person(&self) -> Person<'_> {
        (&self.person).into()
    }

    fn session(&self) -> &Session {
        &self.person.session
    }

    fn name(&self) -> &Name {
        &self.person.user.name
    }

    fn email(&self) -> &Email {
        &self.person.user.email
    }

    fn shell(&self, active: &'static str, _: Timestamp) -> Shell {
        Shell::customer(&self.person, &self.csrf, active)
    }
}

pub(crate) fn routes<O: Own>(config: &mut web::ServiceConfig) {
    let paths = O::PATHS;
    config
        .route(paths.name, web::get().to(name_page::<O>))
        .route(paths.name, web::post().to(rename::<O>))
        .route(paths.password, web::get().to(password_page::<O>))
        .route(paths.password, web::post().to(password::<O>))
        .route(paths.authenticator, web::get().to(authenticator::<O>))
        .route(paths.authenticator, web::post().to(confirm_authenticator::<O>))
        .route(paths.removal, web::get().to(removal::<O>))
        .route(paths.removal, web::post().to(remove_authenticator::<O>))
        .route(paths.new_codes, web::get().to(new_codes_page::<O>))
        .route(paths.codes, web::get().to(codes_page::<O>))
        .route(paths.codes, web::post().to(new_codes::<O>))
        .route(paths.session_end, web::get().to(ask_end_session::<O>))
        .route(paths.session_end, web::post().to(end_session::<O>))
        .route(paths.confirm, web::get().to(confirm::show::<O>))
        .route(paths.confirm, web::post().to(confirm::confirm::<O>));
}

/// A page that members and the users of customers have alike, each within what surrounds their own pages.
macro_rules! own_pages {
    ($($(#[$doc:meta])* $name:ident = $console:literal, $customer:literal { $($field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        struct $name {
            shell: Shell,
            $($field: $type,)*
        }

        impl $name {
            fn send_as(self, status: StatusCode) -> Page {
                #[derive(Template)]
                #[template(path = $console)]
                struct Console {
                    shell: Shell,
                    $($field: $type,)*
                }

                #[derive(Template)]
                #[template(path = $customer)]
                struct Customer {
                    shell: Shell,
                    $($field: $type,)*
                }

                let Self { shell, $($field),* } = self;
                match shell.side {
                    Side::Vendor => page::send_as(status, &Console { shell, $($field),* }),
                    Side::Customer => page::send_as(status, &Customer { shell, $($field),* }),
                }
            }

            fn send(self) -> Page {
                self.send_as(StatusCode::OK)
            }
        }
    )+};
}

own_pages! {
    NamePage = "console/name.html", "customer/name.html" {
        paths: &'static Paths,
        form: Form,
    }

    PasswordPage = "console/password.html", "customer/password.html" {
        paths: &'static Paths,
        email: String,
        form: Form,
    }

    AuthenticatorPage = "console/authenticator.html", "customer/authenticator.html" {
        paths: &'static Paths,
        secret: String,
        // The address for the app, as a picture.
        picture: String,
        // Whether it takes the place of another.
        replaces: bool,
        form: Form,
    }

    CodesPage = "console/recovery_codes.html", "customer/recovery_codes.html" {
        paths: &'static Paths,
        codes: String,
    }

    /// What the page says when it is looked at again.
    ShownPage = "console/shown.html", "customer/shown.html" {
        what: &'static str,
        otherwise: &'static str,
        back: String,
    }

    ConfirmPage = "console/confirm.html", "customer/confirm.html" {
        paths: &'static Paths,
        email: String,
        ways: WaysToConfirm,
        page: &'static str,
        // Whether a form was sent before, and not carried out.
        sent: bool,
        form: Form,
    }
}

/// The place in the menu of the pages about oneself.
fn active<O: Own>() -> &'static str {
    O::PATHS.home.rsplit('/').next().unwrap_or_default()
}

fn own_shell<O: Own>(engine: &Engine, own: &O) -> Shell {
    own.shell(active::<O>(), engine.now())
}

fn name_form<O: Own>(engine: &Engine, own: &O, form: Form) -> Page {
    NamePage { shell: own_shell(engine, own), paths: O::PATHS, form }.send()
}

async fn name_page<O: Own>(own: O, engine: web::Data<Engine>) -> Page {
    name_form(&engine, &own, Form::filled([("name", own.name().to_string())]))
}

struct Named(Name);

impl Request for Named {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("name").map(Self)
    }
}

async fn rename<O: Own>(request: HttpRequest, own: O, sent: O::Sent, engine: web::Data<Engine>) -> Page {
    let mut form = sent.into();
    if let Some(Named(name)) = form.read(&["name"]) {
        match engine.rename_self(own.person(), name).await {
            Ok(()) => return Ok(page::go(format!("{}?done=saved", O::PATHS.home))),
            Err(Error::Unauthenticated) => return Err(PageError::sign_in(&request, O::PATHS.sign_in)),
            Err(error) => form.keep(error)?,
        }
    }
    name_form(&engine, &own, form)
}

fn password_form<O: Own>(engine: &Engine, own: &O, form: Form) -> Page {
    let (shell, email) = (own_shell(engine, own), own.email().to_string());
    PasswordPage { shell, paths: O::PATHS, email, form }.send()
}

async fn password_page<O: Own>(request: HttpRequest, own: O, engine: web::Data<Engine>) -> Page {
    own.reauthenticated(&engine, &request, O::PATHS.password)?;
    password_form(&engine, &own, Form::default())
}

async fn password<O: Own>(request: HttpRequest, own: O, sent: O::Sent, engine: web::Data<Engine>) -> Page {
    let proof = own.reauthenticated(&engine, &request, O::PATHS.password)?;
    let mut form = sent.into();
    match new_password(&mut form) {
        Some(new) => {
            let renewed = engine.change_password(&proof, new).await?;
            Ok(signed::begin(&request, &renewed, &format!("{}?done=password", O::PATHS.home)))
        }
        None => password_form(&engine, &own, form.without(&["password", "again"])),
    }
}

async fn authenticator_form<O: Own>(engine: &Engine, own: &O, new: &NewAuthenticator, form: Form) -> Page {
    let picture = qrcode::QrCode::new(new.uri.as_bytes()).ok();
    let picture =
        picture.map(|code| code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build());
    // The declaration is of a file; within a page the picture begins with its element.
    let picture = picture.and_then(|svg| svg.find("<svg").map(|start| svg[start..].to_owned()));
    let page = AuthenticatorPage {
        shell: own_shell(engine, own),
        paths: O::PATHS,
        secret: new.secret.to_string(),
        picture: picture.unwrap_or_default(),
        replaces: engine.authenticator(own.person()).await?.is_some(),
        form,
    };
    page.send()
}

async fn authenticator<O: Own>(request: HttpRequest, own: O, engine: web::Data<Engine>) -> Page {
    own.reauthenticated(&engine, &request, O::PATHS.authenticator)?;
    let new = engine.new_authenticator(own.person());
    authenticator_form(&engine, &own, &new, Form::default()).await
}

async fn confirm_authenticator<O: Own>(
    request: HttpRequest,
    own: O,
    sent: O::Sent,
    engine: web::Data<Engine>,
) -> Page {
    let proof = own.reauthenticated(&engine, &request, O::PATHS.authenticator)?;
    let mut form = sent.into();
    let (secret, code) = (form.value("secret").to_owned(), form.value("code").replace(' ', ""));
    match engine.confirm_authenticator(&proof, &secret, &code).await? {
        Some(made) => show_codes::<O>(&request, &engine, &made).await,
        None => {
            form.refuse("code", "does not fit: is the clock of your device right?");
            let same = engine.authenticator_of(own.person(), &secret);
            authenticator_form(&engine, &own, &same, form.without(&["code"])).await
        }
    }
}

async fn show_codes<O: Own>(request: &HttpRequest, engine: &Engine, made: &NewRecoveryCodes) -> Page {
    engine.keep_to_show(&made.session.session, O::PATHS.codes, &made.codes.join("\n")).await?;
    Ok(signed::begin(request, &made.session, O::PATHS.codes))
}

async fn codes_page<O: Own>(request: HttpRequest, own: O, engine: web::Data<Engine>) -> Page {
    let shell = own_shell(&engine, &own);
    match shown_once::take(&request, &engine, own.session()).await? {
        Some(codes) => CodesPage { shell, paths: O::PATHS, codes }.send(),
        None => {
            let otherwise = match shell.side {
                Side::Vendor => {
                    "If you have not kept them, make new ones under Settings. The old ones stop working then."
                }
                Side::Customer => {
                    "If you have not kept them, make new ones under Profile. The old ones stop working then."
                }
            };
            let back = O::PATHS.home.to_owned();
            ShownPage { shell, what: "Recovery codes", otherwise, back }.send()
        }
    }
}

/// Asks before a user of a customer is removed, by the vendor or by an admin of theirs.
pub(crate) fn removal_of(user: &CustomerUser, asked: Question) -> Question {
    let name = &user.name;
    Question {
        title: format!("Remove {name}?"),
        effects: vec![
            format!(
                "{name} ({}, {}) is signed out at once and can’t sign in any more.",
                user.email, user.role
            ),
            "Licenses, applications, images and deployments stay as they are.".to_owned(),
        ],
        button: format!("Remove {name}"),
        ..asked
    }
}

/// A question that is come to from the page where all of it begins.
fn asked_at_home<O: Own>() -> Question {
    let home = O::PATHS.home.to_owned();
    Question { crumbs: ask::crumbs([(O::PATHS.home_title, home.clone())]), back: home, ..Question::default() }
}

async fn ask_end_session<O: Own>(own: O, id: Id<SessionId>, engine: web::Data<Engine>) -> Page {
    let sessions = engine.sessions_of(own.session()).await?;
    let session = sessions.into_iter().find(|session| session.id == id.0);
    let session = session.ok_or_else(|| Problem::new(Code::NotFound))?;
    let browser = browser::in_words(&session.user_agent);
    let (address, seen) = (&session.address, page::minute(session.last_seen_at));
    let asked = Question {
        title: "End this session?".to_owned(),
        effects: vec![
            format!("You are signed out of {browser} at {address}, last used {seen} UTC."),
            "If that was not you, change your password as well: that ends all your other sessions."
                .to_owned(),
        ],
        action: O::PATHS.session_end.replace("{id}", &session.id.to_string()),
        button: "End session".to_owned(),
        ..asked_at_home::<O>()
    };
    ask::send(own_shell(&engine, &own), asked, Form::EMPTY)
}

async fn end_session<O: Own>(own: O, id: Id<SessionId>, _: O::Sent, engine: web::Data<Engine>) -> Page {
    engine.end_session(own.session(), id.0).await?;
    Ok(page::go(format!("{}?done=ended#sessions", O::PATHS.home)))
}

async fn removal<O: Own>(request: HttpRequest, own: O, engine: web::Data<Engine>) -> Page {
    own.reauthenticated(&engine, &request, O::PATHS.removal)?;
    let asked = Question {
        title: "Turn off the second factor?".to_owned(),
        effects: vec![
            match own_shell(&engine, &own).side {
                Side::Vendor => "From then on your password alone signs you in.".to_owned(),
                Side::Customer => {
                    "From then on your password alone, or a mailed link alone, signs you in.".to_owned()
                }
            },
            "Your recovery codes stop working.".to_owned(),
            "All your other sessions end.".to_owned(),
        ],
        action: O::PATHS.removal.to_owned(),
        button: "Turn it off".to_owned(),
        ..asked_at_home::<O>()
    };
    ask::send(own_shell(&engine, &own), asked, Form::EMPTY)
}

async fn remove_authenticator<O: Own>(
    request: HttpRequest,
    own: O,
    _: O::Sent,
    engine: web::Data<Engine>,
) -> Page {
    let proof = own.reauthenticated(&engine, &request, O::PATHS.removal)?;
    let renewed = engine.remove_authenticator(&proof).await?;
    Ok(signed::begin(&request, &renewed, &format!("{}?done=second-factor-off", O::PATHS.home)))
}

async fn new_codes_page<O: Own>(request: HttpRequest, own: O, engine: web::Data<Engine>) -> Page {
    own.reauthenticated(&engine, &request, O::PATHS.new_codes)?;
    let asked = Question {
        title: "Make new recovery codes?".to_owned(),
        effects: vec![
            "New codes are made, and shown to you once.".to_owned(),
            "The recovery codes that you have stop working.".to_owned(),
            "All your other sessions end.".to_owned(),
        ],
        action: O::PATHS.codes.to_owned(),
        button: "Make new codes".to_owned(),
        ..asked_at_home::<O>()
    };
    ask::send(own_shell(&engine, &own), asked, Form::EMPTY)
}

async fn new_codes<O: Own>(request: HttpRequest, own: O, _: O::Sent, engine: web::Data<Engine>) -> Page {
    let proof = own.reauthenticated(&engine, &request, O::PATHS.new_codes)?;
    let made = engine.renew_recovery_codes(&proof).await?;
    show_codes::<O>(&request, &engine, &made).await
}
