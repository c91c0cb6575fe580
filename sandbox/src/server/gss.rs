//! An acceptor of Windows logins over GSS-API (RFC 2743, `gss_accept_sec_context`): Kerberos by the
//! keytab that `KRB5_KTNAME` names; where Debian's gss-ntlmssp is installed, NTLM by the accounts in
//! the file that `NTLM_USER_FILE` names (`CORP:ada:password`, one a line); and what SPNEGO (RFC 4178)
//! negotiates of the two. A token may have GSS-API's frame or, of NTLM, none.

use libgssapi::context::{SecurityContext as _, ServerCtx};

use super::windows::{WindowsAcceptor, WindowsHandshake, WindowsStep};

/// Takes what the machine's GSS-API takes, with its default credentials.
#[derive(Debug, Clone, Copy, Default)]
pub struct GssAcceptor;

struct GssHandshake(ServerCtx);

// === impl GssAcceptor ===

impl WindowsAcceptor for GssAcceptor {
    fn begin(&self) -> Box<dyn WindowsHandshake> {
        Box::new(GssHandshake(ServerCtx::new(None)))
    }
}

// === impl GssHandshake ===

impl WindowsHandshake for GssHandshake {
    fn step(&mut self, token: &[u8]) -> Result<WindowsStep, String> {
        let answer = self.0.step(token, None).map_err(|e| e.to_string())?;
        let token = answer.map(|answer| answer.to_vec()).filter(|answer| !answer.is_empty());
        if !self.0.is_complete() {
            let token = token.ok_or("a handshake that goes on without a token")?;
            return Ok(WindowsStep::Continue(token));
        }
        let name = self.0.source_name().and_then(|name| name.display_name());
        let name = name.map_err(|e| e.to_string())?;
        Ok(WindowsStep::Done { token, name: account(&String::from_utf8_lossy(&name)) })
    }
}

/// A name as Windows has it: of `ada@CORP.EXAMPLE`, which is Kerberos's form, `CORP\ada`. What
/// gss-ntlmssp 1.2 gives counts the NUL behind it.
fn account(name: &str) -> String {
    let name = name.trim_end_matches('\0');
    match name.rsplit_once('@') {
        Some((user, realm)) if !name.contains('\\') => {
            let domain = realm.split('.').next().unwrap_or(realm);
            format!("{}\\{user}", domain.to_uppercase())
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_kerberos_becomes_one_of_windows() {
        assert_eq!(account("ada@CORP.EXAMPLE"), "CORP\\ada");
        assert_eq!(account("ada@corp"), "CORP\\ada");
        assert_eq!(account("sql/db.corp.example@CORP.EXAMPLE"), "CORP\\sql/db.corp.example");
        assert_eq!(account("CORP\\ada"), "CORP\\ada");
        assert_eq!(account("CORP\\ada@home"), "CORP\\ada@home");
        assert_eq!(account("CORP\\ada\0"), "CORP\\ada");
        assert_eq!(account("ada"), "ada");
    }

    #[test]
    fn what_is_no_token_of_any_mechanism_is_refused() {
        assert!(GssAcceptor.begin().step(b"no token").is_err());
        assert!(GssAcceptor.begin().step(b"NTLMSSP\0").is_err());
    }
}
