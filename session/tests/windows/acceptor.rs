//! A server that takes Windows logins with the system's GSSAPI: MIT's Kerberos or gss-ntlmssp, as
//! the first token has it.

use libgssapi::context::{SecurityContext, ServerCtx};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::oid::{GSS_MECH_KRB5, Oid, OidSet};

use crate::peer::{Peer, done, ints, prelogin, token, utf16, welcome};

/// 1.3.6.1.4.1.311.2.2.10, the mechanism of gss-ntlmssp.
static NTLMSSP: Oid<'static> = Oid::from_slice(b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a");

/// SSPI (MS-TDS 2.2.7.22).
const SSPI: u8 = 0xED;

/// Serves one connection; answers who logged in, what host it asked for, and with which messages.
pub(crate) async fn serve(mut peer: Peer) -> String {
    let (mut who, mut host, mut kinds) = ("nobody".to_owned(), "localhost".to_owned(), Vec::new());
    let together = std::env::var("TOGETHER").unwrap_or_default();
    assert_eq!(peer.message().await.map(|m| m.0), Some(18));
    peer.answer(&prelogin(2)).await;
    if let Some((kind, _, login)) = peer.message().await {
        kinds.push(kind);
        let place = |at: usize| usize::from(u16::from_le_bytes([login[at], login[at + 1]]));
        // fIntSecurity, and nobody's name and password.
        assert_eq!((login[25] & 0x80, place(42), place(46)), (0x80, 0, 0));
        let name: Vec<u16> = login[place(52)..][..place(54) * 2]
            .chunks(2)
            .map(|c| u16::from_le_bytes([c[0], c[1]]))
            .collect();
        host = String::from_utf16(&name).expect("a name");
        let mut blob = login[place(78)..][..place(80)].to_vec();
        let mut mechanisms = OidSet::new();
        let ntlm = blob.starts_with(b"NTLMSSP\0");
        mechanisms.add(if ntlm { NTLMSSP } else { GSS_MECH_KRB5 }).expect("room");
        let credential = Cred::acquire(None, None, CredUsage::Accept, Some(&mechanisms));
        let mut context = ServerCtx::new(Some(credential.expect("a key of the service")));
        loop {
            let reply = match context.step(&blob, None) {
                Ok(reply) => reply.map(|r| r.to_vec()),
                Err(e) => {
                    println!("\nacceptor: {e}");
                    peer.answer(&refusal()).await;
                    break;
                }
            };
            let complete = context.is_complete();
            if complete {
                let name = context.source_name().and_then(|n| n.display_name());
                let name = name.expect("a client");
                // That of gss-ntlmssp counts the NUL behind it, too.
                who = String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned();
            }
            let reply = reply.map(|r| token(SSPI, &r)).unwrap_or_default();
            if together == "unproven" {
                peer.answer(&[welcome(), done(0)].concat()).await;
            } else if reply.is_empty() || complete && together == "yes" {
                peer.answer(&[reply, welcome(), done(0)].concat()).await;
            } else {
                peer.answer(&reply).await;
                let Some((kind, _, next)) = peer.message().await else { break };
                kinds.push(kind);
                if !complete {
                    blob = next;
                    continue;
                }
                assert!(next.is_empty(), "there is nothing more to say");
                peer.answer(&[welcome(), done(0)].concat()).await;
            }
            // A message that is no batch would be one too many.
            if let Some((1, _, _)) = peer.message().await {
                peer.answer(&[ints(&[7]), done(1)].concat()).await;
            }
            break;
        }
    }
    let kinds: String = kinds.iter().map(|k| format!(" {k}")).collect();
    format!("{who} asked {host} with{kinds}")
}

/// Error 18452, as SQL Server has it for a Windows login that cannot be trusted.
fn refusal() -> Vec<u8> {
    let text = "Login failed. The login is from an untrusted domain.";
    let mut inner = vec![0x14, 0x48, 0, 0, 1, 14, text.len() as u8, 0];
    inner.extend([utf16(text), vec![1, b'S', 0, 0, 1, 0, 0, 0]].concat());
    let error = token(0xAA, &inner);
    [&error[..], &[0xFD, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat()
}
