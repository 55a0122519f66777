//! A shop on axum with orders of its own: `example-platform-axum FOLDER ADDRESS`. Each order comes with a license, and either
//! both are there or neither. `FOLDER` holds the file `master.key`, made by `openssl rand -base64 32`.

mod handler;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::{LicenseFilter, PageRequest};
use keyward_engine::jobs::{Mails, Undelivered};
use keyward_engine::{
    Background, Engine, Error as EngineError, Issuer, Mail, NewLicense, NewOrganization, Terms,
};
use keyward_problem::{Code, Problem};
use keyward_storage::{Store, sqlite_url};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::SqlitePool;

use crate::handler::{Caller, Refusal};

struct Shop {
    engine: Arc<Engine>,
    orders: SqlitePool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(address)) = (args.next().map(PathBuf::from), args.next()) else {
        return Err("example-platform-axum FOLDER ADDRESS".into());
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let database = sqlite_url(folder.join("shop.db").to_str().ok_or("the folder's name is not UTF-8")?);
    let store = Store::connect(&database).await?;
    let is_new = !Engine::prepare(&store).await?;
    let master_key = std::fs::read_to_string(folder.join("master.key"))?.parse()?;
    let engine = Engine::builder(store, master_key, Issuer::parse(&url)?).build().await?;
    let engine = Arc::new(engine);
    // The shop's own tables, in the same database.
    let orders = SqlitePool::connect(&database).await?;
    let table = "CREATE TABLE IF NOT EXISTS orders (number BIGINT PRIMARY KEY, license TEXT NOT NULL)";
    sqlx::query(table).execute(&orders).await?;
    let mut token = None;
    if is_new {
        let (name, owner_email) = ("Shop".parse()?, "owner@shop.example".parse()?);
        let shop = NewOrganization { name, owner_email, owner_name: None, slug: None };
        token = Some(engine.bootstrap(shop, true).await?.secret.expose().to_owned());
    }
    let background = Background::start(Arc::clone(&engine), move |background| {
        background.job(Mails::new(async move |mail: &Mail| {
            // A real shop hands it to a mail server.
            let file = folder.join(format!("{}.txt", mail.id));
            std::fs::write(file, &mail.body).map_err(|error| Undelivered::for_now(error.to_string()))
        }))
    })?;
    writeln!(std::io::stdout(), "{}", json!({ "url": url, "token": token }))?;
    let routes = Router::new().route("/orders", get(list).post(order));
    let routes = routes.with_state(Arc::new(Shop { engine, orders }));
    axum::serve(listener, routes).with_graceful_shutdown(told_to_stop()).await?;
    background.stop().await;
    Ok(())
}

async fn told_to_stop() {
    #[cfg(unix)]
    if let Ok(mut told) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        told.recv().await;
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

#[derive(Deserialize)]
struct NewOrder {
    number: i64,
    license: String,
}

async fn order(
    State(shop): State<Arc<Shop>>,
    Caller(access): Caller<WriteLicenses>,
    Json(NewOrder { number, license }): Json<NewOrder>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let name = license.parse().map_err(|invalid| EngineError::field("license", invalid))?;
    let terms = Terms::Payload(Default::default());
    let new = NewLicense {
        name,
        description: None,
        customer: None,
        terms,
        not_before: None,
        ends: Default::default(),
    };
    // What changes something stays on one thread, which a handler of axum does not.
    let made = shop.engine.carry_out(async move |engine| {
        let license = engine.create_license(&access, new, None);
        let made = engine.with_own_rows(
            move |rows, events| {
                Box::pin(async move {
                    let license = events.last().and_then(|event| event.target).ok_or("no license")?;
                    let insert = "INSERT INTO orders VALUES ($1, $2) ON CONFLICT DO NOTHING";
                    match rows.execute(insert, &[number.into(), license.to_string().into()]).await? {
                        0 => Err("there is such an order".into()),
                        _ => Ok(()),
                    }
                })
            },
            license,
        );
        made.await
    });
    let made = made.await.map_err(|error| match error {
        EngineError::OwnRows(why) => Problem::new(Code::AlreadyExists).detail(why.to_string()),
        error => error.into(),
    });
    let license = made?.value;
    Ok((StatusCode::CREATED, Json(json!({ "number": number, "license": license.id }))))
}

async fn list(State(shop): State<Arc<Shop>>, caller: Caller<ReadLicenses>) -> Result<Json<Value>, Refusal> {
    let page = PageRequest::default();
    let licenses = shop.engine.licenses(&caller.0, &LicenseFilter::default(), page).await?.newest();
    let orders: Vec<(i64, String)> = sqlx::query_as("SELECT number, license FROM orders ORDER BY number")
        .fetch_all(&shop.orders)
        .await
        .map_err(|_| Problem::new(Code::ServiceUnavailable))?;
    let names: Vec<_> = licenses.iter().map(|license| license.name.as_str()).collect();
    Ok(Json(json!({ "orders": orders, "licenses": names })))
}
