//! Signing in by a provider: what is believed, and all that is not.

mod confirming;
mod guarded;
mod strange;

use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use keyward_domain::{Access, Distrust, MailDomains, Role, Secret, permission};
use keyward_engine::{
    AnySession, Arrival, ClientInfo, ClientSecret, ConfirmedCaller, Engine, Error, NewMember, NewProvider,
    Outbound, Password, Refusal, Return, SignIn, WireError,
};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{START, engine};
use serde_json::{Value, json};
use strange::{Says, Strange};

use crate::audit_changes::changes;

fn client_info() -> ClientInfo {
    ClientInfo { address: "192.0.2.1".into(), user_agent: "a browser".into(), device: None }
}

fn new(issuer: &str) -> NewProvider {
    NewProvider {
        issuer: issuer.parse().unwrap(),
        client_id: "keyward".parse().unwrap(),
        client_secret: Some(ClientSecret::parse("s+ecret").unwrap()),
        domain: None,
        verified_domains: MailDomains::default(),
        exclusive: false,
    }
}

/// A program with the vendor's token.
fn program(vendor: &Vendor) -> ConfirmedCaller<'static> {
    let access: Access<permission::WriteOrganization> = vendor.access();
    ConfirmedCaller::program(&access).unwrap()
}

/// A vendor with a member, whose provider this is.
async fn vendor(engine: &std::sync::Arc<Engine>, strange: &Strange) -> Vendor {
    let vendor = Vendor::found(engine, "Acme").await;
    let member = NewMember {
        name: "Vera".parse().unwrap(),
        email: "Vera@acme.example".parse().unwrap(),
        role: Role::Member,
    };
    engine.create_member(&vendor.access(), member, None).await.unwrap();
    engine
        .set_sign_in_provider(&vendor.access(), program(&vendor), new(&strange.issuer), None)
        .await
        .unwrap();
    vendor
}

/// Someone who has gone to the provider, and is about to come back with what it should say.
async fn away(engine: &Engine, strange: &Strange) -> Return {
    let outbound = engine.depart(&"acme".parse().unwrap()).await.unwrap().unwrap().unwrap();
    sent_off(strange, outbound)
}

/// The way back of someone who was sent to the provider.
fn sent_off(strange: &Strange, outbound: Outbound) -> Return {
    let url = outbound.url.strip_prefix(&format!("{}/authorize?", strange.issuer)).unwrap();
    let sent = |name: &str| {
        let found = url.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.unwrap().to_owned()
    };
    assert_eq!((sent("code_challenge_method"), sent("response_type")), ("S256".into(), "code".into()));
    assert_eq!(sent("redirect_uri"), "https%3A%2F%2Flicenses.example%2Fopenid%2Freturn");
    let mut says = strange.says.lock().unwrap();
    says.challenge = sent("code_challenge");
    says.claims = json!({
        "iss": strange.issuer, "sub": "7", "aud": "keyward", "nonce": sent("nonce"), "iat": START,
        "exp": START + 300, "email": "vera@acme.example", "email_verified": true,
    });
    Return { state: sent("state"), code: Some("good".into()), issuer: None, away: Some(outbound.away) }
}

/// Goes and comes back, with the provider's saying changed meanwhile.
async fn walk(engine: &Engine, strange: &Strange, change: impl FnOnce(&mut Says)) -> Arrival {
    let back = away(engine, strange).await;
    change(&mut strange.says.lock().unwrap());
    let arrival = engine.arrive(back, client_info()).await.unwrap();
    strange.says.lock().unwrap().token = None;
    arrival
}

fn distrust(arrival: Arrival) -> Option<Distrust> {
    match arrival {
        Arrival::Refused(Refusal::Distrust(distrust)) => Some(distrust),
        Arrival::Refused(_) | Arrival::Done(_) | Arrival::Confirmed { .. } => None,
    }
}

/// A change of one claim.
fn claim(name: &'static str, value: Value) -> impl FnOnce(&mut Says) {
    move |says: &mut Says| says.claims[name] = value
}

#[database_test]
async fn a_member_comes_in_by_the_provider(store: Store) {
    let (engine, strange) = (engine(store).0, Strange::start());
    vendor(&engine, &strange).await;
    let Arrival::Done(signed_in) = walk(&engine, &strange, |_| ()).await else { panic!() };
    let Some(AnySession::Member(vera)) = engine.session(&signed_in.secret).await.unwrap() else { panic!() };
    assert_eq!((vera.member.email.as_str(), vera.member.role), ("Vera@acme.example", Role::Member));

    let ec = strange.p256.clone();
    let by_ec = walk(&engine, &strange, |says| says.signing = (Algorithm::ES256, "ec", ec)).await;
    assert!(matches!(by_ec, Arrival::Done(_)), "{by_ec:?}");
    let in_form = walk(&engine, &strange, |says| {
        says.described["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    });
    assert!(matches!(in_form.await, Arrival::Done(_)));
    // An address that only the user info tells.
    let asked = walk(&engine, &strange, |says| {
        says.claims.as_object_mut().unwrap().remove("email");
        says.userinfo = json!({ "sub": "7", "email": "vera@acme.example", "email_verified": true });
    });
    assert!(matches!(asked.await, Arrival::Done(_)));
    let of_another = walk(&engine, &strange, |says| {
        says.claims.as_object_mut().unwrap().remove("email");
        says.userinfo = json!({ "sub": "8", "email": "vera@acme.example", "email_verified": true });
    });
    assert_eq!(distrust(of_another.await), Some(Distrust::Subject));
}

#[database_test]
async fn what_is_not_right_is_not_believed(store: Store) {
    let (engine, strange) = (engine(store).0, Strange::start());
    let vendor = vendor(&engine, &strange).await;
    for (name, value, expected) in [
        ("nonce", json!("another"), Distrust::Nonce),
        ("nonce", json!(null), Distrust::Nonce),
        ("aud", json!("another"), Distrust::Audience),
        ("aud", json!(["keyward", "another"]), Distrust::Audience),
        ("azp", json!("another"), Distrust::Audience),
        ("iss", json!("https://id.example"), Distrust::Issuer),
        ("exp", json!(START - 60), Distrust::Time),
        ("exp", json!("never"), Distrust::Form),
        ("exp", json!(null), Distrust::Form),
        ("iat", json!(START + 3_600), Distrust::Time),
        ("email_verified", json!(false), Distrust::UnverifiedEmail),
        ("email_verified", json!(1), Distrust::UnverifiedEmail),
        ("email", json!("no address"), Distrust::NoEmail),
    ] {
        let shown = format!("{name} {value}");
        assert_eq!(distrust(walk(&engine, &strange, claim(name, value)).await), Some(expected), "{shown}");
    }
    let stranger = walk(&engine, &strange, claim("email", json!("eve@acme.example"))).await;
    assert!(matches!(stranger, Arrival::Refused(Refusal::Stranger { .. })), "{stranger:?}");

    // Signed by the client secret, by nobody, and by a key of the same name that is not published.
    let forged = |algorithm, key: EncodingKey| {
        move |says: &mut Says| {
            let header = Header { kid: Some("ed".into()), ..Header::new(algorithm) };
            says.token = Some(jsonwebtoken::encode(&header, &says.claims, &key).unwrap());
        }
    };
    let by_secret = forged(Algorithm::HS256, EncodingKey::from_secret(b"s+ecret"));
    assert_eq!(distrust(walk(&engine, &strange, by_secret).await), Some(Distrust::Signature));
    let other = Strange::start().says.lock().unwrap().signing.2.clone();
    assert_eq!(
        distrust(walk(&engine, &strange, forged(Algorithm::EdDSA, other)).await),
        Some(Distrust::Signature)
    );
    let by_nobody = |says: &mut Says| {
        use base64::Engine as _;
        let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        says.token = Some(format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&says.claims.to_string())));
    };
    assert!(matches!(
        distrust(walk(&engine, &strange, by_nobody).await),
        Some(Distrust::Form | Distrust::Signature)
    ));
    let garbage = walk(&engine, &strange, |says| says.token = Some("garbage".into())).await;
    assert_eq!(distrust(garbage), Some(Distrust::Form));

    let only = NewProvider { domain: Some("acme.example".parse().unwrap()), ..new(&strange.issuer) };
    engine.set_sign_in_provider(&vendor.access(), program(&vendor), only, None).await.unwrap();
    assert!(matches!(walk(&engine, &strange, |_| ()).await, Arrival::Done(_)));
    let elsewhere = walk(&engine, &strange, claim("email", json!("vera@evil.example"))).await;
    assert_eq!(distrust(elsewhere), Some(Distrust::Domain));
}

#[database_test]
async fn providers_that_do_not_say_that_they_have_verified_an_address(store: Store) {
    let (engine, strange) = (engine(store).0, Strange::start());
    let vendor = vendor(&engine, &strange).await;
    // As Entra ID: no email_verified, neither in the ID token nor in the user info.
    let entra = |verified: Option<(&'static str, Value)>, userinfo: Value| {
        move |says: &mut Says| {
            let claims = says.claims.as_object_mut().unwrap();
            claims.remove("email_verified");
            claims.extend(verified.map(|(name, value)| (name.to_owned(), value)));
            says.userinfo = userinfo;
        }
    };
    let silent = || json!({ "sub": "7", "email": "vera@acme.example" });
    assert_eq!(
        distrust(walk(&engine, &strange, entra(None, silent())).await),
        Some(Distrust::UnverifiedEmail)
    );
    for value in [json!(true), json!(1), json!("1"), json!("true")] {
        let shown = value.to_string();
        let arrival = walk(&engine, &strange, entra(Some(("xms_edov", value)), silent())).await;
        assert!(matches!(arrival, Arrival::Done(_)), "{shown}");
    }
    // The user info knows more.
    let told = json!({ "sub": "7", "email": "vera@acme.example", "email_verified": true });
    assert!(matches!(walk(&engine, &strange, entra(None, told)).await, Arrival::Done(_)));
    let verified_alone = json!({ "sub": "7", "email_verified": "true" });
    assert!(matches!(walk(&engine, &strange, entra(None, verified_alone)).await, Arrival::Done(_)));
    let of_another = json!({ "sub": "8", "email": "vera@acme.example", "email_verified": true });
    assert_eq!(distrust(walk(&engine, &strange, entra(None, of_another)).await), Some(Distrust::Subject));
    let no_endpoint = walk(&engine, &strange, |says| {
        entra(None, json!({}))(says);
        says.described.as_object_mut().unwrap().remove("userinfo_endpoint");
    });
    assert_eq!(distrust(no_endpoint.await), Some(Distrust::UnverifiedEmail));
    strange.says.lock().unwrap().described["userinfo_endpoint"] =
        json!(format!("{}/userinfo", strange.issuer));

    // Domains that the organization hands out itself. What the provider says against it counts.
    let named = NewProvider { verified_domains: "acme.example".parse().unwrap(), ..new(&strange.issuer) };
    engine.set_sign_in_provider(&vendor.access(), program(&vendor), named, None).await.unwrap();
    strange.says.lock().unwrap().asked.clear();
    assert!(matches!(walk(&engine, &strange, entra(None, json!({}))).await, Arrival::Done(_)));
    assert!(!strange.says.lock().unwrap().asked.contains(&"/userinfo".to_owned()), "there is nothing to ask");
    for (name, value) in
        [("xms_edov", json!(false)), ("xms_edov", json!(0)), ("email_verified", json!(false))]
    {
        let refused = walk(&engine, &strange, entra(Some((name, value)), silent())).await;
        assert_eq!(distrust(refused), Some(Distrust::UnverifiedEmail), "{name}");
    }
    let elsewhere = walk(&engine, &strange, |says| {
        entra(None, json!({ "sub": "7", "email": "vera@evil.example" }))(says);
        says.claims["email"] = json!("vera@evil.example");
    });
    assert_eq!(distrust(elsewhere.await), Some(Distrust::UnverifiedEmail));
}

#[database_test]
async fn times_may_have_fractions(store: Store) {
    let (engine, strange) = (engine(store).0, Strange::start());
    vendor(&engine, &strange).await;
    let fractions = walk(&engine, &strange, |says| {
        for (name, time) in
            [("iat", START as f64 + 0.7), ("exp", START as f64 + 0.5), ("auth_time", START as f64)]
        {
            says.claims[name] = json!(time);
        }
    });
    assert!(matches!(fractions.await, Arrival::Done(_)));
    assert_eq!(
        distrust(walk(&engine, &strange, claim("exp", json!(START as f64 - 60.5))).await),
        Some(Distrust::Time)
    );
    assert!(matches!(walk(&engine, &strange, claim("exp", json!(1e300))).await, Arrival::Done(_)));
    assert_eq!(distrust(walk(&engine, &strange, claim("iat", json!("now"))).await), Some(Distrust::Form));
}

#[database_test]
async fn a_way_back_leads_once_into_one_browser(store: Store) {
    let ((engine, clock), strange) = (engine(store), Strange::start());
    let vendor = vendor(&engine, &strange).await;
    let stale = |arrival: Arrival| matches!(arrival, Arrival::Refused(Refusal::Stale));
    let copy = |back: &Return| Return {
        state: back.state.clone(),
        code: back.code.clone(),
        issuer: None,
        away: back
            .away
            .as_ref()
            .map(|away| Secret::parse(keyward_domain::SecretKind::Away, away.expose()).unwrap()),
    };

    let back = away(&engine, &strange).await;
    let tries = join_all((0..8).map(|_| engine.arrive(copy(&back), client_info()))).await;
    let tries: Vec<_> = tries.into_iter().map(Result::unwrap).collect();
    assert_eq!(tries.iter().filter(|one| matches!(one, Arrival::Done(_))).count(), 1);
    assert!(stale(engine.arrive(copy(&back), client_info()).await.unwrap()), "a replayed state");

    let without = Return { away: None, ..away(&engine, &strange).await };
    assert!(stale(engine.arrive(without, client_info()).await.unwrap()), "no cookie");
    let mine = away(&engine, &strange).await;
    let theirs = away(&engine, &strange).await;
    let mixed = Return { away: theirs.away, ..mine };
    assert!(stale(engine.arrive(mixed, client_info()).await.unwrap()), "another browser's cookie");
    let made_up = Return { state: "made up".into(), ..away(&engine, &strange).await };
    assert!(stale(engine.arrive(made_up, client_info()).await.unwrap()));
    let late = away(&engine, &strange).await;
    clock.advance(600);
    assert!(stale(engine.arrive(late, client_info()).await.unwrap()), "ten minutes");

    let declined = Return { code: None, ..away(&engine, &strange).await };
    assert!(matches!(
        engine.arrive(declined, client_info()).await.unwrap(),
        Arrival::Refused(Refusal::Declined)
    ));
    let wrong = Return { code: Some("wrong".into()), ..away(&engine, &strange).await };
    assert!(matches!(
        engine.arrive(wrong, client_info()).await.unwrap(),
        Arrival::Refused(Refusal::Wire(WireError::NoAnswer))
    ));
    let mixed_up = Return { issuer: Some("https://evil.example".into()), ..away(&engine, &strange).await };
    assert_eq!(distrust(engine.arrive(mixed_up, client_info()).await.unwrap()), Some(Distrust::Issuer));

    let meanwhile = away(&engine, &strange).await;
    engine.remove_sign_in_provider(&vendor.access(), program(&vendor), None).await.unwrap();
    assert!(stale(engine.arrive(meanwhile, client_info()).await.unwrap()), "the provider was removed");
    assert!(engine.depart(&"acme".parse().unwrap()).await.unwrap().is_none());
}

#[database_test]
async fn where_the_provider_is_all_passwords_of_members_do_not_count(store: Store) {
    let (engine, strange) = (engine(store).0, Strange::start());
    let vendor = vendor(&engine, &strange).await;
    let word = || Password::parse("a long password").unwrap();
    // Owner and member set passwords while they count.
    let mut emails = Vec::new();
    for member in
        engine.members(&vendor.access(), keyward_domain::PageRequest::default()).await.unwrap().newest()
    {
        engine.send_invitation(&vendor.access(), member.id).await.unwrap();
        let mail = engine.claim_mail().await.unwrap().unwrap();
        engine.mail_sent(&mail).await.unwrap();
        let link = mail.body.split_whitespace().find(|word| word.contains("kw_link_")).unwrap();
        let link = Secret::parse(keyward_domain::SecretKind::Link, link.rsplit('/').next().unwrap()).unwrap();
        engine.open_member_link(&link, word(), client_info()).await.unwrap();
        emails.push((member.role, member.email));
    }
    let pending = |email| {
        let engine = std::sync::Arc::clone(&engine);
        async move {
            engine.request_password_reset(&email).await.unwrap();
            let mail = engine.claim_mail().await.unwrap().unwrap();
            engine.mail_sent(&mail).await.unwrap();
            mail.body
        }
    };
    let vera = emails.iter().find(|(role, _)| *role == Role::Member).unwrap().1.clone();
    let before = pending(vera.clone()).await;
    let exclusive = NewProvider { exclusive: true, ..new(&strange.issuer) };
    engine.set_sign_in_provider(&vendor.access(), program(&vendor), exclusive, None).await.unwrap();
    let mut opened = None;
    for (role, email) in &emails {
        let tried = engine.sign_in(email, word(), None, client_info()).await.unwrap();
        match role {
            Role::Owner => match tried {
                SignIn::Done(signed_in) => opened = Some(signed_in.secret),
                other => panic!("{other:?}"),
            },
            _ => assert!(matches!(tried, SignIn::ProviderNeeded(slug) if slug.as_str() == "acme")),
        }
        let wrong = Password::attempt("wrong wrong wrong");
        assert!(matches!(engine.sign_in(email, wrong, None, client_info()).await.unwrap(), SignIn::Refused));
    }
    let old = before.split_whitespace().find(|word| word.contains("kw_link_")).unwrap();
    let old = Secret::parse(keyward_domain::SecretKind::Link, old.rsplit('/').next().unwrap()).unwrap();
    assert!(matches!(engine.open_member_link(&old, word(), client_info()).await, Err(Error::LinkGone)));
    assert!(pending(vera).await.contains("https://licenses.example/sign-in/acme"));
    assert!(matches!(walk(&engine, &strange, |_| ()).await, Arrival::Done(_)));

    // What an owner's password has opened ends once the provider vouches for them as well.
    let opened = opened.unwrap();
    let Some(AnySession::Member(ada)) = engine.session(&opened).await.unwrap() else { panic!() };
    let second =
        NewMember { name: "B".parse().unwrap(), email: "b@acme.example".parse().unwrap(), role: Role::Owner };
    engine.create_member(&vendor.access(), second, None).await.unwrap();
    let renamed =
        keyward_engine::MemberChange { name: Some("Ada L.".parse().unwrap()), ..Default::default() };
    engine.update_member(&vendor.access(), ada.member.id, renamed, None).await.unwrap();
    assert!(engine.session(&opened).await.unwrap().is_some());
    let demotion = keyward_engine::MemberChange { role: Some(Role::Admin), ..Default::default() };
    engine.update_member(&vendor.access(), ada.member.id, demotion, None).await.unwrap();
    assert!(engine.session(&opened).await.unwrap().is_none());
}

#[database_test]
async fn a_provider_is_set_by_owners_if_it_is_one(store: Store) {
    let (engine, strange) = (engine(store).0, Strange::start());
    let vendor = vendor(&engine, &strange).await;
    let second =
        NewMember { name: "A".parse().unwrap(), email: "a@acme.example".parse().unwrap(), role: Role::Owner };
    let second = engine.create_member(&vendor.access(), second, None).await.unwrap().value;
    let access: Access<permission::WriteOwners> = second.identity().access().unwrap();
    let demotion = keyward_engine::MemberChange { role: Some(Role::Admin), ..Default::default() };
    engine.update_member(&vendor.access(), second.id, demotion, None).await.unwrap();
    // Taken away between the look at the credential and the change.
    assert!(matches!(
        engine.set_sign_in_provider(&access, program(&vendor), new(&strange.issuer), None).await,
        Err(Error::Forbidden(_))
    ));
    assert!(matches!(
        engine.remove_sign_in_provider(&access, program(&vendor), None).await,
        Err(Error::Forbidden(_))
    ));

    let fault = |result: Result<_, Error>| match result {
        Err(Error::Invalid(faults)) => (faults[0].field, faults[0].invalid.code),
        other => panic!("{other:?}"),
    };
    let set =
        |provider| engine.set_sign_in_provider(vendor_access(&vendor), program(&vendor), provider, None);
    let keep = || NewProvider { client_secret: None, ..new(&strange.issuer) };
    let before = engine.sign_in_provider(&vendor.access()).await.unwrap().unwrap();
    assert_eq!(set(keep()).await.unwrap().provider, before, "the secret stays, and nothing is changed");
    let elsewhere = Strange::start();
    let other = NewProvider { client_secret: None, ..new(&elsewhere.issuer) };
    assert_eq!(fault(set(other).await), ("client_secret", "required"), "it goes to nobody else");
    assert_eq!(fault(set(new("http://127.0.0.1:1")).await), ("issuer", "provider_unusable"));
    assert_eq!(fault(set(new(&format!("{}/", strange.issuer))).await), ("issuer", "provider_unusable"));
    for change in [
        |says: &mut Says| says.described["token_endpoint"] = json!("http://192.0.2.1/token"),
        |says: &mut Says| says.described["jwks_uri"] = json!("file:///etc/passwd"),
        |says: &mut Says| says.described["code_challenge_methods_supported"] = json!(["plain"]),
        |says: &mut Says| says.described = json!([]),
        |says: &mut Says| says.described = json!({ "padding": "x".repeat(300_000) }),
        |says: &mut Says| says.redirects = true,
    ] {
        let strange = Strange::start();
        change(&mut strange.says.lock().unwrap());
        assert_eq!(fault(set(new(&strange.issuer)).await), ("issuer", "provider_unusable"));
        assert_eq!(strange.says.lock().unwrap().asked.len(), 1, "it is not followed elsewhere");
    }
    let known = engine.sign_in_provider(&vendor.access()).await.unwrap().unwrap();
    assert!(matches!(
        engine
            .set_sign_in_provider(&vendor.access(), program(&vendor), keep(), Some(known.version - 1))
            .await,
        Err(Error::Changed { .. })
    ));
    let narrowed = NewProvider {
        domain: Some("acme.example".parse().unwrap()),
        client_secret: Some(ClientSecret::parse("an0ther").unwrap()),
        ..new(&strange.issuer)
    };
    let known = set(narrowed).await.unwrap().provider;
    let told = changes(&vendor, vendor.founded.organization.id.uuid()).await;
    let change = json!({"domain": {"from": null, "to": "acme.example"}, "client_secret": {}});
    assert_eq!(told.last(), Some(&change), "without the secret");
    engine.remove_sign_in_provider(&vendor.access(), program(&vendor), Some(known.version)).await.unwrap();
    assert!(matches!(
        engine.remove_sign_in_provider(&vendor.access(), program(&vendor), None).await,
        Err(Error::NotFound(_))
    ));
}

/// Kept for as long as the test runs, so that a closure may lend it.
fn vendor_access(vendor: &Vendor) -> &'static Access<permission::WriteOwners> {
    Box::leak(Box::new(vendor.access()))
}
