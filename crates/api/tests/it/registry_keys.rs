//! Registry keys that rotate by themselves, over HTTP.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::json;

use crate::client::{Ask, User};

#[database_test]
async fn a_schedule_is_set_changed_and_ended(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let registry =
        user.create("/api/v1/registries", r#"{"name":"R","upstream":"http://127.0.0.1:5000"}"#).await;
    let body =
        |rotation: &str| format!(r#"{{"name":"ci","registry_id":"{registry}","rotation":{rotation}}}"#);
    let refused = user.post("/api/v1/registry-keys", &body(r#"{"every_days":7,"overlap_days":7}"#)).await;
    assert_eq!(refused.faults(), [("/rotation/overlap_days".into(), "too_long".into())]);
    let refused = user.post("/api/v1/registry-keys", &body(r#"{"every_days":7}"#)).await;
    assert_eq!(refused.faults(), [("/rotation/overlap_days".into(), "required".into())]);
    let refused =
        user.post("/api/v1/registry-keys", &body(r#"{"every_days":"7","overlap_days":-1,"more":1}"#)).await;
    let wrong =
        ["/rotation/every_days", "/rotation/overlap_days"].map(|place| (place.into(), "wrong_type".into()));
    let [every, overlap] = wrong;
    assert_eq!(refused.faults(), [every, overlap, ("/rotation/more".into(), "unknown_field".into())]);
    assert!(
        refused.text.contains("must be a whole number") && !refused.text.contains("u32"),
        "{}",
        refused.text
    );
    for strange in ["[90,7]", "90", "true", r#""90""#] {
        let refused = user.post("/api/v1/registry-keys", &body(strange)).await;
        assert_eq!(refused.faults(), [("/rotation".into(), "wrong_type".into())], "{strange}");
        assert!(
            refused.text.contains("must be a JSON object") && !refused.text.contains("Schedule"),
            "{}",
            refused.text
        );
    }
    let refused = user.post("/api/v1/registry-keys", &body(r#"{"every_days":1,"overlap_days":1}"#)).await;
    assert!(refused.text.contains("must be 2 to 365"), "{}", refused.text);
    let ends = r#"{"every_days":90,"overlap_days":7},"expires_at":"2026-04-01T00:00:00Z""#;
    let refused = user.post("/api/v1/registry-keys", &body(ends)).await;
    assert_eq!(refused.problem(), (422, "validation_failed".into()));
    assert_eq!(refused.faults(), [("/rotation/every_days".into(), "never_rotates".into())]);
    let id = user.create("/api/v1/registry-keys", &body(r#"{"every_days":90,"overlap_days":7}"#)).await;
    let path = format!("/api/v1/registry-keys/{id}");
    let shown = user.get(&path).await.json();
    assert_eq!(shown["rotation"], json!({"every_days": 90, "overlap_days": 7}));
    assert_eq!(shown["rotates_at"], "2026-04-01T00:00:00Z");
    assert_eq!((&shown["collectable_until"], &shown["collected_at"]), (&json!(null), &json!(null)));

    assert_eq!(user.patch(&path, "{}").await.json(), shown);
    let changed = user.patch(&path, r#"{"rotation":{"every_days":30,"overlap_days":3}}"#).await.json();
    assert_eq!(changed["rotates_at"], "2026-01-31T00:00:00Z");
    clock.advance(30 * 24 * 60 * 60);
    assert!(matches!(engine.run_due_rotations().await.unwrap(), keyward_engine::jobs::ItemRun::Done(_)));
    assert_eq!(user.get(&path).await.json()["collectable_until"], "2026-02-03T00:00:00Z");

    let organization = user.vendor.founded.organization.id;
    let plan = |plan: &str| {
        let ask = Ask::new("POST", format!("/api/v1/organizations/{organization}/plan"));
        ask.token(&user.token).json(format!(r#"{{"plan":"{plan}"}}"#))
    };
    assert_eq!(user.api.ask(plan("pro")).await.status, 200);
    let refused = user.patch(&path, r#"{"rotation":{"every_days":60,"overlap_days":3}}"#).await;
    assert_eq!(refused.problem(), (403, "plan_required".into()));
    assert_eq!(
        (&refused.json()["plan"], &refused.json()["feature"]),
        (&json!("pro"), &json!("key_rotation"))
    );
    assert!(refused.text.contains("Upgrade to Enterprise."), "{}", refused.text);
    let refused = user.post("/api/v1/registry-keys", &body(r#"{"every_days":90,"overlap_days":7}"#)).await;
    assert_eq!(refused.problem(), (403, "plan_required".into()));
    assert_eq!(user.patch(&path, r#"{"rotation":null}"#).await.json()["rotation"], json!(null));
    let refused = user.get("/api/v1/audit-events").await;
    assert_eq!(
        (refused.problem(), &refused.json()["feature"]),
        ((403, "plan_required".into()), &json!("audit_log"))
    );
    assert_eq!(user.api.ask(plan("enterprise")).await.status, 200);
    assert!(
        user.get("/api/v1/audit-events").await.text.contains("registry_key.updated"),
        "written all the while"
    );

    let revealed = user.post(&format!("{path}/reveal"), "").await;
    assert!(revealed.json()["secret"].as_str().unwrap().starts_with("kw_reg_"));
    assert_eq!(revealed.json()["collectable_until"], json!(null));
    assert_eq!(user.post(&format!("{path}/reveal"), "").await.problem(), (409, "invalid_transition".into()));
}
