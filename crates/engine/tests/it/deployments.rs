//! What a customer's admins order for its hosts, and who may not.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use keyward_domain::application::Rollout;
use keyward_domain::deployment::{Cause, Mode, Order, TargetStatus, Values, Volumes};
use keyward_domain::{
    Action, AuditFilter, CustomerRole, Deployment, DeploymentStatus, DeploymentTargetId, PageRequest,
};
use keyward_engine::{
    CustomerSession, CustomerUserChange, DeploymentChange, DeploymentFilter, Engine, Error, NewDeployment,
    NewDeploymentTarget,
};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::deployment::{deploy, target};
use keyward_testkit::engine::engine;

const COMPOSE: &str =
    "services:\n  app:\n    image: registry.example.com/acme/app:1\n    environment:\n      URL: ${URL}\n";

const ALL: PageRequest = PageRequest { limit: PageRequest::MOST, after: None };

fn values(url: &str) -> Values {
    Values::new([("URL".to_owned(), url.to_owned())].into()).unwrap()
}

fn to(version: Option<&str>, url: Option<&str>) -> DeploymentChange {
    DeploymentChange { version: version.map(|name| name.parse().unwrap()), values: url.map(values) }
}

async fn latest(
    engine: &Engine,
    person: &CustomerSession,
    deployment: &Deployment,
) -> (u32, Cause, String, String) {
    let view = engine.own_deployment(person, deployment.id).await.unwrap();
    let latest = &view.row.latest;
    (latest.number, latest.cause, view.row.version.clone(), latest.values.get("URL").unwrap_or("").to_owned())
}

async fn done(vendor: &Vendor, noun: &str) -> Vec<Action> {
    let events = vendor.engine.audit_events(&vendor.access(), &AuditFilter::default(), ALL).await.unwrap();
    let of_noun = |action: &Action| action.noun() == noun;
    let mut done: Vec<_> = events.into_parts().0.iter().map(|event| event.action).filter(of_noun).collect();
    done.reverse();
    done
}

#[database_test]
async fn revisions_are_added_and_brought_back(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let person = vendor.admin_of(&customer).await;
    let application = vendor.application(&customer, "Server", COMPOSE).await;
    vendor.version(&application, "1.1", COMPOSE).await;
    let (host, _) = target(&engine, &person, "db1", Mode::Manage).await;
    let first = deploy(&engine, &person, host, &application).await;
    assert_eq!((first.status(), first.order, first.revision), (DeploymentStatus::Pending, Order::Run, 1));

    let change = |change, expected| engine.revise_own_deployment(&person, first.id, change, expected);
    let configured = change(to(None, Some("https://a")), Some(first.version)).await.unwrap();
    assert_eq!(
        latest(&engine, &person, &first).await,
        (2, Cause::Configure, "1.0".into(), "https://a".into())
    );
    let same = change(to(Some("1.0"), Some("https://a")), None).await.unwrap();
    assert_eq!(same.revision, configured.revision, "what is as it was is no revision");
    assert!(matches!(change(to(Some("1.1"), None), Some(first.version)).await, Err(Error::Changed { .. })));
    change(to(Some("1.1"), Some("https://b")), Some(configured.version)).await.unwrap();
    assert_eq!(latest(&engine, &person, &first).await, (3, Cause::Update, "1.1".into(), "https://b".into()));
    let unknown = change(to(Some("9.9"), None), None).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");

    let back = engine.roll_back_own_deployment(&person, first.id, 1).await.unwrap();
    assert_eq!(back.revision, 4);
    assert_eq!(
        latest(&engine, &person, &first).await,
        (4, Cause::Rollback { of: 1 }, "1.0".into(), String::new())
    );
    let ahead = engine.roll_back_own_deployment(&person, first.id, 4).await;
    assert!(matches!(ahead, Err(Error::Invalid(_))), "{ahead:?}");

    let revisions = engine.own_deployment(&person, first.id).await.unwrap().revisions;
    assert_eq!(revisions.iter().map(|row| row.revision.number).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert!(revisions.iter().all(|row| row.by.is_some()), "an admin by name");
    use Action::{DeploymentCreated, DeploymentRevised};
    let wanted = [DeploymentCreated, DeploymentRevised, DeploymentRevised, DeploymentRevised];
    assert_eq!(done(&vendor, "deployment").await, wanted);
}

#[database_test]
async fn who_goes_back_is_told_from_where_there_is_no_way_back(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let person = vendor.admin_of(&customer).await;
    let application = vendor.application(&customer, "Server", COMPOSE).await;
    let one_way = Rollout { no_way_back: true, ..Rollout::default() };
    vendor.version_with(&application, "2.0", COMPOSE, one_way).await;
    vendor.version(&application, "2.1", COMPOSE).await;
    let (host, _) = target(&engine, &person, "db1", Mode::Manage).await;
    let first = deploy(&engine, &person, host, &application).await;
    for version in ["2.0", "2.1", "2.0"] {
        engine.revise_own_deployment(&person, first.id, to(Some(version), None), None).await.unwrap();
    }
    let barred = async |number| engine.own_revision(&person, first.id, number).await.unwrap().barred;
    assert_eq!(barred(1).await, ["2.0"], "once, however often it was deployed");
    assert_eq!(barred(3).await, ["2.0"]);
    assert_eq!(barred(4).await, [""; 0]);
    // A person may have brought the data back.
    let back = engine.roll_back_own_deployment(&person, first.id, 1).await.unwrap();
    assert_eq!(back.revision, 5);
}

#[database_test]
async fn many_at_once_make_one_revision_each(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let person = vendor.admin_of(&customer).await;
    let application = vendor.application(&customer, "Server", COMPOSE).await;
    let (host, _) = target(&engine, &person, "db1", Mode::Manage).await;
    let first = deploy(&engine, &person, host, &application).await;
    let change =
        |n: u32| engine.revise_own_deployment(&person, first.id, to(None, Some(&n.to_string())), None);
    let texts: Vec<_> = (0..12).collect();
    let made = join_all(texts.into_iter().map(change)).await;
    let numbers: BTreeSet<_> = made.into_iter().map(|made| made.unwrap().revision).collect();
    assert_eq!(numbers, (2..=13).collect());
}

#[database_test]
async fn an_order_is_for_what_is_there(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let person = vendor.admin_of(&customer).await;
    let application = vendor.application(&customer, "Server", COMPOSE).await;
    let (host, _) = target(&engine, &person, "db1", Mode::Manage).await;
    let again = NewDeploymentTarget { name: "db1".parse().unwrap(), mode: Mode::Manage };
    let again = engine.create_own_deployment_target(&person, again).await;
    assert!(matches!(again, Err(Error::Taken { field: "name", .. })));
    let first = deploy(&engine, &person, host, &application).await;
    let new = |target: DeploymentTargetId| NewDeployment {
        target,
        name: first.name.clone(),
        application: application.slug.clone(),
        version: "1.0".parse().unwrap(),
        values: Values::default(),
    };
    assert!(matches!(engine.deploy(&person, new(host)).await, Err(Error::Taken { field: "name", .. })));
    let (witness, _) = target(&engine, &person, "db2", Mode::Witness).await;
    assert!(matches!(engine.deploy(&person, new(witness)).await, Err(Error::Invalid(_))), "it only looks");

    let stopped = engine.stop_own_deployment(&person, first.id).await.unwrap();
    assert_eq!(stopped.order, Order::Stop);
    let run = engine.run_own_deployment(&person, first.id).await.unwrap();
    assert_eq!((run.order, run.attempt, run.revision), (Order::Run, 2, 1));
    let mistyped = engine.remove_own_deployment(&person, first.id, Volumes::Delete, "Srever").await;
    assert!(matches!(mistyped, Err(Error::Invalid(_))), "data goes only by its name");
    let removed = engine.remove_own_deployment(&person, first.id, Volumes::Keep, "").await.unwrap();
    assert_eq!(removed.order, Order::Remove { volumes: Volumes::Keep });
    assert!(matches!(engine.run_own_deployment(&person, first.id).await, Err(Error::Transition(_))));
    let name = first.name.to_string();
    assert!(engine.remove_own_deployment(&person, first.id, Volumes::Delete, &name).await.is_ok());

    let released = engine.release_own_deployment_target(&person, host).await.unwrap();
    assert_eq!(released.status(engine.now()), TargetStatus::Released);
    let ended = engine.own_deployment(&person, first.id).await.unwrap().row.deployment;
    assert_eq!(ended.status(), DeploymentStatus::Ended);
    assert!(matches!(engine.deploy(&person, new(host)).await, Err(Error::Transition(_))));
    assert!(matches!(engine.create_own_join_code(&person, host).await, Err(Error::Transition(_))));
    assert!(matches!(engine.release_own_deployment_target(&person, host).await, Err(Error::Transition(_))));
}

#[database_test]
async fn only_admins_order_and_only_for_their_own_hosts(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let (customer, other) = (vendor.customer("Example").await, vendor.customer("Other").await);
    let person = vendor.admin_of(&customer).await;
    let application = vendor.application(&customer, "Server", COMPOSE).await;
    let (host, _) = target(&engine, &person, "db1", Mode::Manage).await;
    let first = deploy(&engine, &person, host, &application).await;

    let stranger = vendor.admin_of(&other).await;
    let rival = Vendor::found(&engine, "Rival").await;
    let theirs = rival.customer("Theirs").await;
    for stranger in [stranger, rival.admin_of(&theirs).await] {
        let by = &stranger;
        assert!(matches!(engine.own_deployment_target(by, host).await, Err(Error::NotFound(_))));
        assert!(matches!(engine.own_deployment(by, first.id).await, Err(Error::NotFound(_))));
        assert!(matches!(engine.own_revision(by, first.id, 1).await, Err(Error::NotFound(_))));
        assert!(matches!(engine.create_own_join_code(by, host).await, Err(Error::NotFound(_))));
        assert!(matches!(engine.release_own_deployment_target(by, host).await, Err(Error::NotFound(_))));
        let name = "mine".parse().unwrap();
        assert!(matches!(engine.rename_own_deployment_target(by, host, name).await, Err(Error::NotFound(_))));
        let change = engine.revise_own_deployment(by, first.id, to(None, Some("x")), None).await;
        assert!(matches!(change, Err(Error::NotFound(_))));
        assert!(matches!(engine.roll_back_own_deployment(by, first.id, 1).await, Err(Error::NotFound(_))));
        assert!(matches!(engine.run_own_deployment(by, first.id).await, Err(Error::NotFound(_))));
        assert!(matches!(engine.stop_own_deployment(by, first.id).await, Err(Error::NotFound(_))));
        let remove = engine.remove_own_deployment(by, first.id, Volumes::Keep, "").await;
        assert!(matches!(remove, Err(Error::NotFound(_))));
        assert!(engine.own_deployments(by, ALL).await.unwrap().into_parts().0.is_empty());
        assert!(engine.own_deployment_targets(by, ALL).await.unwrap().into_parts().0.is_empty());
    }
    let seen = engine.deployments(&rival.access(), &DeploymentFilter::default(), ALL).await.unwrap();
    assert!(seen.into_parts().0.is_empty());
    assert!(matches!(engine.deployment(&rival.access(), first.id).await, Err(Error::NotFound(_))));
    assert!(matches!(engine.deployment_target(&rival.access(), host).await, Err(Error::NotFound(_))));

    // A role that is lowered counts at the very next order.
    let lowered = CustomerUserChange { role: Some(CustomerRole::Viewer), ..CustomerUserChange::default() };
    let of = person.user.reference();
    engine.update_customer_user(&vendor.access(), of, lowered, None).await.unwrap();
    assert!(matches!(engine.stop_own_deployment(&person, first.id).await, Err(Error::AdminsOnly)));
    assert!(matches!(engine.create_own_join_code(&person, host).await, Err(Error::AdminsOnly)));
    assert!(engine.own_deployment(&person, first.id).await.is_ok(), "a viewer looks");
}

#[database_test]
async fn what_is_gone_takes_nothing_of_a_host_along(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let person = vendor.admin_of(&customer).await;
    let application = vendor.application(&customer, "Server", COMPOSE).await;
    let (host, _) = target(&engine, &person, "db1", Mode::Manage).await;
    let first = deploy(&engine, &person, host, &application).await;
    let used = engine.delete_application(&vendor.access(), application.id, None).await;
    assert!(matches!(used, Err(Error::InUse(_))), "{used:?}");

    engine.delete_customer(&vendor.access(), customer.id, None).await.unwrap();
    let released = engine.deployment_target(&vendor.access(), host).await.unwrap();
    assert_eq!(released.target.status(engine.now()), TargetStatus::Released);
    let ended = engine.deployment(&vendor.access(), first.id).await.unwrap().row.deployment;
    assert_eq!((ended.status(), ended.order), (DeploymentStatus::Ended, Order::Run), "nothing was ordered");
    engine.delete_application(&vendor.access(), application.id, None).await.unwrap();
    assert!(matches!(engine.deployment(&vendor.access(), first.id).await, Err(Error::NotFound(_))));
}

#[database_test]
async fn a_version_says_what_it_does_to_a_host(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let customer = vendor.customer("Example").await;
    let person = vendor.admin_of(&customer).await;
    let compose = "services:\n  app:\n    image: nginx:1\n    ports: [\"80:80\"]\n    cap_add: [NET_ADMIN]\n    environment:\n      \
                   KEY: '{{ .LicenseKeys.server }}'\n      URL: ${URL:?the address}\n  db:\n    build: .\n";
    let application = vendor.application(&customer, "Server", compose).await;
    let plan = engine.version_plan(&person, &application.slug, &"1.0".parse().unwrap()).await.unwrap();
    assert_eq!(plan.services.iter().map(|service| &*service.name).collect::<Vec<_>>(), ["app", "db"]);
    let needs: Vec<_> = plan.needs.iter().map(ToString::to_string).collect();
    assert_eq!(needs, ["cap:NET_ADMIN", "port:80"]);
    assert!(plan.refusals.iter().any(|refusal| refusal.path.contains("build")), "{:?}", plan.refusals);
    assert!(plan.variables[0].name == "URL" && plan.variables[0].required);
    assert_eq!(plan.licenses, [("server".to_owned(), Some("no license is called so".to_owned()))]);

    // As long as the customer enters nothing else, it does what the defaults say.
    let compose =
        "services:\n  app:\n    image: nginx:${TAG:-1}\n    ports: [\"127.0.0.1:${PORT:-8000}:80\"]\n";
    vendor.version(&application, "1.1", compose).await;
    let plan = engine.version_plan(&person, &application.slug, &"1.1".parse().unwrap()).await.unwrap();
    assert_eq!((&*plan.services[0].image, &*plan.needs), ("nginx:1", &[][..]));
    assert_eq!(plan.services[0].ports, ["127.0.0.1:8000 → 80/tcp"]);
}
