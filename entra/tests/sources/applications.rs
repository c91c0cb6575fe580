//! Service principals and workload identities, at the login host.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use mssql_mcp_entra::{Credential, EntraOptions, SourceKind};
use serde_json::{Value, json};

use crate::lab::{Folder, WITHIN, Wire, answer, around, granted, principal, token};

const ENDPOINT: &str = "POST https://login.microsoftonline.com/t-1/oauth2/v2.0/token\n\
                        content-type: application/x-www-form-urlencoded\n\
                        accept: application/json\n";

fn secret() -> EntraOptions {
    EntraOptions { client_secret: "S3cr=t&!".into(), ..principal(SourceKind::ClientSecret) }
}

#[tokio::test]
async fn a_secret_goes_to_the_login_host() {
    let wire = Wire::new(vec![granted("app")]);
    let c = Credential::new(secret(), around(&[]), wire.clone()).expect("a credential");
    assert_eq!(token(&c).await.as_deref(), Ok("app"));
    let form = "client_id=c-1&client_secret=S3cr%3Dt%26%21&grant_type=client_credentials&\
                scope=https%3A%2F%2Fdatabase.windows.net%2F.default";
    assert_eq!(wire.asked(), [format!("{ENDPOINT}{form}")]);
}

#[tokio::test]
async fn the_environment_says_what_the_configuration_does_not() {
    let here = [
        ("AZURE_TENANT_ID", "t-1"),
        ("AZURE_CLIENT_ID", "c-1"),
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"),
    ];
    let o = EntraOptions { source: SourceKind::ClientSecret, ..EntraOptions::default() };
    let wire = Wire::new(vec![granted("app")]);
    let c = Credential::new(o.clone(), around(&here), wire.clone()).expect("a credential");
    assert!(token(&c).await.is_ok());
    assert!(wire.asked()[0].starts_with("POST https://login.microsoftonline.us/t-1/"));
    for missing in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"] {
        let rest: Vec<_> = here.iter().copied().filter(|(k, _)| *k != missing).collect();
        let c = Credential::new(o.clone(), around(&rest), wire.clone());
        assert!(c.is_err_and(|e| e.contains(missing)), "{missing}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_login_host_says_of_the_request_is_final() {
    let said = "AADSTS7000215: Invalid client secret S3cr=t&! provided. Trace ID: 1";
    let refusal = answer(401, &json!({ "error": "invalid_client", "error_description": said }));
    let wire = Wire::new(vec![refusal]);
    let c = Credential::new(secret(), around(&[]), wire.clone()).expect("a credential");
    let e = token(&c).await.expect_err("refused");
    assert!(
        e.contains("login.microsoftonline.com answered 401") && e.contains("not its id"),
        "{e}"
    );
    assert!(!e.contains("S3cr"), "{e}");
    assert_eq!(wire.asked().len(), 1);
    // And a moment later nobody is asked again.
    assert!(token(&c).await.is_err());
    assert_eq!(wire.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_login_host_says_when_to_come_again() {
    let busy = http::Response::builder()
        .status(429)
        .header("Retry-After", "7")
        .body(Default::default())
        .expect("an answer");
    let wire = Wire::new(vec![Ok(busy), granted("app")]);
    let c = Credential::new(secret(), around(&[]), wire.clone()).expect("a credential");
    let began = tokio::time::Instant::now();
    assert!(token(&c).await.is_ok());
    assert_eq!(began.elapsed().as_secs(), 7);
}

fn form(wire: &Wire) -> BTreeMap<String, String> {
    let requests = wire.requests();
    let body = requests.last().expect("a request").body().clone();
    form_urlencoded::parse(&body).map(|(k, v)| (k.into_owned(), v.into_owned())).collect()
}

#[tokio::test]
async fn a_certificate_signs_an_assertion() {
    let folder = Folder::new("certificate");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let made = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    let der = made.der().to_vec();
    let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der);
    let url = "https://login.microsoftonline.com/t-1/oauth2/v2.0/token";
    // Either may stand first.
    for pem in [
        made.pem() + &key.serialize_pem(),
        key.serialize_pem() + "\nBag Attributes\n" + &made.pem(),
    ] {
        let file = folder.file("c.pem", &pem).display().to_string();
        let o = EntraOptions { certificate_file: file, ..principal(SourceKind::ClientCertificate) };
        let wire = Wire::new(vec![granted("app")]);
        let c = Credential::new(o, around(&[]), wire.clone()).expect("a credential");
        assert_eq!(token(&c).await.as_deref(), Ok("app"));
        let form = form(&wire);
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        assert!(!form.contains_key("client_secret"));
        let jwt = &form["client_assertion"];
        let header = decode_header(jwt).expect("a header");
        assert_eq!(header.x5t_s256, Some(URL_SAFE_NO_PAD.encode(thumbprint)));
        let mut rules = Validation::new(Algorithm::PS256);
        rules.set_audience(&[url]);
        rules.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        let public = DecodingKey::from_rsa_der(key.public_key_raw());
        let claims = decode::<Value>(jwt, &public, &rules).expect("it is signed").claims;
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("c-1"), &json!("c-1")));
        let life = claims["exp"].as_u64().expect("exp") - claims["nbf"].as_u64().expect("nbf");
        assert_eq!(life, 300);
        assert!(claims["jti"].as_str().is_some_and(|id| id.len() > 15));
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_told() {
    let folder = Folder::new("no-key");
    let ec = rcgen::KeyPair::generate().expect("a key");
    let made = rcgen::CertificateParams::default().self_signed(&ec).expect("a certificate");
    for (pem, part) in [
        (made.pem(), "no RSA private key"),
        (made.pem() + &ec.serialize_pem(), "no RSA private key"),
        (ec.serialize_pem(), "no certificate"),
        ("\0\0pfx".to_owned(), "no certificate"),
    ] {
        let file = folder.file("c.pem", &pem).display().to_string();
        let o = EntraOptions { certificate_file: file, ..principal(SourceKind::ClientCertificate) };
        let c = Credential::new(o, around(&[]), Wire::new(vec![granted("app")])).expect("one");
        let e = token(&c).await.expect_err("no token");
        assert!(e.contains(part) && e.contains("openssl pkcs12"), "{e}");
    }
}

#[tokio::test]
async fn a_workload_brings_its_federated_token_and_reads_it_anew() {
    let folder = Folder::new("workload");
    let file = folder.file("token", "first\n");
    let name = file.display().to_string();
    let here = [
        ("AZURE_TENANT_ID", "t-1"),
        ("AZURE_CLIENT_ID", "c-1"),
        ("AZURE_FEDERATED_TOKEN_FILE", name.as_str()),
    ];
    let o = EntraOptions { source: SourceKind::WorkloadIdentity, ..EntraOptions::default() };
    let wire = Wire::new(vec![granted("pod")]);
    let c = Credential::new(o.clone(), around(&here), wire.clone()).expect("a credential");
    for assertion in ["first", "second"] {
        std::fs::write(&file, format!("{assertion}\n")).expect("written");
        let token = c.token(WITHIN).await.expect("a token");
        c.refused(&token, true);
        let body = format!(
            "client_id=c-1&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-\
             type%3Ajwt-bearer&client_assertion={assertion}&grant_type=client_credentials&\
             scope=https%3A%2F%2Fdatabase.windows.net%2F.default"
        );
        assert_eq!(wire.asked().last(), Some(&format!("{ENDPOINT}{body}")));
    }
    std::fs::remove_file(&file).expect("removed");
    let e = token(&c).await.expect_err("no token");
    assert!(e.contains("workload identity") && e.contains("AZURE_FEDERATED_TOKEN_FILE"), "{e}");
    let none = Credential::new(o, around(&[]), wire);
    assert!(none.is_err_and(|e| e.contains("azure.workload.identity/use")));
}

#[tokio::test]
async fn on_behalf_of_a_person_their_own_token_is_exchanged() {
    let o = EntraOptions { client_secret: "s".into(), ..principal(SourceKind::OnBehalfOf) };
    let wire = Wire::new(vec![granted("ada"), granted("bob"), granted("ada2")]);
    let all = Credential::new(o, around(&[]), wire.clone()).expect("a credential");
    let nobody = token(&all).await.expect_err("no token");
    assert!(nobody.contains("nobody has called"), "{nobody}");
    let of = |person: &str| all.on_behalf_of(Arc::from(person)).expect("a credential");
    let (ada, bob) = (of("ADA"), of("BOB"));
    assert_eq!(token(&ada).await.as_deref(), Ok("ada"));
    assert_eq!(token(&bob).await.as_deref(), Ok("bob"));
    let body = "client_id=c-1&client_secret=s&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type\
                %3Ajwt-bearer&assertion=ADA&requested_token_use=on_behalf_of&\
                scope=https%3A%2F%2Fdatabase.windows.net%2F.default";
    assert_eq!(wire.asked()[0], format!("{ENDPOINT}{body}"));
    assert!(wire.asked()[1].contains("assertion=BOB"));
    // A new token of the same person is what the next exchange brings.
    ada.renew_person(Arc::from("ADA-LATER"));
    let old = ada.token(WITHIN).await.expect("a token");
    ada.refused(&old, true);
    assert_eq!(token(&ada).await.as_deref(), Ok("ada2"));
    assert!(wire.asked()[2].contains("assertion=ADA-LATER"));
}

#[tokio::test]
async fn ids_that_would_leave_their_place_are_refused() {
    for bad in ["../x", "a/b", "a b", "a?x=1", "--help", "a;rm"] {
        let o = EntraOptions { tenant: bad.into(), ..secret() };
        let c = Credential::new(o, around(&[]), Wire::new(vec![granted("app")]));
        assert!(c.is_err_and(|e| e.contains("entra.tenant") && !e.contains(bad)), "{bad}");
    }
}
