//! How a client finds its way.

use reqwest::{Method, header};
use serde_json::json;

use crate::harness::{Engine, Server, answer, client, on_both_engines};

on_both_engines!(a_client_without_a_token_is_led_to_the_authorization_server, metadata_names_what_is_there);

async fn a_client_without_a_token_is_led_to_the_authorization_server(engine: Engine) {
    let server = Server::start(engine).await;
    let base = &server.url;
    let metadata = format!("{base}/.well-known/oauth-protected-resource/api/mcp/mcp");
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let asked = client().request(method.clone(), format!("{base}/api/mcp/mcp"));
        let refused = answer(asked).await;
        refused.error(401);
        let plain = format!("Bearer resource_metadata=\"{metadata}\", scope=\"read write\"");
        assert_eq!(refused.header("www-authenticate"), Some(plain.as_str()));
        let wrong = client().request(method, format!("{base}/api/mcp/mcp")).bearer_auth("cmpa_00");
        let told = format!("{plain}, error=\"invalid_token\"");
        assert_eq!(answer(wrong).await.header("www-authenticate"), Some(told.as_str()));
    }
    let resource = answer(client().get(metadata)).await.ok();
    assert_eq!(resource["resource"], json!(format!("{base}/api/mcp/mcp")));
    assert_eq!(resource["authorization_servers"], json!([base]));
    let whole = answer(client().get(format!("{base}/.well-known/oauth-protected-resource"))).await.ok();
    assert_eq!(whole["resource"], json!(base));
}

async fn metadata_names_what_is_there(engine: Engine) {
    let server = Server::start(engine).await;
    for path in ["oauth-authorization-server", "openid-configuration"] {
        let asked = client().get(format!("{}/.well-known/{path}", server.url));
        let port = server.url.rsplit(':').next().expect("a port");
        let by_name = asked.try_clone().expect("no body").header(header::HOST, format!("localhost:{port}"));
        assert_eq!(answer(by_name).await.ok()["issuer"], json!(format!("http://localhost:{port}")));
        let metadata = answer(asked).await.ok();
        assert_eq!(metadata["issuer"], json!(server.url));
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], json!(true));
        assert_eq!(metadata["client_id_metadata_document_supported"], json!(true));
        for endpoint in ["token_endpoint", "registration_endpoint", "revocation_endpoint"] {
            let url = metadata[endpoint].as_str().expect("a URL");
            let there = answer(client().post(url)).await;
            assert_ne!(there.status.as_u16(), 404, "{endpoint}");
        }
    }
}
