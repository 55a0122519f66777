//! Agents that are silent and deployments that fail are told once, and closed when that is over.

use keyward_domain::deployment::Mode;
use keyward_domain::{Alert, AlertStatus, AlertSubject, Finding, PageRequest, Timestamp};
use keyward_engine::{AgentCaller, AlertFilter, Engine};
use keyward_protocol::path;
use keyward_protocol::report::{
    DeploymentHealth, DeploymentReport, DeploymentState, Failure, Phase, Reports, Step, Transition,
};
use keyward_testkit::database::Store;
use keyward_testkit::deployment::{ADDRESS, Host, deploy, target};
use keyward_testkit::engine::{START, builder, engine};
use keyward_testkit::{TestClock, Vendor, database_test};

async fn told(vendor: &Vendor, status: AlertStatus) -> Vec<Alert> {
    vendor.engine.tell_of_deployments().await.unwrap();
    let filter = AlertFilter { status: Some(status), ..AlertFilter::default() };
    let page = PageRequest { limit: 50, after: None };
    vendor.engine.alerts(&vendor.access(), filter, page).await.unwrap().newest()
}

async fn caller(engine: &Engine, host: &Host, jti: &str) -> AgentCaller {
    let way = ("POST", path::REPORTS);
    let (_, jws) = host.sign(way, b"", engine.now().unix(), jti);
    let asking = engine.agent_asking(&jws).await.unwrap().unwrap();
    let caller = engine.recognise_agent(asking, way, b"", keyward_domain::Address::new(ADDRESS.into())).await;
    let caller = caller.unwrap().unwrap();
    engine.admit_agent(&caller).unwrap();
    caller
}

#[database_test]
async fn what_needs_eyes_is_told_and_closed(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Buyer").await;
    let person = vendor.admin_of(&customer).await;
    let compose = "services:\n  app:\n    image: r.example/acme/app:1.0\n";
    let application = vendor.application(&customer, "App", compose).await;
    let (id, code) = target(&engine, &person, "db1", Mode::Manage).await;
    let host = Host::join(&engine, &code, Mode::Manage, 1).await.unwrap();
    let deployment = deploy(&engine, &person, id, &application).await;
    let report = async |seq, phase: Phase, health: DeploymentHealth, jti: &str| {
        let state = DeploymentState {
            seq,
            revision: 1,
            running: Some(1),
            phase: phase.clone(),
            health: health.clone(),
            drift: Vec::new(),
        };
        let transitions = vec![Transition { seq, at: START, revision: 1, phase, health }];
        let report = DeploymentReport { deployment: deployment.id.uuid(), state, transitions };
        let reports = Reports { deployments: vec![report], ..Reports::default() };
        engine.take_reports(&caller(&engine, &host, jti).await, reports).await.unwrap();
    };
    clock.advance(599);
    assert_eq!(told(&vendor, AlertStatus::Open).await, []);
    clock.advance(1);
    let since = Timestamp::from_unix(START).unwrap();
    for _ in 0..2 {
        let open = told(&vendor, AlertStatus::Open).await;
        let [alert] = &*open else { panic!("{open:?}") };
        assert_eq!(alert.finding, Finding::TargetSilent { since });
        assert_eq!(alert.subject, AlertSubject::DeploymentTarget(id));
    }
    let failure = Failure { step: Step::Settle, message: "no".into(), tries: 1, services: Vec::new() };
    report(1, Phase::Failed { failure }, DeploymentHealth::Down, "a").await;
    assert!(engine.flush_log().await.error.is_none());
    let open = told(&vendor, AlertStatus::Open).await;
    assert_eq!(open[0].finding, Finding::DeploymentFailed { revision: 1 });
    assert_eq!(
        (open.len(), open[0].subject),
        (1, AlertSubject::Deployment(deployment.id)),
        "it was heard of"
    );
    let degraded = DeploymentHealth::Degraded { service: "app".into(), reason: "unhealthy".into() };
    report(2, Phase::Running, degraded, "b").await;
    assert_eq!(told(&vendor, AlertStatus::Open).await, [], "it has not failed any more");
    let mut mails = Vec::new();
    while let Some(mail) = engine.claim_mail().await.unwrap() {
        engine.mail_sent(&mail).await.unwrap();
        mails.extend(mail.subject.starts_with("Alert: ").then_some((mail.subject, mail.body)));
    }
    assert_eq!(mails.len(), 2, "each is mailed once: {mails:?}");
    for (of, subject, sentence, page) in [
        (
            0,
            "an agent is silent",
            "The agent on db1 of Buyer has not been heard of since",
            format!("/deployment-targets/{id}"),
        ),
        (
            1,
            "a deployment has failed",
            "The deployment App of Buyer failed at revision 1.",
            format!("/deployments/{}", deployment.id),
        ),
    ] {
        let (told, body) = &mails[of];
        assert!(told.ends_with(subject) && body.contains(sentence) && body.contains(&page), "{told}: {body}");
    }
    clock.advance(300);
    let open = told(&vendor, AlertStatus::Open).await;
    assert!(matches!(open[0].finding, Finding::DeploymentDegraded { .. }), "{open:?}");
    report(3, Phase::Running, DeploymentHealth::Healthy, "c").await;
    assert_eq!(told(&vendor, AlertStatus::Open).await, []);
    assert_eq!(told(&vendor, AlertStatus::Acknowledged).await.len(), 3);
}

#[database_test]
async fn who_could_not_be_heard_is_not_silent(store: Store) {
    let (before, _) = engine(store.clone());
    let vendor = Vendor::found(&before, "Acme").await;
    let person = vendor.admin_of(&vendor.customer("Buyer").await).await;
    for number in 1..=25 {
        let (_, code) = target(&before, &person, &format!("db{number}"), Mode::Manage).await;
        Host::join(&before, &code, Mode::Manage, number).await.unwrap();
    }
    // All servers were away for a day.
    let clock = TestClock::new();
    clock.advance(24 * 3_600);
    let after = builder("https://licenses.example", store, 9).clock(clock.clone()).assemble();
    assert_eq!(after.tell_of_deployments().await.unwrap(), (0, false));
    clock.advance(600);
    assert_eq!(after.tell_of_deployments().await.unwrap().0, 25);
    let mut mails = Vec::new();
    while let Some(mail) = after.claim_mail().await.unwrap() {
        after.mail_sent(&mail).await.unwrap();
        mails.extend(mail.subject.starts_with("Alert: ").then_some((mail.subject, mail.body)));
    }
    let [(subject, body)] = &*mails else { panic!("one mail of all: {mails:?}") };
    assert_eq!(subject, "Alert: 25 deployments and agents need attention");
    assert_eq!(body.matches("- The agent on db").count(), 20);
    assert!(body.contains("- and 5 more"), "{body}");
}
