//! Speaks to the application as the server composes it.

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, test, web};
use keyward_engine::Engine;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Status and code of a problem document, whose form is checked on the way.
    pub fn problem(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(json["type"], format!("/problems/{}", json["code"].as_str().unwrap()));
        (self.status.as_u16(), json["code"].as_str().unwrap().to_owned())
    }

    /// Pointer and code of each field at fault.
    pub fn faults(&self) -> Vec<(String, String)> {
        let text = |fault: &Value, name: &str| fault[name].as_str().unwrap_or_default().to_owned();
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|fault| (text(fault, "pointer") + &text(fault, "parameter"), text(fault, "code")))
            .collect()
    }
}

/// One request, to be sent.
#[derive(Clone)]
pub struct Ask {
    method: Method,
    path: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Self { method, path: path.into(), token: None, headers: Vec::new(), body: None }
    }

    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn json(self, body: impl AsRef<[u8]>) -> Self {
        self.raw(body).header("Content-Type", "application/json")
    }

    pub fn raw(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }
}

/// The application in memory.
pub struct Api {
    send: Box<dyn Fn(Ask) -> Sending>,
}

type Sending = std::pin::Pin<Box<dyn Future<Output = Answer>>>;

impl Api {
    pub async fn new(engine: &Arc<Engine>) -> Self {
        let loopback = keyward_web::TrustedProxies::new(vec!["127.0.0.1".parse().unwrap()]);
        let app = App::new()
            .app_data(web::Data::from(Arc::clone(engine)))
            .app_data(web::Data::new(keyward_web::Settings {
                https: true,
                trusted_proxies: loopback,
                ..Default::default()
            }))
            .wrap(from_fn(keyward_web::around))
            .configure(keyward_web::configure)
            .configure(keyward_api::configure);
        let app = std::rc::Rc::new(test::init_service(app).await);
        Self { send: Box::new(move |ask| Box::pin(send(app.clone(), ask))) }
    }

    pub async fn ask(&self, ask: Ask) -> Answer {
        (self.send)(ask).await
    }
}

async fn send<S, B>(app: std::rc::Rc<S>, ask: Ask) -> Answer
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: actix_web::body::MessageBody,
{
    let mut request = test::TestRequest::default().method(ask.method).uri(&ask.path);
    request = request.peer_addr(([127, 0, 0, 1], 40_000).into());
    if let Some(token) = ask.token {
        request = request.insert_header(("Authorization", format!("Bearer {token}")));
    }
    for (name, value) in ask.headers {
        request = request.append_header((name, value));
    }
    if let Some(body) = ask.body {
        request = request.set_payload(body);
    }
    let response = app.call(request.to_request()).await.unwrap_or_else(|error| panic!("{error}"));
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("the body ends early"));
    Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// A vendor who uses the API.
pub struct User {
    pub api: Api,
    pub token: String,
    pub vendor: keyward_testkit::Vendor,
}

impl User {
    pub async fn new(engine: &Arc<Engine>, name: &str) -> Self {
        let vendor = keyward_testkit::Vendor::found(engine, name).await;
        let token = vendor.founded.secret.expose().to_owned();
        Self { api: Api::new(engine).await, token, vendor }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.api.ask(Ask::new("GET", path).token(&self.token)).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.api.ask(Ask::new("POST", path).token(&self.token).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &str) -> Answer {
        self.api.ask(Ask::new("PATCH", path).token(&self.token).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.api.ask(Ask::new("DELETE", path).token(&self.token)).await
    }

    /// Creates a thing and gives its id.
    pub async fn create(&self, path: &str, body: &str) -> String {
        let made = self.post(path, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["id"].as_str().unwrap().to_owned()
    }
}
