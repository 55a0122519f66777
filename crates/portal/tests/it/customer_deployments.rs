//! Hosts and deployments on the pages of a customer: every form, what its people may not, and what hostile text becomes.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::customer_people::{Person, join, scene};

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
        assert_eq!(send(&admin, &format!("{deployment}{path}"), values).await, deployment);
    }
    assert!(admin.get(&format!("{target}/release")).await.text.contains("What will happen"));
    assert_eq!(send(&admin, &format!("{target}/release"), &[]).await, target);

    let seen = vendor.get("/deployments?status=ended").await.1;
    assert!(seen.contains("Production") && !seen.contains("https://&lt;b&gt;"), "{seen}");
}
