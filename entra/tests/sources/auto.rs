//! Which source is taken when none is named.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use mssql_mcp_entra::{Credential, SourceKind, Surroundings};
use serde_json::json;

use crate::lab::{Folder, Wire, answer, around, granted, jwt, managed, now, options, token};

/// The source that is taken with these variables, and the token's name.
async fn taken(
    around: Surroundings,
    wire: &std::sync::Arc<Wire>,
) -> (String, Result<String, String>) {
    let c = Credential::new(options(SourceKind::Auto), around, wire.clone()).expect("one");
    let got = token(&c).await;
    (c.source().unwrap_or("none").to_owned(), got)
}

#[tokio::test]
async fn the_first_that_is_configured_is_taken() {
    let folder = Folder::new("auto");
    let az =
        folder.file("az", &format!("#!/bin/sh\necho '{{\"accessToken\": \"{}\"}}'", jwt("az")));
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let token_file = folder.file("token", &jwt("file")).display().to_string();
    let federated = folder.file("federated", "f").display().to_string();
    let path = format!("{}:/bin", folder.0.display());
    // From the last to the first: each is taken although all behind it are configured, too.
    let steps: [(&[(&str, &str)], &str); 7] = [
        (&[], "instance metadata"),
        (&[("PATH", &path)], "Azure CLI"),
        (&[("MSI_ENDPOINT", "http://127.0.0.1:1/x")], "Cloud Shell"),
        (&[("IDENTITY_ENDPOINT", "http://127.0.0.1:2/x"), ("IDENTITY_HEADER", "h")], "App Service"),
        (
            &[("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")],
            "secret",
        ),
        (&[("AZURE_FEDERATED_TOKEN_FILE", &federated)], "workload identity"),
        (&[("AZURE_SQL_TOKEN_FILE", &token_file)], "token file"),
    ];
    let mut variables = Vec::new();
    for (more, name) in steps {
        variables.extend_from_slice(more);
        let wire = Wire::new(vec![managed("some")]);
        let (source, got) = taken(around(&variables), &wire).await;
        assert!(source.contains(name), "{name}: {source}");
        assert!(got.is_ok(), "{name}: {got:?}");
    }
    // An application's id alone is a choice among the identities of a machine, and no application.
    let wire = Wire::new(vec![managed("vm")]);
    let (source, _) =
        taken(around(&[("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")]), &wire).await;
    assert!(source.contains("instance metadata"), "{source}");
}

#[tokio::test]
async fn a_source_that_is_configured_and_fails_is_not_passed_over() {
    let here = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")];
    let refusal = json!({ "error": "invalid_client", "error_description": "AADSTS7000222: x" });
    let wire = Wire::new(vec![answer(401, &refusal), managed("vm")]);
    let (source, got) = taken(around(&here), &wire).await;
    assert!(source.contains("secret") && got.is_err_and(|e| e.contains("expired")));
    assert_eq!(wire.asked().len(), 1);
}

#[tokio::test]
async fn where_nobody_has_signed_in_to_az_the_machine_is_asked() {
    let folder = Folder::new("auto-az");
    let az = folder.file("az", "#!/bin/sh\necho \"Please run 'az login'\" >&2; exit 1");
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let path = folder.0.display().to_string();
    let wire = Wire::new(vec![managed("vm")]);
    let (source, got) = taken(around(&[("PATH", &path)]), &wire).await;
    assert!(source.contains("instance metadata"), "{source}");
    assert_eq!(got.as_deref(), Ok("vm"));
    let nobody = Wire::new(vec![Err("its host does not answer".into())]);
    let (source, got) = taken(around(&[("PATH", &path)]), &nobody).await;
    let e = got.expect_err("nothing");
    assert!(e.contains("az login") && e.contains("169.254.169.254"), "{e}");
    assert_eq!(source, "none");
}

#[tokio::test(start_paused = true)]
async fn nothing_at_all_is_found_out_within_its_time() {
    // Off Azure packets to the address vanish.
    let silent = Wire::slow(managed("vm"), Duration::from_secs(1000));
    let began = tokio::time::Instant::now();
    let (_, got) = taken(around(&[]), &silent).await;
    let e = got.expect_err("nothing");
    assert!(e.contains("nothing is configured") && e.contains("entra.source"), "{e}");
    assert!(began.elapsed() <= Duration::from_millis(1300), "{:?}", began.elapsed());
    let refused = Wire::new(vec![Err("its host does not answer".into())]);
    let began = tokio::time::Instant::now();
    assert!(taken(around(&[]), &refused).await.1.is_err());
    assert!(began.elapsed() <= Duration::from_millis(300), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_token_file_is_read_in_either_form_and_anew() {
    let folder = Folder::new("file");
    let file = folder.file("t", "");
    let mut o = options(SourceKind::TokenFile);
    o.token_file = file.display().to_string();
    let c = Credential::new(o, around(&[]), Wire::new(vec![granted("no")])).expect("one");
    for (text, name) in [
        (format!("{}\n", jwt("bare")), "bare"),
        (json!({ "access_token": jwt("json"), "expires_on": now() + 900 }).to_string(), "json"),
    ] {
        std::fs::write(&file, text).expect("written");
        let got = c.token(crate::lab::WITHIN).await.expect("a token");
        assert_eq!(got.identity().object.as_deref(), Some(name));
        c.refused(&got, true);
    }
    std::fs::write(&file, "opaque").expect("written");
    let e = token(&c).await.expect_err("no token");
    assert!(e.contains("token file") && e.contains("when the token expires"), "{e}");
    assert!(!e.contains("opaque"), "{e}");
}

#[tokio::test]
async fn a_page_that_answers_for_every_address_is_no_metadata() {
    let page = http::Response::builder().status(200).body("<html>sign in</html>".into());
    let portal = Wire::new(vec![Ok(page.expect("an answer"))]);
    let (source, got) = taken(around(&[]), &portal).await;
    assert_eq!(source, "none");
    assert!(got.is_err_and(|e| e.contains("answers as something else")));
}

#[tokio::test]
async fn az_that_fails_otherwise_is_not_passed_over_for_the_machine() {
    let folder = Folder::new("auto-az-fails");
    let az = folder.file("az", "#!/bin/sh\necho 'connection reset by peer' >&2; exit 1");
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let path = folder.0.display().to_string();
    let wire = Wire::new(vec![managed("vm")]);
    let (source, got) = taken(around(&[("PATH", &path)]), &wire).await;
    assert_eq!(source, "none", "and next time it is asked again");
    assert!(got.is_err_and(|e| e.contains("connection reset")));
}
