//! Managed identities.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use mssql_mcp_entra::{Credential, EntraOptions, SourceKind, Surroundings};
use serde_json::json;

use crate::lab::{Folder, Wire, answer, around, jwt, managed, now, options, token};

const IMDS: &str = "GET http://169.254.169.254/metadata/identity/oauth2/token?\
                    api-version=2018-02-01&resource=https%3A%2F%2Fdatabase.windows.net";

fn of(o: EntraOptions, around: Surroundings, wire: &std::sync::Arc<Wire>) -> Credential {
    Credential::new(o, around, wire.clone()).expect("a credential")
}

fn machine() -> EntraOptions {
    options(SourceKind::ManagedIdentity)
}

#[tokio::test]
async fn the_instance_metadata_is_asked_for_each_kind_of_identity() {
    let chosen = |f: fn(&mut EntraOptions)| {
        let mut o = machine();
        f(&mut o);
        o
    };
    for (o, parameter) in [
        (machine(), ""),
        (chosen(|o| o.client_id = "c-1".into()), "&client_id=c-1"),
        (chosen(|o| o.object_id = "o-1".into()), "&object_id=o-1"),
        (chosen(|o| o.resource_id = "/subscriptions/s".into()), "&msi_res_id=%2Fsubscriptions%2Fs"),
    ] {
        let wire = Wire::new(vec![managed("vm")]);
        assert_eq!(token(&of(o, around(&[]), &wire)).await.as_deref(), Ok("vm"));
        assert_eq!(wire.asked(), [format!("{IMDS}{parameter}\nmetadata: true\n")]);
    }
    let two = chosen(|o| (o.client_id, o.object_id) = ("c".into(), "o".into()));
    let wrong = Credential::new(two, around(&[]), Wire::new(vec![managed("vm")]));
    assert!(wrong.is_err_and(|e| e.contains("keep one")));
}

#[tokio::test]
async fn other_clouds_have_another_resource() {
    let o = EntraOptions { server: "x.database.usgovcloudapi.net".into(), ..machine() };
    let wire = Wire::new(vec![managed("vm")]);
    assert!(token(&of(o, around(&[]), &wire)).await.is_ok());
    assert!(wire.asked()[0].contains("resource=https%3A%2F%2Fdatabase.usgovcloudapi.net\n"));
}

#[tokio::test(start_paused = true)]
async fn the_instance_metadata_is_asked_again_while_it_is_updated() {
    for status in [404, 410, 429, 500, 503] {
        let busy = || answer(status, &json!({}));
        let wire = Wire::new(vec![busy(), busy(), managed("vm")]);
        let c = of(machine(), around(&[]), &wire);
        assert_eq!(token(&c).await.as_deref(), Ok("vm"), "{status}");
        assert_eq!(wire.asked().len(), 3, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_wrong_is_told_within_the_time() {
    for (status, body, part) in [
        (410, json!({}), "169.254.169.254 answered 410"),
        (
            400,
            json!({ "error": "invalid_request", "error_description": "Identity not found" }),
            "entra.client_id",
        ),
        (500, json!({}), "answered 500"),
    ] {
        let wire = Wire::new(vec![answer(status, &body)]);
        let began = tokio::time::Instant::now();
        let e = token(&of(machine(), around(&[]), &wire)).await.expect_err("no token");
        assert!(e.contains("instance metadata") && e.contains(part), "{e}");
        assert!(began.elapsed() < crate::lab::WITHIN, "{:?}", began.elapsed());
        assert_eq!(wire.asked().len() == 1, status == 400, "what the request is wrong in is final");
    }
    let nobody = Wire::new(vec![Err("its host does not answer".into())]);
    let e = token(&of(machine(), around(&[]), &nobody)).await.expect_err("no token");
    assert!(e.contains("169.254.169.254: its host does not answer"), "{e}");
    assert!(e.contains("a machine in Azure"), "{e}");
    let slow = Wire::slow(managed("vm"), Duration::from_secs(100));
    let e = token(&of(machine(), around(&[]), &slow)).await.expect_err("no token");
    assert!(e.contains("169.254.169.254: it took too long"), "{e}");
}

#[tokio::test]
async fn app_service_is_asked_with_its_header() {
    let here = [("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi/token"), ("IDENTITY_HEADER", "H-1")];
    let mut o = machine();
    o.resource_id = "/r".into();
    let wire = Wire::new(vec![managed("app")]);
    assert_eq!(token(&of(o, around(&here), &wire)).await.as_deref(), Ok("app"));
    let wanted = "GET http://127.0.0.1:41/msi/token?api-version=2019-08-01&\
                  resource=https%3A%2F%2Fdatabase.windows.net&mi_res_id=%2Fr\n\
                  x-identity-header: H-1\n";
    assert_eq!(wire.asked(), [wanted]);
    let failing = Wire::new(vec![answer(400, &json!({ "message": "No MSI H-9 found" }))]);
    let e = token(&of(machine(), around(&here), &failing)).await.expect_err("no token");
    assert!(e.contains("App Service") && e.contains("No MSI"), "{e}");
}

#[tokio::test]
async fn cloud_shell_is_asked_by_a_form() {
    let wire = Wire::new(vec![managed("shell")]);
    let here = around(&[("MSI_ENDPOINT", "http://localhost:50342/oauth2/token")]);
    assert_eq!(token(&of(machine(), here.clone(), &wire)).await.as_deref(), Ok("shell"));
    let wanted = "POST http://localhost:50342/oauth2/token\nmetadata: true\n\
                  content-type: application/x-www-form-urlencoded\n\
                  resource=https%3A%2F%2Fdatabase.windows.net";
    assert_eq!(wire.asked(), [wanted]);
    let failing = Wire::new(vec![answer(400, &json!({ "error": "bad" }))]);
    let e = token(&of(machine(), here, &failing)).await.expect_err("no token");
    assert!(e.contains("Cloud Shell") && e.contains("400"), "{e}");
}

fn challenge(path: &Path) -> crate::lab::Answer {
    Ok(Response::builder()
        .status(401)
        .header("WWW-Authenticate", format!("Basic realm={}", path.display()))
        .body(Bytes::new())
        .expect("an answer"))
}

fn arc(folder: &Folder) -> Surroundings {
    let endpoint = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
    let variables = [("IDENTITY_ENDPOINT", endpoint), ("IMDS_ENDPOINT", "http://127.0.0.1:40342")];
    Surroundings { arc_keys: folder.0.clone(), ..around(&variables) }
}

#[tokio::test]
async fn azure_arc_wants_a_key_that_only_its_group_can_read() {
    let folder = Folder::new("arc");
    let key = folder.file("k.key", "the-key\n");
    let wire = Wire::new(vec![challenge(&key), managed("arc")]);
    assert_eq!(token(&of(machine(), arc(&folder), &wire)).await.as_deref(), Ok("arc"));
    let line = "GET http://127.0.0.1:40342/metadata/identity/oauth2/token?api-version=2020-06-01&\
                resource=https%3A%2F%2Fdatabase.windows.net\nmetadata: true\n";
    assert_eq!(wire.asked(), [line.to_owned(), format!("{line}authorization: Basic the-key\n")]);
}

#[tokio::test]
async fn no_other_file_is_sent_to_what_says_it_is_azure_arc() {
    let (folder, other) = (Folder::new("arc-own"), Folder::new("arc-other"));
    let outside = other.file("k.key", "SECRET");
    let wrong = [
        outside.clone(),
        folder.file("k.txt", "SECRET"),
        folder.0.join("../x.key"),
        folder.file("big.key", &"x".repeat(5000)),
        folder.0.join("none.key"),
        "/etc/passwd".into(),
    ];
    let link = folder.0.join("link.key");
    std::os::unix::fs::symlink(&outside, &link).expect("a link");
    for path in wrong.iter().chain([&link]) {
        let wire = Wire::new(vec![challenge(path), managed("arc")]);
        let e = token(&of(machine(), arc(&folder), &wire)).await.expect_err("no token");
        assert!(e.contains("Azure Arc") && e.contains("himds"), "{e}");
        assert_eq!(wire.asked().len(), 1, "{}", path.display());
    }
}

#[tokio::test]
async fn azure_arc_may_not_give_another_identity() {
    let folder = Folder::new("arc-id");
    let mut o = machine();
    o.client_id = "c-1".into();
    let given = |id: &str| {
        answer(
            200,
            &json!({ "access_token": jwt("arc"), "expires_on": now() + 60, "client_id": id }),
        )
    };
    let wire = Wire::new(vec![given("C-1")]);
    assert!(token(&of(o.clone(), arc(&folder), &wire)).await.is_ok());
    for other in [given("c-2"), managed("arc")] {
        let e = token(&of(o.clone(), arc(&folder), &Wire::new(vec![other]))).await;
        assert!(e.is_err_and(|e| e.contains("another identity")));
    }
}

#[tokio::test]
async fn cloud_shell_has_no_identities_to_choose_from() {
    let mut o = machine();
    o.client_id = "c-1".into();
    let here = around(&[("MSI_ENDPOINT", "http://localhost:50342/oauth2/token")]);
    let c = Credential::new(o, here, Wire::new(vec![managed("shell")]));
    assert!(c.is_err_and(|e| e.contains("remove entra.client_id")));
}

#[tokio::test]
async fn platforms_that_are_not_supported_say_so() {
    for (variables, part) in [
        (
            vec![
                ("IDENTITY_ENDPOINT", "https://x"),
                ("IDENTITY_HEADER", "h"),
                ("IDENTITY_SERVER_THUMBPRINT", "t"),
            ],
            "Service Fabric",
        ),
        (vec![("MSI_ENDPOINT", "http://x"), ("MSI_SECRET", "s")], "Machine Learning"),
        (vec![("IDENTITY_ENDPOINT", "file:///etc"), ("IDENTITY_HEADER", "h")], "no URL"),
    ] {
        let c = Credential::new(machine(), around(&variables), Wire::new(vec![managed("x")]));
        assert!(c.is_err_and(|e| e.contains(part)), "{part}");
    }
}
