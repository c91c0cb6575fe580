//! Windows logins with others' implementations at the other end: MIT's GSSAPI with a KDC of its
//! own on loopback, and gss-ntlmssp. What they read is their environment, so each case is this
//! program again, with variables of its own (`case`). tests/windows/install.sh installs them.

mod acceptor;
mod case;
#[path = "../wire/peer.rs"]
#[allow(dead_code)]
mod peer;
mod realm;

use self::realm::{Realm, run};

#[test]
fn a_ticket_of_the_cache_logs_in_whether_the_server_waits_for_a_last_message_or_not() {
    for (together, messages) in [("no", "16 17"), ("yes", "16")] {
        let seen = run(&[
            ("KRB5CCNAME", Realm::get("KRB5CCNAME_ADA")),
            ("SPN", "MSSQLSvc/sql.corp.example:1433"),
            ("TOGETHER", together),
        ]);
        assert_eq!(seen.client, "[7]", "{seen:?}");
        let server = format!("ada@CORP.EXAMPLE asked localhost with {messages}");
        assert_eq!(seen.server, server, "{seen:?}");
    }
}

#[test]
fn a_keytab_gets_a_ticket_by_itself_on_both_kinds_of_runtime() {
    for threads in ["one", "many"] {
        let cache = format!("{}-{threads}", Realm::get("KRB5CCNAME_NONE"));
        let seen = run(&[
            ("KRB5CCNAME", &cache),
            ("KRB5_CLIENT_KTNAME", Realm::get("KRB5_CLIENT_KTNAME")),
            ("SPN", "MSSQLSvc/sql.corp.example:1433"),
            ("THREADS", threads),
        ]);
        assert_eq!(seen.client, "[7]", "{seen:?}");
        assert!(seen.server.starts_with("svc-mcp@CORP.EXAMPLE "), "{seen:?}");
    }
}

#[test]
fn without_an_spn_the_server_is_asked_for_by_its_host_and_port() {
    let port = Realm::get("SQL_PORT");
    let seen = run(&[("KRB5CCNAME", Realm::get("KRB5CCNAME_ADA")), ("PORT", port)]);
    assert_eq!(seen.client, "[7]", "{seen:?}");
}

#[test]
fn each_ticket_that_cannot_be_had_says_why_and_how_that_is_mended() {
    let ada = ("KRB5CCNAME", Realm::get("KRB5CCNAME_ADA"));
    let none = ("KRB5CCNAME", Realm::get("KRB5CCNAME_NONE"));
    for (variables, says) in [
        (vec![none], ["o Kerberos credentials available", "kinit USER@REALM"]),
        (vec![("KRB5CCNAME", Realm::get("KRB5CCNAME_EXPIRED"))], ["expired", "kinit USER@REALM"]),
        (
            vec![ada, ("SPN", "MSSQLSvc/nowhere.corp.example:1433")],
            ["not found in Kerberos database", "setspn -S MSSQLSvc/nowhere.corp.example:1433"],
        ),
        (
            vec![ada, ("KRB5_CONFIG", Realm::get("KRB5_CONFIG_DEAD"))],
            ["Cannot contact any KDC", "KRB5_CONFIG"],
        ),
        (
            vec![none, ("KRB5_CLIENT_KTNAME", "FILE:/nowhere/keytab")],
            ["redentials", "KRB5_CLIENT_KTNAME"],
        ),
        (vec![ada, ("KRB5_CONFIG", "/nowhere/krb5.conf")], ["onfiguration file", "KRB5_CONFIG"]),
    ] {
        let seen = run(&variables);
        assert!(
            seen.client.starts_with("Credentials(") && !seen.client.contains("\\n"),
            "{seen:?}"
        );
        says.iter().for_each(|s| assert!(seen.client.contains(s), "{s}: {seen:?}"));
        // No token has gone to the server.
        assert_eq!(seen.server, "nobody asked localhost with", "{variables:?}");
    }
}

#[test]
fn a_kdc_that_says_nothing_holds_up_no_worker() {
    for threads in ["one", "many"] {
        let seen = run(&[
            ("KRB5CCNAME", Realm::get("KRB5CCNAME_NONE")),
            ("KRB5_CLIENT_KTNAME", Realm::get("KRB5_CLIENT_KTNAME")),
            ("KRB5_CONFIG", Realm::get("KRB5_CONFIG_SILENT")),
            ("TIMEOUT_MS", "400"),
            ("THREADS", threads),
        ]);
        assert!(seen.client.starts_with("Slow(Ticket)"), "{seen:?}");
    }
}

#[test]
fn a_kdc_that_says_nothing_holds_no_more_threads_than_there_are_slots() {
    let seen = run(&[
        ("KRB5CCNAME", Realm::get("KRB5CCNAME_NONE")),
        ("KRB5_CLIENT_KTNAME", Realm::get("KRB5_CLIENT_KTNAME")),
        ("KRB5_CONFIG", Realm::get("KRB5_CONFIG_SILENT")),
        ("TIMEOUT_MS", "3000"),
        ("LOGINS", "20"),
    ]);
    assert_eq!(seen.threads, "8", "{seen:?}");
    assert!(seen.client.starts_with("Slow(Ticket)"), "{seen:?}");
}

#[test]
fn a_ticket_for_another_server_is_refused_in_the_servers_words() {
    let seen = run(&[
        ("KRB5CCNAME", Realm::get("KRB5CCNAME_ADA")),
        ("SPN", "MSSQLSvc/other.corp.example:1433"),
    ]);
    assert!(seen.client.starts_with("Login(") && seen.client.contains("error 18452"), "{seen:?}");
}

#[test]
fn an_account_and_its_password_log_in_by_ntlm() {
    let password = Realm::get("ADA_PASSWORD");
    let seen = run(&[("ACCOUNT", "CORP\\ada"), ("PASSWORD", password)]);
    assert_eq!(seen.client, "[7]", "{seen:?}");
    assert_eq!(seen.server, "CORP\\ada asked localhost with 16 17", "{seen:?}");
    assert!(!seen.everything.contains(password), "{seen:?}");
}

#[test]
fn a_server_that_takes_a_ticket_and_proves_nothing_is_left() {
    let seen = run(&[
        ("KRB5CCNAME", Realm::get("KRB5CCNAME_ADA")),
        ("SPN", "MSSQLSvc/sql.corp.example:1433"),
        ("TOGETHER", "unproven"),
    ]);
    assert!(seen.client.starts_with("Credentials("), "{seen:?}");
    assert!(seen.client.contains("did not prove"), "{seen:?}");
}

#[test]
fn a_wrong_password_or_an_unknown_user_is_refused_in_the_servers_words_without_the_password() {
    for (account, password) in [("CORP\\ada", "wr0ng-one"), ("CORP\\eve", "wr0ng-one")] {
        let seen = run(&[("ACCOUNT", account), ("PASSWORD", password)]);
        assert!(seen.client.contains("error 18452"), "{seen:?}");
        assert!(!seen.everything.contains("wr0ng-one"), "{seen:?}");
    }
}
