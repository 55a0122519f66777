//! Hosts and deployments on the pages of a customer: every form, what its people may not, and what hostile text becomes.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::customer_people::{Person, join, scene};
use crate::posts::asks_first;

const COMPOSE: &str = "services:\n  app:\n    image: nginx:1\n    cap_add: [NET_ADMIN]\n    environment: [\"URL=${URL:?which}\"]\n";

/// The address that a form leads to, without what was done.
async fn send(person: &Person, path: &str, values: &[(&str, &str)]) -> String {
    let answer = person.send(path, values).await;
    assert_eq!(answer.status, 303, "{path}: {}", answer.text);
    answer.header("location").split('?').next().unwrap().to_owned()
}

#[database_test]
async fn every_form_of_a_customers_hosts_leads_on(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, customer, admin) = scene(&engine).await;
    let viewer = join(&vendor, &customer, "viewer@example.com", "viewer").await;
    let application =
        vendor.send("/applications/new", &[("name", "Server"), ("kind", "compose")]).await.unwrap();
    for name in ["1.0", "1.1"] {
        let version = [("name", name), ("compose", COMPOSE), ("notes", "")];
        vendor.send(&format!("{application}/new-version"), &version).await.unwrap();
    }
    let id = application.rsplit('/').next().unwrap();
    let grant = [("application", id), ("version-1.0", "true"), ("version-1.1", "true")];
    vendor.send(&format!("{customer}/grant-application"), &grant).await.unwrap();

    let hostile = "<script>alert(1)</script>";
    let target = send(&admin, "/portal/targets", &[("name", hostile), ("mode", "manage")]).await;
    let shown = admin.get(&target).await.text;
    assert!(shown.contains("kw_join_") && !shown.contains(hostile), "{shown}");
    assert!(!admin.get(&target).await.text.contains("kw_join_"), "a code is shown once");
    assert!(!viewer.get(&target).await.text.contains("Release target"));
    let other = send(&admin, &format!("{target}/code"), &[]).await;
    assert_eq!(other, target);
    assert!(admin.get(&target).await.text.contains("kw_join_"));
    send(&admin, &target, &[("name", "production")]).await;

    let target_id = target.rsplit('/').next().unwrap();
    let plan = admin.get("/portal/deploy/server/1.0").await.text;
    assert!(plan.contains("NET_ADMIN") && plan.contains("value-URL"), "{plan}");
    let refused = admin.send("/portal/deploy/server/1.0", &[("name", ""), ("target", target_id)]).await;
    assert_eq!(refused.status, 200, "a name is needed");
    let new = [("name", "Production"), ("target", target_id), ("value-URL", "https://<b>")];
    let deployment = send(&admin, "/portal/deploy/server/1.0", &new).await;
    for page in
        [&deployment, &format!("{deployment}/change?version=1.1"), "/portal/deployments", "/portal/deploy"]
    {
        let page = admin.get(page).await;
        assert!(page.status == 200 && !page.text.contains("https://<b>"), "{}", page.text);
    }
    let change = [("application_version", "1.1"), ("value-URL", "x")];
    for (path, values) in [
        ("/change", &change[..]),
        ("/run", &[]),
        ("/stop", &[]),
        ("/roll-back/1", &[]),
        ("/remove", &[("volumes", "true"), ("name", "Production")]),
    ] {
        let by_viewer = viewer.send(&format!("{deployment}{path}"), values).await;
        assert_eq!(by_viewer.status, 403, "{path}: {}", by_viewer.text);
        if !["/change", "/run"].contains(&path) {
            let question = format!("{deployment}{path}");
            asks_first(&admin.get(&question).await.text, &question);
            assert_eq!(viewer.get(&question).await.status, 403, "{path}");
        }
        assert_eq!(send(&admin, &format!("{deployment}{path}"), values).await, deployment);
    }
    // What cannot be done any more is said on the page that asked.
    for path in ["/run", "/stop", "/roll-back/1"] {
        let late = admin.send(&format!("{deployment}{path}"), &[]).await;
        assert_eq!(late.status, 200, "{path}: {}", late.text);
        let page = late.text.contains("Production") && late.text.contains("Nothing was done");
        assert!(page, "{path}: {}", late.text);
    }
    asks_first(&admin.get(&format!("{target}/release")).await.text, &format!("{target}/release"));
    assert_eq!(send(&admin, &format!("{target}/release"), &[]).await, target);
    for path in ["/release", "/code"] {
        let late = admin.send(&format!("{target}{path}"), &[]).await;
        assert!(late.status == 200 && late.text.contains("role=\"alert\""), "{path}: {}", late.text);
    }

    let seen = vendor.get("/deployments?status=ended").await.1;
    assert!(seen.contains("Production") && !seen.contains("https://&lt;b&gt;"), "{seen}");
}

#[database_test]
async fn people_are_warned_where_there_is_no_way_back(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, customer, admin) = scene(&engine).await;
    let application =
        vendor.send("/applications/new", &[("name", "Server"), ("kind", "compose")]).await.unwrap();
    let new = format!("{application}/new-version");
    let compose = ("compose", "services: {app: {image: \"nginx:1\"}}\n");
    vendor.send(&new, &[("name", "1.0"), compose]).await.unwrap();
    let slow = [("name", "2.0"), compose, ("health_seconds", "3601"), ("no_way_back", "true")];
    let refused = vendor.send(&new, &slow).await.unwrap_err();
    assert!(refused.contains("Seconds until it has to be healthy must be 1 to 3600"), "{refused}");
    let slow = [("name", "2.0"), compose, ("health_seconds", "90"), ("no_way_back", "true")];
    let made = vendor.send(&new, &slow).await.unwrap();
    let shown = vendor.get(&made).await.1;
    assert!(shown.contains("90 seconds") && shown.contains("no way back"), "{shown}");
    let id = application.rsplit('/').next().unwrap();
    vendor
        .send(&format!("{customer}/grant-application"), &[("application", id), ("all", "true")])
        .await
        .unwrap();

    let target = send(&admin, "/portal/targets", &[("name", "db1"), ("mode", "manage")]).await;
    let new = [("name", "Production"), ("target", target.rsplit('/').next().unwrap())];
    let deployment = send(&admin, "/portal/deploy/server/1.0", &new).await;
    let change =
        async |version: &str| admin.get(&format!("{deployment}/change?version={version}")).await.text;
    assert!(change("2.0").await.contains("There is no way back from this version"));
    assert!(change("1.0").await.contains("the agent brings back what is running now"));
    send(&admin, &format!("{deployment}/change"), &[("application_version", "2.0")]).await;
    let ask = admin.get(&format!("{deployment}/roll-back/1")).await.text;
    assert!(ask.contains("no way back from 2.0"), "{ask}");
}
