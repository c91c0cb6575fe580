//! Windows logins by a password, message by message.

use mssql_mcp_session::{Encrypt, Error, Session, Tls, Trust, WindowsLogin};

use crate::login::{self_signed, tls};
use crate::peer::{Peer, config, done, prelogin, serve, target, token, welcome};

/// CHALLENGE with the server's name and time, as an SSPI token.
fn challenge() -> Vec<u8> {
    let flags = 0xA088_8205_u32.to_le_bytes();
    let pairs = [&[1, 0, 2, 0, b'S', 0, 7, 0, 8, 0][..], &[9; 8], &[0; 4]].concat();
    let head = [&b"NTLMSSP\0\x02\0\0\0"[..], &[0, 0, 0, 0, 48, 0, 0, 0], &flags, &[5; 8], &[0; 8]];
    let n = pairs.len() as u8;
    token(0xED, &[&head.concat()[..], &[n, 0, n, 0, 48, 0, 0, 0], &pairs].concat())
}

async fn connect(address: std::net::SocketAddr, tls: Tls) -> Result<Session, Error> {
    let mut target = target(address, tls);
    target.windows = Some(WindowsLogin::password("CORP\\ada", "s3cret").expect("an account"));
    Session::connect(&target).await
}

/// The part of LOGIN7 or of a message that is a token of NTLM, by its type.
fn is_ntlm(payload: &[u8], kind: u8) -> bool {
    let head = [&b"NTLMSSP\0"[..], &[kind, 0, 0, 0]].concat();
    payload.windows(head.len()).any(|w| w == head)
}

#[tokio::test]
async fn the_proof_is_a_message_of_its_own_and_plain_where_only_the_login_is_encrypted() {
    for encrypt in [Encrypt::Off, Encrypt::LoginOnly] {
        let (address, task) = serve(move |mut peer: Peer| async move {
            peer.message().await.expect("PRELOGIN");
            let (_, _, login) = match encrypt {
                Encrypt::Off => {
                    peer.answer(&prelogin(2)).await;
                    peer.message().await.expect("LOGIN7")
                }
                _ => {
                    peer.answer(&prelogin(0)).await;
                    let made = self_signed("127.0.0.1", false);
                    peer.handshake(config(&made.0, &made.1), true).await;
                    peer.last_sealed().await.expect("LOGIN7")
                }
            };
            assert!(is_ntlm(&login, 1));
            // Somebody else in the driver's configuration does not come along.
            assert_eq!((login[25] & 0x80, login[42], login[46]), (0x80, 0, 0));
            peer.answer(&challenge()).await;
            let (kind, status, proof) = peer.message().await.expect("the proof");
            assert_eq!((kind, status, is_ntlm(&proof[..12], 3)), (17, 1, true));
            peer.answer(&[welcome(), done(0)].concat()).await;
            assert_eq!(peer.packet().await, None);
        })
        .await;
        let tls = if encrypt == Encrypt::Off { Tls::off() } else { tls(encrypt, Trust::Anyone) };
        let session = connect(address, tls).await.expect("a session");
        assert_eq!(session.database(), "shop");
        drop(session);
        task.await.expect("no more messages");
    }
}

#[tokio::test]
async fn a_challenge_that_comes_with_the_servers_consent_is_not_answered() {
    let (address, task) = serve(|mut peer: Peer| async move {
        peer.message().await.expect("PRELOGIN");
        peer.answer(&prelogin(2)).await;
        peer.message().await.expect("LOGIN7");
        peer.answer(&[challenge(), welcome(), done(0)].concat()).await;
        assert_eq!(peer.packet().await, None);
    })
    .await;
    drop(connect(address, Tls::off()).await.expect("a session"));
    task.await.expect("no more messages");
}

#[tokio::test]
async fn what_a_windows_login_cannot_go_on_with_is_an_error_of_its_own_side() {
    for (answer, what) in [(challenge(), "a second proof"), (token(0xED, b"NTLMSSP"), "malformed")]
    {
        let (address, _task) = serve(move |mut peer: Peer| async move {
            peer.message().await.expect("PRELOGIN");
            peer.answer(&prelogin(2)).await;
            peer.message().await.expect("LOGIN7");
            peer.answer(&answer).await;
            if peer.message().await.is_some() {
                peer.answer(&answer).await;
            }
        })
        .await;
        let e = connect(address, Tls::off()).await.map(drop).expect_err(what);
        assert!(matches!(&e, Error::Protocol(t) if t.contains(what)), "{e:?}");
    }
}

#[tokio::test]
async fn a_login_of_the_servers_own_is_not_turned_into_one_of_windows() {
    let (address, _task) = serve(|mut peer: Peer| async move {
        peer.message().await.expect("PRELOGIN");
        peer.answer(&prelogin(2)).await;
        peer.message().await.expect("LOGIN7");
        peer.answer(&challenge()).await;
    })
    .await;
    let e = Session::connect(&target(address, Tls::off())).await.map(drop);
    assert!(matches!(&e, Err(Error::Protocol(t)) if t.contains("nobody began")), "{e:?}");
}
