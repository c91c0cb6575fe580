//! Programs in which somebody has signed in. They are real processes, found in a PATH of the test.

use std::os::unix::fs::PermissionsExt as _;

use mssql_mcp_entra::{Credential, EntraOptions, SourceKind};

use crate::lab::{Folder, Wire, around, granted, jwt, now, options};

/// A program of this name that runs these lines of shell.
fn program(folder: &Folder, name: &str, lines: &str) {
    let file = folder.file(name, &format!("#!/bin/sh\n{lines}\n"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

async fn token(folder: &Folder, o: EntraOptions) -> Result<String, String> {
    let path = format!("{}:/usr/bin:/bin", folder.0.display());
    let wire = Wire::new(vec![granted("no")]);
    let c = Credential::new(o, around(&[("PATH", &path)]), wire.clone())?;
    let got = crate::lab::token(&c).await;
    assert!(wire.asked().is_empty(), "it is not asked over HTTP");
    got
}

#[tokio::test]
async fn az_is_run_without_a_shell() {
    let folder = Folder::new("az");
    let answer = format!(
        r#"{{"accessToken": "{}", "expiresOn": "2001-01-01 00:00:00", "expires_on": {}}}"#,
        jwt("ada"),
        now() + 3000
    );
    let seen = folder.0.join("seen");
    program(&folder, "az", &format!("echo \"$@\" > {}\ncat <<'X'\n{answer}\nX", seen.display()));
    let o = options(SourceKind::AzureCli);
    assert_eq!(token(&folder, o.clone()).await.as_deref(), Ok("ada"));
    let arguments = || std::fs::read_to_string(&seen).expect("arguments");
    let plain = "account get-access-token -o json --scope https://database.windows.net/.default";
    assert_eq!(arguments().trim(), plain);
    let of_tenant = EntraOptions { tenant: "t-1".into(), ..o };
    assert_eq!(token(&folder, of_tenant).await.as_deref(), Ok("ada"));
    assert_eq!(arguments().trim(), format!("{plain} --tenant t-1"));
}

#[tokio::test]
async fn an_old_az_that_names_no_end_is_read_all_the_same() {
    let folder = Folder::new("az-old");
    program(&folder, "az", &format!("echo '{{\"accessToken\": \"{}\"}}'", jwt("ada")));
    assert_eq!(token(&folder, options(SourceKind::AzureCli)).await.as_deref(), Ok("ada"));
    program(&folder, "az", "echo '{\"accessToken\": \"opaque\"}'");
    let e = token(&folder, options(SourceKind::AzureCli)).await.expect_err("no token");
    assert!(e.contains("2.54"), "{e}");
}

#[tokio::test]
async fn az_without_a_sign_in_says_what_to_run() {
    let folder = Folder::new("az-out");
    program(&folder, "az", "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    let e = token(&folder, options(SourceKind::AzureCli)).await.expect_err("no token");
    assert!(e.contains("Azure CLI: ERROR: Please run 'az login'"), "{e}");
    let empty = Folder::new("az-none");
    let e = token(&empty, options(SourceKind::AzureCli)).await.expect_err("no token");
    assert!(e.contains("no az in PATH"), "{e}");
}

#[tokio::test]
async fn az_that_hangs_is_ended() {
    let folder = Folder::new("az-hangs");
    let pid = folder.0.join("pid");
    program(&folder, "az", &format!("sleep 600 & echo $! > {}; wait", pid.display()));
    let path = format!("{}:/usr/bin:/bin", folder.0.display());
    let o = options(SourceKind::AzureCli);
    let c = Credential::new(o, around(&[("PATH", &path)]), Wire::new(vec![granted("no")]));
    let within = std::time::Duration::from_secs(2);
    let e = c.expect("a credential").token(within).await.expect_err("no token");
    assert!(e.what.contains("did not answer"), "{e}");
    let pid = std::fs::read_to_string(pid).expect("it ran");
    let process = std::path::PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    for _ in 0..500 {
        // A process that has ended is there until its parent has heard of it.
        let stat = std::fs::read_to_string(&process).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it still runs");
}

#[tokio::test]
async fn azd_is_run_likewise() {
    let folder = Folder::new("azd");
    let seen = folder.0.join("seen");
    let answer = format!(r#"{{"token": "{}", "expiresOn": "2027-01-01T00:00:00Z"}}"#, jwt("dev"));
    program(&folder, "azd", &format!("echo \"$@\" > {}\necho '{answer}'", seen.display()));
    let o = EntraOptions { tenant: "t-1".into(), ..options(SourceKind::AzureDeveloperCli) };
    assert_eq!(token(&folder, o.clone()).await.as_deref(), Ok("dev"));
    assert_eq!(
        std::fs::read_to_string(seen).expect("arguments").trim(),
        "auth token --output json --scope https://database.windows.net/.default --no-prompt \
         --tenant-id t-1"
    );
    program(&folder, "azd", "echo 'not logged in, run `azd auth login` to login' >&2; exit 1");
    assert!(token(&folder, o).await.is_err_and(|e| e.contains("not logged in")));
}

#[tokio::test]
async fn what_prints_for_ever_or_leaves_somebody_behind_holds_nobody_up() {
    let folder = Folder::new("az-endless");
    program(&folder, "az", "exec cat /dev/zero");
    let e = token(&folder, options(SourceKind::AzureCli)).await.expect_err("no token");
    assert!(e.contains("Azure CLI"), "{e}");
    // The answer is whole, and its output is held open by somebody in the background.
    let answer = format!(r#"{{"accessToken": "{}"}}"#, jwt("ada"));
    program(&folder, "az", &format!("echo '{answer}'\nsleep 30 &"));
    assert_eq!(token(&folder, options(SourceKind::AzureCli)).await.as_deref(), Ok("ada"));
}
