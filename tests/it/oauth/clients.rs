//! Registering clients.

use reqwest::StatusCode;
use serde_json::json;

use super::person::{Client, refusal, register, token};
use crate::browser::Browser;
use crate::harness::{Engine, Server, on_both_engines};

on_both_engines!(
    a_client_registers_without_a_secret,
    a_redirect_to_where_a_code_must_not_go_is_refused,
    a_registration_that_makes_no_sense_is_refused,
    a_flood_of_registrations_is_stopped_and_ebbs_away,
    a_metadata_document_is_not_fetched_from_inside,
    a_page_of_another_origin_does_not_register,
    a_client_that_is_forgotten_is_told_to_register_anew,
    a_client_that_is_used_is_never_forgotten,
    of_clients_that_nobody_uses_the_newest_are_kept,
);

async fn a_client_registers_without_a_secret(engine: Engine) {
    let server = Server::start(engine).await;
    let wanted = json!({
        "redirect_uris": ["http://localhost:1/cb", "cursor://anysphere.cursor-retrieval/oauth/cb"],
        "client_name": "Cursor", "token_endpoint_auth_method": "client_secret_post", "unknown": 1,
    });
    let registered = register(&server, wanted).await;
    assert_eq!(registered.status, StatusCode::CREATED);
    let body = registered.json();
    assert_eq!(body["token_endpoint_auth_method"], json!("none"));
    assert_eq!(body["client_secret"], json!(null));
    assert_eq!(body["redirect_uris"].as_array().map(Vec::len), Some(2));
}

async fn a_redirect_to_where_a_code_must_not_go_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    for uri in [
        "http://example.com/cb",
        "http://127.0.0.1.example.com/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://example.com/cb#fragment",
        "https://me:pw@example.com/cb",
        "file:///etc/passwd",
        "/callback",
        "",
        "https://example.com/\r\nSet-Cookie: a=b",
    ] {
        let refused = register(&server, json!({"redirect_uris": [uri]})).await;
        assert_eq!(refusal(&refused, 400), "invalid_redirect_uri", "{uri}");
    }
}

async fn a_registration_that_makes_no_sense_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    for body in [json!({}), json!([]), json!("x"), json!({"redirect_uris": "x"}), json!({"redirect_uris": [1]})] {
        let refused = register(&server, body.clone()).await;
        assert_eq!(refusal(&refused, 400), "invalid_client_metadata", "{body}");
    }
    let uri = "https://example.com/cb";
    let many = register(&server, json!({"redirect_uris": vec![uri; 21]})).await;
    assert_eq!(refusal(&many, 400), "invalid_redirect_uri");
    let long = register(&server, json!({"redirect_uris": [uri], "client_name": "x".repeat(201)})).await;
    assert_eq!(refusal(&long, 400), "invalid_client_metadata");
    let turned = register(&server, json!({"redirect_uris": [uri], "client_name": "evil\u{202e}gnp\u{0}"})).await;
    assert_eq!(turned.json()["client_name"], json!("evilgnp"));
    let huge = register(&server, json!({"redirect_uris": [uri], "software_statement": "x".repeat(70_000)})).await;
    assert_eq!(huge.status.as_u16(), 413);
}

async fn a_flood_of_registrations_is_stopped_and_ebbs_away(engine: Engine) {
    let server = Server::start(engine).await;
    let body = || json!({"redirect_uris": ["https://example.com/cb"]});
    for _ in 0..100 {
        assert_eq!(register(&server, body()).await.status, StatusCode::CREATED);
    }
    refusal(&register(&server, body()).await, 429);
    server.app.clock.advance_days(2);
    assert_eq!(register(&server, body()).await.status, StatusCode::CREATED);
}

async fn a_page_of_another_origin_does_not_register(engine: Engine) {
    let server = Server::start_with(engine, &[("allowed_origins", "https://chat.example")]).await;
    let from = async |origin: &str| {
        let body = json!({"redirect_uris": ["https://example.com/cb"]});
        let request = crate::harness::client().post(format!("{}/oauth/register", server.url));
        crate::harness::answer(request.header("origin", origin).json(&body)).await
    };
    for origin in ["https://evil.example", "null", "http://127.0.0.1"] {
        refusal(&from(origin).await, 403);
    }
    for origin in ["https://chat.example", server.url.as_str()] {
        assert_eq!(from(origin).await.status, StatusCode::CREATED);
    }
}

async fn a_client_that_is_forgotten_is_told_to_register_anew(engine: Engine) {
    let server = Server::start(engine).await;
    let client = Client::register(&server).await;
    assert_eq!(refusal(&client.refresh("cmpr_00").await, 400), "invalid_grant");
    server.app.clock.advance_days(31);
    Client::register(&server).await;
    assert_eq!(refusal(&client.refresh("cmpr_00").await, 401), "invalid_client");
}

async fn a_metadata_document_is_not_fetched_from_inside(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let mut browser = Browser::signed_in(&server, "ann").await;
    let client = Client::register(&server).await;
    let port = server.url.rsplit(':').next().expect("a port");
    for id in [
        format!("https://127.0.0.1:{port}/client.json"),
        format!("https://localhost:{port}/client.json"),
        format!("https://[::1]:{port}/client.json"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://2130706433/client.json".to_owned(),
        "https://10.0.0.1/client.json".to_owned(),
        "http://example.com/client.json".to_owned(),
        "https://example.com".to_owned(),
        "https://me@example.com/client.json".to_owned(),
        "https://example.com/a/../client.json".to_owned(),
    ] {
        let page = browser.get(&format!("/oauth/authorize?{}", client.query(&[("client_id", &id)]))).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{id}");
        assert!(page.header("location").is_none(), "{id}");
    }
}

async fn a_client_that_is_used_is_never_forgotten(engine: Engine) {
    let server = Server::start(engine).await;
    server.user("ann").await;
    let client = Client::register(&server).await;
    let code = Browser::signed_in(&server, "ann").await.allow(&client.query(&[])).await;
    let mut answer = client.exchange(&code, &[]).await;
    for _ in 0..3 {
        server.app.clock.advance_days(80);
        // Registering is what has others forgotten.
        Client::register(&server).await;
        answer = client.refresh(&token(&answer, "refresh_token")).await;
        answer.ok();
    }
    // Nor is one whose grant ended lately.
    client.post("/oauth/revoke", &[("token", &token(&answer, "refresh_token"))]).await;
    server.app.clock.advance_days(80);
    Client::register(&server).await;
    assert_eq!(refusal(&client.refresh("cmpr_00").await, 400), "invalid_grant");
    server.app.clock.advance_days(11);
    Client::register(&server).await;
    assert_eq!(refusal(&client.refresh("cmpr_00").await, 401), "invalid_client");
}

async fn of_clients_that_nobody_uses_the_newest_are_kept(engine: Engine) {
    let server = Server::start(engine).await;
    let first = Client::register(&server).await;
    let http = crate::harness::client();
    for number in 1..1_100 {
        // Past the limit of an hour.
        if number % 90 == 0 {
            server.app.clock.advance(3_700_000_000);
        }
        let body = json!({"redirect_uris": ["https://example.com/cb"]});
        let registered = http.post(format!("{}/oauth/register", server.url)).json(&body);
        assert_eq!(crate::harness::answer(registered).await.status, StatusCode::CREATED);
    }
    let last = Client::register(&server).await;
    assert_eq!(refusal(&first.refresh("cmpr_00").await, 401), "invalid_client");
    assert_eq!(refusal(&last.refresh("cmpr_00").await, 400), "invalid_grant");
}
