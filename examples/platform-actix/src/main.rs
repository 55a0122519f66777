//! A shop on actix with orders of its own: `example-platform-actix FOLDER ADDRESS`. Each order comes with a license, and either
//! both are there or neither. `FOLDER` holds the file `master.key`, made by `openssl rand -base64 32`.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, get, post};
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::{LicenseFilter, PageRequest};
use keyward_engine::jobs::{Mails, Undelivered};
use keyward_engine::{
    Background, Engine, Error as EngineError, Issuer, Mail, NewLicense, NewOrganization, Terms,
};
use keyward_storage::{Store, sqlite_url};
use keyward_web::{Caller, Code, Problem};
use serde::Deserialize;
use serde_json::json;
use sqlx::SqlitePool;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(address)) = (args.next().map(PathBuf::from), args.next()) else {
        return Err("example-platform-actix FOLDER ADDRESS".into());
    };
    let listener = std::net::TcpListener::bind(address)?;
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
    let (engine, orders) = (Data::from(engine), Data::new(orders));
    let routes =
        move || App::new().app_data(engine.clone()).app_data(orders.clone()).service(order).service(list);
    // It ends when it is told to by SIGTERM or SIGINT, after the last request.
    HttpServer::new(routes).workers(2).shutdown_timeout(5).listen(listener)?.run().await?;
    background.stop().await;
    Ok(())
}

#[derive(Deserialize)]
struct NewOrder {
    number: i64,
    license: String,
}

#[post("/orders")]
async fn order(
    access: Caller<WriteLicenses>,
    engine: Data<Engine>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let NewOrder { number, license } = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Code::InvalidRequest).detail(error.to_string()))?;
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
        engine.create_license(&access, new, None),
    );
    let made = made.await.map_err(|error| match error {
        EngineError::OwnRows(why) => Problem::new(Code::AlreadyExists).detail(why.to_string()),
        error => error.into(),
    });
    let license = made?.value;
    Ok(HttpResponse::Created().json(json!({ "number": number, "license": license.id })))
}

#[get("/orders")]
async fn list(
    access: Caller<ReadLicenses>,
    engine: Data<Engine>,
    orders: Data<SqlitePool>,
) -> Result<HttpResponse, Problem> {
    let page = PageRequest::default();
    let licenses = engine.licenses(&access, &LicenseFilter::default(), page).await?.newest();
    let orders: Vec<(i64, String)> = sqlx::query_as("SELECT number, license FROM orders ORDER BY number")
        .fetch_all(orders.get_ref())
        .await
        .map_err(|_| Problem::new(Code::ServiceUnavailable))?;
    let names: Vec<_> = licenses.iter().map(|license| license.name.as_str()).collect();
    Ok(HttpResponse::Ok().json(json!({ "orders": orders, "licenses": names })))
}
