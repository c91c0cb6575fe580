//! What to do about a ticket that was not got, by the words of the Kerberos library.

use crate::error::Error;

/// A part of the library's words, and the mend; the first that fits counts. `SPN` becomes the
/// server's name.
const MENDS: &[(&str, &str)] = &[
    (
        "Server krbtgt/",
        "the realm of the ticket does not trust the realm of the name: look at what stands behind \
         its @, and at KRB5_CONFIG (krb5.conf, [capaths])",
    ),
    (
        "Server not found in Kerberos database",
        "no account of the domain has this name: look with setspn -L ACCOUNT, register it with \
         setspn -S SPN ACCOUNT, or set the name that is registered",
    ),
    (
        "Client not found in Kerberos database",
        "the domain does not know who asks: look at the principal with klist, or klist -k of the \
         keytab (KRB5_CLIENT_KTNAME)",
    ),
    ("Clock skew", "the clocks of this machine and of the KDC are too far apart: set them by NTP"),
    (
        "expired",
        "get a new ticket with kinit USER@REALM, or let a keytab do so (KRB5_CLIENT_KTNAME)",
    ),
    (
        "Cannot contact any KDC",
        "look whether the KDC of the realm can be reached, and at KRB5_CONFIG (krb5.conf, [realms])",
    ),
    (
        "Cannot find KDC",
        "name the realm's KDC in KRB5_CONFIG (krb5.conf, [realms]), or let DNS find it \
         (dns_lookup_kdc)",
    ),
    ("default realm", "set default_realm in KRB5_CONFIG (krb5.conf, [libdefaults])"),
    (
        "onfiguration file",
        "look at the file that KRB5_CONFIG names (/etc/krb5.conf where it is not set)",
    ),
    (
        "reauthentication failed",
        "the keytab has another key than the account: export it again (ktpass or ktutil)",
    ),
    ("revoked", "the account is disabled or locked: unlock it in the domain"),
    (
        "ncryption type",
        "the account and krb5.conf have no encryption type in common: allow AES for the account",
    ),
    (
        "ermission",
        "let the user that this process runs as read the cache (KRB5CCNAME) and the keytab \
         (KRB5_CLIENT_KTNAME)",
    ),
    (
        "o credentials cache",
        "get a ticket with kinit USER@REALM into the cache that KRB5CCNAME names, or give a keytab \
         (KRB5_CLIENT_KTNAME)",
    ),
    (
        "redential",
        "get a ticket with kinit USER@REALM into the cache that KRB5CCNAME names, or give a keytab \
         (KRB5_CLIENT_KTNAME)",
    ),
    ("eytab", "give a keytab that has the principal (KRB5_CLIENT_KTNAME, klist -k)"),
    ("Key table", "give a keytab that has the principal (KRB5_CLIENT_KTNAME, klist -k)"),
];

/// What the library says in front of its reason, which is all that it has to say.
const NOTHING: &str = "Unspecified GSS failure. Minor code may provide more information (";

/// The error for a server's name; `words` are the library's, and hold no secret.
pub(super) fn credentials(spn: &str, words: &str) -> Error {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = words
        .strip_prefix(NOTHING)
        .and_then(|w| w.strip_suffix(')'))
        .map_or_else(|| words.clone(), str::to_owned);
    let mend = MENDS
        .iter()
        .find(|(part, _)| fits(&words, part))
        .map_or("kinit USER@REALM and kvno SPN show the same from a shell", |(_, mend)| *mend);
    let mend = mend.replace("SPN", spn.split('@').next().unwrap_or(spn));
    Error::Credentials(format!("no Kerberos login to {spn}: {words}; {mend}"))
}

/// Of "SOMEBODY not found" the name is within what the library says, behind who it is.
fn fits(words: &str, part: &str) -> bool {
    let Some((who, what)) = part.split_once(' ').filter(|(_, what)| what.starts_with("not found"))
    else {
        return words.contains(part);
    };
    words.split_once(what).is_some_and(|(named, _)| {
        let last = ["Server ", "Client "].into_iter().max_by_key(|w| named.rfind(w));
        last.is_some_and(|w| named.contains(w) && w.trim_end() == who)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_the_librarys_words_and_its_own_mend() {
        for (words, mend) in [
            (
                "Unspecified GSS failure.  Minor code may provide more information (Server \
                 MSSQLSvc/db:1433@CORP.EXAMPLE not found in Kerberos database)",
                "setspn -S MSSQLSvc/db:1433 ACCOUNT",
            ),
            ("x (Server krbtgt/B@A not found in Kerberos database)", "[capaths]"),
            ("x (Client 'a@CORP.EXAMPLE' not found in Kerberos database)", "klist -k"),
            (
                "No credentials were supplied (No Kerberos credentials available (default cache: \
                 FILE:/x))",
                "kinit USER@REALM into the cache",
            ),
            ("The referenced credential has expired (Success)", "new ticket with kinit"),
            ("x (Ticket expired)", "new ticket with kinit"),
            ("x (Clock skew too great)", "NTP"),
            ("x (Cannot contact any KDC for realm 'CORP.EXAMPLE')", "KRB5_CONFIG"),
            ("x (Cannot find KDC for realm \"CORP.EXAMPLE\")", "dns_lookup_kdc"),
            ("x (Configuration file does not specify default realm)", "default_realm"),
            ("x (Preauthentication failed)", "export it again"),
            ("x (Client's credentials have been revoked)", "unlock"),
            ("x (KDC has no support for encryption type)", "AES"),
            ("x (Credentials cache permissions incorrect)", "user that this process runs as"),
            ("x (Key table file '/k' not found)", "KRB5_CLIENT_KTNAME"),
            ("x (something new)", "kvno MSSQLSvc/db:1433 show"),
        ] {
            let e = credentials("MSSQLSvc/db:1433@CORP.EXAMPLE", words).to_string();
            assert!(e.contains(mend), "{words}: {e}");
            assert!(!e.contains('\n') && e.contains("MSSQLSvc/db:1433@CORP.EXAMPLE"), "{e}");
        }
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        let words = "Unspecified GSS failure.  Minor code may provide more information (Ticket (x) \
                     expired)";
        let e = credentials("MSSQLSvc/db:1433", words).to_string();
        assert!(
            e.starts_with("no Kerberos login to MSSQLSvc/db:1433: Ticket (x) expired; get"),
            "{e}"
        );
    }
}
