//! People: the first start, passwords, sessions, links that open once, mail on its way.

use futures_util::future::join_all;
use keyward_domain::session::SessionHolder;
use keyward_domain::{Role, Secret, SecretKind};
use keyward_engine::{
    AnySession, ClientInfo, Confirmation, Engine, Error, Mail, MemberSession, NewMember, NewOrganization,
    Password, SignIn, SignedIn,
};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

const DAY: i64 = 24 * 60 * 60;

pub(crate) fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

pub(crate) fn client_info() -> ClientInfo {
    ClientInfo { address: "192.0.2.1".into(), user_agent: "a browser".into(), device: None }
}

pub(crate) fn organization() -> NewOrganization {
    NewOrganization {
        name: "Acme".parse().unwrap(),
        owner_email: "ada@acme.example".parse().unwrap(),
        slug: None,
        owner_name: Some("Ada".parse().unwrap()),
    }
}

/// The secret at the end of a link.
pub(crate) fn secret(kind: SecretKind, text: &str) -> Secret {
    let word = text.split_whitespace().find(|word| word.contains(kind.prefix())).unwrap();
    Secret::parse(kind, word.rsplit('/').next().unwrap()).unwrap()
}

pub(crate) async fn only_mail(engine: &Engine) -> Mail {
    let mail = engine.claim_mail().await.unwrap().expect("a mail is on its way");
    engine.mail_sent(&mail).await.unwrap();
    assert_eq!(engine.claim_mail().await.unwrap(), None);
    mail
}

#[database_test]
async fn the_setup_link_opens_once(store: Store) {
    let (engine, _) = engine(store);
    let old = secret(SecretKind::Setup, &engine.setup_link().await.unwrap().unwrap());
    let link = secret(SecretKind::Setup, &engine.setup_link().await.unwrap().unwrap());
    assert!(!engine.is_setup_link(&old).await.unwrap() && engine.is_setup_link(&link).await.unwrap());
    let tries =
        (0..8).map(|_| engine.set_up(&link, organization(), password("a long password"), client_info()));
    let won: Vec<_> = join_all(tries).await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(engine.setup_link().await.unwrap(), None);
    assert!(!engine.is_setup_link(&link).await.unwrap());
    let Some(AnySession::Member(owner)) = engine.session(&won[0].secret).await.unwrap() else { panic!() };
    assert_eq!((owner.member.role, owner.organization.slug.as_str()), (Role::Owner, "acme"));
    let email = "ada@acme.example".parse().unwrap();
    assert!(matches!(
        engine.sign_in(&email, password("a long password"), None, client_info()).await.unwrap(),
        SignIn::Done(_)
    ));
    assert!(matches!(
        engine.sign_in(&email, password("another password"), None, client_info()).await.unwrap(),
        SignIn::Refused
    ));
    let nobody = "eve@acme.example".parse().unwrap();
    assert!(matches!(
        engine.sign_in(&nobody, password("a long password"), None, client_info()).await.unwrap(),
        SignIn::Refused
    ));
}

#[database_test]
async fn sessions_end_by_time_by_hand_and_with_their_member(store: Store) {
    let (engine, clock) = engine(store);
    let link = secret(SecretKind::Setup, &engine.setup_link().await.unwrap().unwrap());
    let first =
        engine.set_up(&link, organization(), password("a long password"), client_info()).await.unwrap();
    let email = "ada@acme.example".parse().unwrap();
    let sign_in = || async {
        match engine.sign_in(&email, password("a long password"), None, client_info()).await.unwrap() {
            SignIn::Done(signed_in) => Some(signed_in),
            SignIn::CodeNeeded | SignIn::ProviderNeeded(_) | SignIn::Refused => None,
        }
    };
    let second = sign_in().await.unwrap();
    assert_eq!(engine.sessions_of(&second.session).await.unwrap().len(), 2);
    assert!(engine.end_session(&second.session, first.session.id).await.unwrap());
    assert!(engine.session(&first.secret).await.unwrap().is_none());

    clock.advance(12 * 3_600 - 1);
    assert!(engine.session(&second.secret).await.unwrap().is_some(), "and is used again by that");
    engine.flush_log().await;
    clock.advance(12 * 3_600 - 1);
    assert!(engine.session(&second.secret).await.unwrap().is_some());
    engine.flush_log().await;
    clock.advance(12 * 3_600);
    assert!(engine.session(&second.secret).await.unwrap().is_none(), "not used for twelve hours");
    let third = sign_in().await.unwrap();
    for _ in 0..14 {
        clock.advance(12 * 3_600 - 1);
        engine.session(&third.secret).await.unwrap();
    }
    clock.advance(14);
    assert!(engine.session(&third.secret).await.unwrap().is_none(), "seven days at most");

    let fourth = sign_in().await.unwrap();
    engine.sign_out(&fourth.session).await.unwrap();
    assert!(engine.session(&fourth.secret).await.unwrap().is_none());

    let (fifth, sixth) = (sign_in().await.unwrap(), sign_in().await.unwrap());
    let ada = confirmed(&engine, &fifth, None).await;
    let proof = engine.reauthenticated(&ada).unwrap();
    let renewed = engine.change_password(&proof, password("the next password")).await.unwrap();
    assert!(engine.session(&renewed.secret).await.unwrap().is_some());
    assert!(engine.session(&fifth.secret).await.unwrap().is_none(), "its secret is another");
    assert!(engine.session(&sixth.secret).await.unwrap().is_none(), "all others have ended");
    assert!(sign_in().await.is_none());
}

#[database_test]
async fn an_invitation_sets_the_first_password(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let new = NewMember {
        name: "Vera".parse().unwrap(),
        email: "vera@acme.example".parse().unwrap(),
        role: Role::Viewer,
    };
    let member = engine.invite_member(&vendor.access(), new).await.unwrap();
    let mail = only_mail(&engine).await;
    assert_eq!(
        (mail.recipient.as_str(), mail.subject.as_str()),
        ("vera@acme.example", "You are invited to Acme")
    );
    let link = secret(SecretKind::Link, &mail.body);
    engine.send_invitation(&vendor.access(), member.id).await.unwrap();
    assert!(engine.link(&link).await.unwrap().is_none(), "the one before is withdrawn");
    let link = secret(SecretKind::Link, &only_mail(&engine).await.body);
    clock.advance(7 * DAY - 1);
    assert!(engine.link(&link).await.unwrap().is_some());
    let opened =
        engine.open_member_link(&link, password("a long password"), client_info()).await.unwrap().unwrap();
    assert_eq!(opened.session.holder, SessionHolder::Member(member.id));
    let again = engine.open_member_link(&link, password("a long password"), client_info()).await;
    assert!(matches!(again, Err(Error::LinkGone)));

    let Some(AnySession::Member(vera)) = engine.session(&opened.secret).await.unwrap() else { panic!() };
    assert!(vera.identity.access::<keyward_domain::permission::WriteProducts>().is_err());
    engine.delete_member(&vendor.access(), member.id, None).await.unwrap();
    assert!(engine.session(&opened.secret).await.unwrap().is_none());
}

#[database_test]
async fn only_owners_make_owners(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let new = |name: &str, role| NewMember {
        name: name.parse().unwrap(),
        email: format!("{name}@acme.example").parse().unwrap(),
        role,
    };
    let admin = engine.create_member(&vendor.access(), new("admin", Role::Admin), None).await.unwrap().value;
    let access = admin.identity().access().unwrap();
    let promote = keyward_engine::MemberChange { role: Some(Role::Owner), ..Default::default() };
    assert!(matches!(engine.update_member(&access, admin.id, promote, None).await, Err(Error::Forbidden(_))));
    assert!(matches!(
        engine.create_member(&access, new("own", Role::Owner), None).await,
        Err(Error::Forbidden(_))
    ));
    let owner = vendor.founded.owner.id;
    assert!(matches!(engine.delete_member(&access, owner, None).await, Err(Error::Forbidden(_))));
    assert!(engine.create_member(&access, new("two", Role::Admin), None).await.is_ok());
}

#[database_test]
async fn links_by_mail_run_out_and_tell_nobody_who_is_known(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Buyer").await;
    engine.request_customer_sign_in(&"nobody@buyer.example".parse().unwrap()).await.unwrap();
    engine.request_password_reset(&"nobody@buyer.example".parse().unwrap()).await.unwrap();
    assert_eq!(engine.claim_mail().await.unwrap(), None);

    engine.request_customer_sign_in(&customer.email).await.unwrap();
    let link = secret(SecretKind::Link, &only_mail(&engine).await.body);
    clock.advance(15 * 60);
    assert!(matches!(engine.open_customer_link(&link, None, client_info()).await, Err(Error::LinkGone)));
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    let link = secret(SecretKind::Link, &only_mail(&engine).await.body);
    let tries = join_all((0..8).map(|_| engine.open_customer_link(&link, None, client_info()))).await;
    let opened: Vec<_> = tries.into_iter().filter_map(|opened| opened.ok()?.signed_in()).collect();
    assert_eq!(opened.len(), 1);
    let Some(AnySession::Customer(buyer)) = engine.session(&opened[0].secret).await.unwrap() else {
        panic!()
    };
    let license = vendor.license("Not theirs", "{}").await;
    assert!(matches!(engine.customer_license(&buyer, license.id).await, Err(Error::NotFound(_))));
    engine.delete_customer(&vendor.access(), customer.id, None).await.unwrap();
    assert!(engine.session(&opened[0].secret).await.unwrap().is_none());
}

#[database_test]
async fn an_onboarding_link_is_looked_at_often_and_opened_once(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let license = vendor.license("L", r#"{"seats":1}"#).await;
    let made = engine.create_onboarding_link(&vendor.access(), license.id).await.unwrap();
    let link = secret(SecretKind::Onboarding, &made.url);
    clock.advance(7 * DAY - 1);
    for _ in 0..50 {
        assert!(engine.onboarding_link(&link).await.is_ok());
    }
    let tries = join_all((0..20).map(|_| engine.open_onboarding_link(&link, client_info()))).await;
    assert_eq!(tries.iter().filter(|opened| opened.is_ok()).count(), 1);
    assert!(tries.iter().all(|opened| matches!(opened, Ok(_) | Err(Error::LinkGone))));
    let opened = tries.into_iter().find_map(Result::ok).unwrap();
    assert!(matches!(engine.onboarding_link(&link).await, Err(Error::LinkGone)));
    let Some(AnySession::Onboarding(seen)) = engine.session(&opened.secret).await.unwrap() else { panic!() };
    assert!(engine.onboarding(&seen).await.unwrap().token.is_some());
    clock.advance(30 * 60);
    assert!(engine.session(&opened.secret).await.unwrap().is_none(), "half an hour");

    let late = engine.create_onboarding_link(&vendor.access(), license.id).await.unwrap();
    let late = secret(SecretKind::Onboarding, &late.url);
    clock.advance(7 * DAY);
    assert!(matches!(engine.open_onboarding_link(&late, client_info()).await, Err(Error::LinkGone)));
    let withdrawn = engine.create_onboarding_link(&vendor.access(), license.id).await.unwrap();
    engine.revoke_onboarding_link(&vendor.access(), withdrawn.link.id).await.unwrap();
    let withdrawn = secret(SecretKind::Onboarding, &withdrawn.url);
    assert!(matches!(engine.onboarding_link(&withdrawn).await, Err(Error::LinkGone)));
    let revoked = engine.create_onboarding_link(&vendor.access(), license.id).await.unwrap();
    engine.revoke_license(&vendor.access(), license.id, None).await.unwrap();
    let revoked = secret(SecretKind::Onboarding, &revoked.url);
    assert!(matches!(engine.open_onboarding_link(&revoked, client_info()).await, Err(Error::LinkGone)));
    let unknown = Secret::new(SecretKind::Onboarding, [9; 24]);
    assert!(matches!(engine.onboarding_link(&unknown).await, Err(Error::NotFound(_))));
}

#[database_test]
async fn mail_is_tried_again_and_given_up_in_the_end(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Buyer").await;
    engine.request_customer_sign_in(&customer.email).await.unwrap();
    let claims = join_all((0..4).map(|_| engine.claim_mail())).await;
    assert_eq!(claims.iter().filter(|mail| matches!(mail, Ok(Some(_)))).count(), 1, "one sender has it");
    let mut tries = 1;
    let mut mail = claims.into_iter().find_map(|mail| mail.ok().flatten()).unwrap();
    while !engine.mail_failed(&mail).await.unwrap() {
        assert_eq!(engine.claim_mail().await.unwrap(), None, "not at once");
        clock.advance(2 * DAY);
        mail = engine.claim_mail().await.unwrap().unwrap();
        tries += 1;
    }
    assert_eq!(tries, 12);
    clock.advance(30 * DAY);
    assert_eq!(engine.claim_mail().await.unwrap(), None);
}

#[database_test]
async fn the_second_factor_takes_each_code_once(store: Store) {
    let (engine, clock) = engine(store);
    let link = secret(SecretKind::Setup, &engine.setup_link().await.unwrap().unwrap());
    let first =
        engine.set_up(&link, organization(), password("a long password"), client_info()).await.unwrap();
    let Some(AnySession::Member(ada)) = engine.session(&first.secret).await.unwrap() else { panic!() };
    let new = engine.new_authenticator(&ada);
    assert!(new.uri.starts_with("otpauth://totp/Acme%3Aada%40acme.example?secret="));
    let ada = confirmed(&engine, &first, None).await;
    let proof = engine.reauthenticated(&ada).unwrap();
    assert!(engine.confirm_authenticator(&proof, &new.secret, "000000").await.unwrap().is_none());
    assert_eq!(engine.authenticator(&ada).await.unwrap(), None);
    let now = || keyward_testkit::engine::START / 30;
    let code = |step: i64| code_of(&new.secret, step);
    let made = engine.confirm_authenticator(&proof, &new.secret, &code(now())).await.unwrap().unwrap();
    let recovery = made.codes;
    assert_eq!(engine.authenticator(&ada).await.unwrap(), Some(10));

    let email = "ada@acme.example".parse().unwrap();
    let sign_in = |code: Option<String>| {
        let (engine, email) = (&engine, &email);
        async move {
            engine.sign_in(email, password("a long password"), code.as_deref(), client_info()).await.unwrap()
        }
    };
    assert!(matches!(sign_in(None).await, SignIn::CodeNeeded));
    assert!(matches!(sign_in(Some(code(now()))).await, SignIn::CodeNeeded), "taken when it was set up");
    assert!(matches!(sign_in(Some("123".into())).await, SignIn::CodeNeeded));
    clock.advance(30);
    let tries = join_all((0..4).map(|_| sign_in(Some(code(now() + 1))))).await;
    assert_eq!(tries.iter().filter(|done| matches!(done, SignIn::Done(_))).count(), 1);
    assert!(matches!(sign_in(Some(recovery[3].to_lowercase())).await, SignIn::Done(_)));
    assert!(matches!(sign_in(Some(recovery[3].clone())).await, SignIn::CodeNeeded), "each once");
    assert_eq!(engine.authenticator(&ada).await.unwrap(), Some(9));
    let ada = confirmed(&engine, &made.session, Some(&recovery[4])).await;
    engine.remove_authenticator(&engine.reauthenticated(&ada).unwrap()).await.unwrap();
    assert!(matches!(sign_in(None).await, SignIn::Done(_)));
}

/// A member who has given the password again, and a code.
pub(crate) async fn confirmed(engine: &Engine, session: &SignedIn, code: Option<&str>) -> MemberSession {
    let Some(AnySession::Member(person)) = engine.session(&session.secret).await.unwrap() else { panic!() };
    let confirmed = engine.confirm(&person, password("a long password"), code).await.unwrap();
    let Confirmation::Done(renewed) = confirmed else { panic!("{confirmed:?}") };
    let Some(AnySession::Member(person)) = engine.session(&renewed.secret).await.unwrap() else { panic!() };
    person
}

/// The code of an authenticator app, worked out by other means: Python's standard library has them all.
pub(crate) fn code_of(secret: &str, step: i64) -> String {
    let script = "import base64,hashlib,hmac,struct,sys\n\
        s=base64.b32decode(sys.argv[1]+'='*(-len(sys.argv[1])%8))\n\
        h=hmac.new(s,struct.pack('>q',int(sys.argv[2])),hashlib.sha1).digest()\n\
        o=h[19]&15\nprint('%06d'%((struct.unpack('>I',h[o:o+4])[0]&0x7fffffff)%1000000))";
    let output =
        std::process::Command::new("python3").args(["-c", script, secret, &step.to_string()]).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}
