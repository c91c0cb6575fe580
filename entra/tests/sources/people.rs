//! A person signs in at another device, and the server goes on with what is left of it.

use std::os::unix::fs::PermissionsExt as _;

use mssql_mcp_entra::{Credential, EntraOptions, SignIn, SourceKind};
use serde_json::{Value, json};

use crate::lab::{Answer, Folder, Wire, answer, around, granted, jwt, principal, token};

fn device(folder: &Folder) -> EntraOptions {
    let sign_in_file = folder.0.join("deep").join("sign-in.json");
    EntraOptions { sign_in_file, ..principal(SourceKind::DeviceCode) }
}

fn code() -> Answer {
    answer(
        200,
        &json!({
            "device_code": "D-1",
            "user_code": "ABCD-1234",
            "verification_uri": "https://microsoft.com/devicelogin",
            "interval": 5,
            "expires_in": 900,
        }),
    )
}

fn error(error: &str) -> Answer {
    answer(400, &json!({ "error": error, "error_description": "x" }))
}

fn with_refresh(name: &str, refresh: &str) -> Answer {
    let body = json!({ "access_token": jwt(name), "expires_in": 3599, "refresh_token": refresh });
    answer(200, &body)
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_outlives_the_command_that_made_it() {
    let folder = Folder::new("device");
    let o = device(&folder);
    let before = Credential::new(o.clone(), around(&[]), Wire::new(vec![granted("no")]));
    let e = token(&before.expect("a credential")).await.expect_err("nobody has signed in");
    assert!(e.contains("mssql-mcp login"), "{e}");
    let wire = Wire::new(vec![
        code(),
        error("authorization_pending"),
        error("slow_down"),
        with_refresh("ada", "R-1"),
    ]);
    let began = tokio::time::Instant::now();
    let sign_in = SignIn::begin(&o, &around(&[]), &*wire).await.expect("a code");
    assert_eq!(sign_in.shown.user_code, "ABCD-1234");
    let who = sign_in.finish(&*wire).await.expect("signed in");
    assert_eq!(who.object.as_deref(), Some("ada"));
    assert_eq!(began.elapsed().as_secs(), 5 + 5 + 10);
    let head = "content-type: application/x-www-form-urlencoded\naccept: application/json\n";
    let at = "POST https://login.microsoftonline.com/t-1/oauth2/v2.0";
    assert_eq!(
        wire.asked()[..2],
        [
            format!(
                "{at}/devicecode\n{head}client_id=c-1&\
                 scope=https%3A%2F%2Fdatabase.windows.net%2F.default+offline_access"
            ),
            format!(
                "{at}/token\n{head}client_id=c-1&\
                 grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=D-1"
            ),
        ]
    );
    let mode = std::fs::metadata(&o.sign_in_file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The server, later: the refresh token may be another one each time.
    for (refresh, next) in [("R-1", "R-2"), ("R-2", "R-2")] {
        let wire = Wire::new(vec![with_refresh("ada", next)]);
        let c = Credential::new(o.clone(), around(&[]), wire.clone()).expect("a credential");
        assert_eq!(token(&c).await.as_deref(), Ok("ada"));
        let form = format!(
            "client_id=c-1&grant_type=refresh_token&refresh_token={refresh}&\
             scope=https%3A%2F%2Fdatabase.windows.net%2F.default+offline_access"
        );
        assert_eq!(wire.asked(), [format!("{at}/token\n{head}{form}")]);
    }
    // Another application's sign-in is none of ours.
    let other = EntraOptions { client_id: "c-2".into(), ..o };
    let c = Credential::new(other, around(&[]), Wire::new(vec![granted("no")])).expect("one");
    assert!(token(&c).await.is_err_and(|e| e.contains("another tenant or application")));
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_ends_otherwise_is_told() {
    let folder = Folder::new("device-fails");
    let flows = json!({ "error": "invalid_client", "error_description": "AADSTS7000218: no." });
    for (answers, part) in [
        (vec![code(), error("authorization_declined")], "declined"),
        (vec![code(), error("expired_token")], "expired"),
        (vec![code(), error("authorization_pending")], "expired"),
        (vec![code(), error("bad_verification_code")], "answered 400"),
        (vec![code(), granted("ada")], "refresh token"),
        (vec![answer(401, &flows)], "public client"),
        (vec![answer(200, &Value::Null)], "device_code"),
        // Nothing of a stranger's does things to a terminal, or to the clock.
        (
            vec![answer(
                200,
                &json!({ "device_code": "D", "user_code": "\u{1b}[2J", "verification_uri": "x" }),
            )],
            "user_code",
        ),
        (
            vec![
                answer(
                    200,
                    &json!({
                        "device_code": "D", "user_code": "U", "verification_uri": "x",
                        "expires_in": u64::MAX, "interval": 0,
                    }),
                ),
                answer(503, &Value::Null),
                Err("its host does not answer".into()),
                error("authorization_declined"),
            ],
            "declined",
        ),
    ] {
        let wire = Wire::new(answers);
        let e = match SignIn::begin(&device(&folder), &around(&[]), &*wire).await {
            Ok(sign_in) => sign_in.finish(&*wire).await.expect_err("no sign-in"),
            Err(e) => e,
        };
        assert!(format!("{e} → {}", e.mend).contains(part), "{part}: {e} → {}", e.mend);
        assert!(!device(&folder).sign_in_file.exists());
    }
}
