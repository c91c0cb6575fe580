//! PRELOGIN, TLS in all its kinds, and the login.

use mssql_mcp_session::{AuthMethod, Encrypt, Error, Json, Session, Stage, Tls, TlsProblem, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::peer::{
    Peer, config, done, ints, packet_size, prelogin, serve, target, token, utf16, welcome,
};

pub(crate) fn tls(encrypt: Encrypt, trust: Trust) -> Tls {
    Tls::new(encrypt, &trust, None).expect("a configuration")
}

/// A certificate that has signed itself, for a name.
pub(crate) fn self_signed(name: &str, authority: bool) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    (params.self_signed(&key).expect("a certificate"), key)
}

async fn one_row(session: &mut Session) -> String {
    let mut json = Json::new();
    let mut answer = session.batch("SELECT n").await.expect("sent");
    while answer.next(&mut json).await.expect("an answer").is_some() {}
    String::from_utf8(json.out().to_vec()).expect("UTF-8")
}

/// A server of TDS 7.4 that offers encryption, and answers one batch.
async fn encrypted(tls: Tls, certificate: (rcgen::Certificate, KeyPair)) -> Result<String, Error> {
    let (address, _task) = serve(move |mut peer: Peer| async move {
        peer.message().await.expect("PRELOGIN");
        peer.answer(&prelogin(1)).await;
        peer.handshake(config(&certificate.0, &certificate.1), true).await;
        if peer.message().await.is_none() {
            return;
        }
        peer.answer(&[welcome(), packet_size("32767"), done(0)].concat()).await;
        peer.message().await.expect("a batch");
        peer.answer(&[ints(&[7]), done(1)].concat()).await;
        peer.packet().await;
    })
    .await;
    let mut session = Session::connect(&target(address, tls)).await?;
    assert!(session.is_encrypted());
    Ok(one_row(&mut session).await)
}

#[tokio::test]
async fn a_login_asks_for_features_and_keeps_what_was_agreed() {
    let (address, task) = serve(|mut peer: Peer| async move {
        peer.message().await.expect("PRELOGIN");
        peer.answer(&prelogin(2)).await;
        let (_, _, login) = peer.message().await.expect("LOGIN7");
        let acks = [0xAE, 9, 2, 0, 0, 0, 2, 1, 10, 1, 0, 0, 0, 1, 14, 1, 0, 0, 0, 1, 0xFF];
        peer.answer(&[&welcome()[..], &packet_size("2048"), &acks, &done(0)].concat()).await;
        login
    })
    .await;
    let session = Session::connect(&target(address, Tls::off())).await.expect("a session");
    let agreed = session.agreed();
    assert!(agreed.utf8 && agreed.vector && agreed.labels && !agreed.json);
    assert_eq!((session.packet_size(), session.database()), (2048, "shop"));
    assert_eq!(session.server().program, "Microsoft SQL Server");
    assert_eq!((session.version(), session.server().version), ((16, 0, 1041), (16, 0, 1041)));
    let login = task.await.expect("LOGIN7");
    let at = |n: usize| usize::from(u16::from_le_bytes([login[n], login[n + 1]]));
    assert_eq!(login[27] & 0x10, 0x10);
    let block = u32::from_le_bytes(login[at(56)..at(56) + 4].try_into().expect("4 bytes"));
    assert_eq!(login[block as usize..][..6], [9, 1, 0, 0, 0, 2]);
    assert_eq!(login.last(), Some(&0xFF));
}

#[tokio::test]
async fn a_certificate_that_was_given_is_trusted_whatever_it_says() {
    for (name, authority) in [("localhost", false), ("elsewhere", false), ("127.0.0.1", true)] {
        let made = self_signed(name, authority);
        let trust = Trust::These(made.0.pem().into_bytes());
        let row = encrypted(tls(Encrypt::On, trust), made).await;
        assert_eq!(row.as_deref(), Ok("[7]"), "{name} {authority}");
    }
}

#[tokio::test]
async fn an_authority_signs_for_names() {
    let (ca, ca_key) = self_signed("ca", true);
    let mut params = CertificateParams::new(vec!["ca".to_owned()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::new(params, &ca_key);
    for (name, expected) in [
        ("127.0.0.1", Ok("[7]".to_owned())),
        ("elsewhere", Err(Error::Tls(TlsProblem::Name("127.0.0.1".into())))),
    ] {
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let leaf = leaf.signed_by(&key, &issuer).expect("signed");
        let trust = Trust::These(ca.pem().into_bytes());
        assert_eq!(encrypted(tls(Encrypt::On, trust), (leaf, key)).await, expected);
    }
}

#[tokio::test]
async fn what_nobody_has_signed_is_refused_in_words_that_help() {
    let other = self_signed("127.0.0.1", false).0.pem().into_bytes();
    for (trust, problem) in [
        (Trust::System, TlsProblem::Untrusted),
        // Both are called the same, so that only the signature tells them apart.
        (Trust::These(other), TlsProblem::Signature),
    ] {
        let e = encrypted(tls(Encrypt::On, trust), self_signed("127.0.0.1", false)).await;
        let e = e.expect_err("not trusted");
        assert_eq!(e, Error::Tls(problem));
        assert!(e.to_string().contains("database.ca_file"), "{e}");
    }
    let row = encrypted(tls(Encrypt::On, Trust::Anyone), self_signed("x", true)).await;
    assert_eq!(row.as_deref(), Ok("[7]"));
}

#[tokio::test]
async fn strict_has_tls_before_anything_else() {
    let (address, _task) = serve(|mut peer: Peer| async move {
        let made = self_signed("127.0.0.1", false);
        peer.handshake(config(&made.0, &made.1), false).await;
        peer.log_in().await;
        peer.message().await.expect("a batch");
        peer.answer(&[ints(&[8]), done(1)].concat()).await;
        peer.packet().await;
    })
    .await;
    let target = target(address, tls(Encrypt::Strict, Trust::Anyone));
    let mut session = Session::connect(&target).await.expect("a session");
    assert_eq!(one_row(&mut session).await, "[8]");
}

#[tokio::test]
async fn login_only_is_plain_behind_the_login() {
    let (address, _task) = serve(|mut peer: Peer| async move {
        peer.message().await.expect("PRELOGIN");
        peer.answer(&prelogin(0)).await;
        let made = self_signed("127.0.0.1", false);
        peer.handshake(config(&made.0, &made.1), true).await;
        assert_eq!(peer.last_sealed().await.map(|p| (p.0, p.1)), Some((16, 1)));
        peer.answer(&[welcome(), done(0)].concat()).await;
        peer.message().await.expect("a batch");
        peer.answer(&[ints(&[9]), done(1)].concat()).await;
        peer.packet().await;
    })
    .await;
    let target = target(address, tls(Encrypt::LoginOnly, Trust::Anyone));
    let mut session = Session::connect(&target).await.expect("a session");
    assert!(!session.is_encrypted());
    assert_eq!(one_row(&mut session).await, "[9]");
}

#[tokio::test]
async fn login_only_is_plain_behind_the_first_packet_of_a_long_login() {
    let (address, _task) = serve(|mut peer: Peer| async move {
        peer.message().await.expect("PRELOGIN");
        peer.answer(&prelogin(0)).await;
        let made = self_signed("127.0.0.1", false);
        peer.handshake(config(&made.0, &made.1), true).await;
        let first = peer.last_sealed().await.expect("LOGIN7");
        assert_eq!((first.0, first.1, first.2.len()), (16, 0, 4088));
        let (kind, status, rest) = peer.packet().await.expect("its rest");
        assert_eq!((kind, status), (16, 1));
        let length = u32::from_le_bytes(first.2[..4].try_into().expect("4 bytes"));
        assert_eq!(length as usize, first.2.len() + rest.len());
        peer.answer(&[welcome(), done(0)].concat()).await;
        peer.packet().await;
    })
    .await;
    let mut target = target(address, tls(Encrypt::LoginOnly, Trust::Anyone));
    target.login.application_name("a".repeat(2500));
    Session::connect(&target).await.expect("a session");
}

#[tokio::test]
async fn no_secret_goes_behind_the_packet_that_is_encrypted() {
    let long = "t0ken".repeat(600);
    for secret in [AuthMethod::aad_token(&long), AuthMethod::sql_server("ada", &long)] {
        let (address, task) = serve(|mut peer: Peer| async move {
            peer.message().await.expect("PRELOGIN");
            peer.answer(&prelogin(0)).await;
            let made = self_signed("127.0.0.1", false);
            peer.handshake(config(&made.0, &made.1), true).await;
            peer.last_sealed().await
        })
        .await;
        let mut target = target(address, tls(Encrypt::LoginOnly, Trust::Anyone));
        target.login.authentication(secret);
        let e = Session::connect(&target).await.map(drop);
        assert!(matches!(e, Err(Error::Encryption(_))), "{e:?}");
        assert_eq!(task.await.expect("no panic"), None);
    }
}

#[tokio::test]
async fn both_sides_must_want_the_same_encryption() {
    for (encrypt, offered) in [
        (Encrypt::On, 2),
        (Encrypt::On, 0),
        (Encrypt::LoginOnly, 2),
        (Encrypt::Off, 3),
        (Encrypt::Off, 1),
    ] {
        let (address, _task) = serve(move |mut peer: Peer| async move {
            peer.message().await.expect("PRELOGIN");
            peer.answer(&prelogin(offered)).await;
            // No password may follow.
            assert_eq!(peer.packet().await, None);
        })
        .await;
        let e = Session::connect(&target(address, tls(encrypt, Trust::Anyone))).await;
        assert!(matches!(e, Err(Error::Encryption(_))), "{encrypt:?} {offered}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    for (encrypt, stage) in [(Encrypt::On, Stage::Prelogin), (Encrypt::Strict, Stage::Tls)] {
        let (address, _task) =
            serve(async |mut peer: Peer| while peer.packet().await.is_some() {}).await;
        let mut target = target(address, tls(encrypt, Trust::Anyone));
        target.connect_timeout = std::time::Duration::from_millis(200);
        let e = Session::connect(&target).await.map(drop);
        assert_eq!(e, Err(Error::Slow(stage)));
    }
    let (address, _task) = serve(|peer: Peer| async move { drop(peer) }).await;
    let e = Session::connect(&target(address, Tls::off())).await;
    assert!(matches!(e, Err(Error::Lost(_))));
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let e = Session::connect(&target(address, Tls::off())).await;
    assert!(matches!(e, Err(Error::Refused(_))));
}

#[tokio::test]
async fn the_instance_that_is_named_must_answer() {
    for (named, fits) in [(Some("SALES"), false), (None, true)] {
        let (address, _task) = serve(move |mut peer: Peer| async move {
            let (_, _, asked) = peer.message().await.expect("PRELOGIN");
            let name = [named.unwrap_or_default().as_bytes(), &[0]].concat();
            assert!(asked.windows(name.len()).any(|w| w == name));
            // VERSION, ENCRYPTION and INSTOPT, whose 1 says that it is another.
            let answer = [0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 2, 0, 23, 0, 1, 0xFF];
            peer.answer(&[&answer[..], &[16, 0, 4, 17, 0, 0, 2, 1]].concat()).await;
            if peer.message().await.is_some() {
                peer.answer(&[welcome(), done(0)].concat()).await;
            }
        })
        .await;
        let mut target = target(address, Tls::off());
        target.instance = named.map(str::to_owned);
        assert_eq!(Session::connect(&target).await.is_ok(), fits);
    }
}

#[tokio::test]
async fn a_refused_login_is_in_the_servers_words() {
    for closes_early in [false, true] {
        let (address, _task) = serve(move |mut peer: Peer| async move {
            peer.message().await.expect("PRELOGIN");
            peer.answer(&prelogin(2)).await;
            peer.message().await.expect("LOGIN7");
            let text = "Login failed for user 'ada'.";
            let mut inner = vec![0x18, 0x48, 0, 0, 8, 14, text.len() as u8, 0];
            inner.extend([utf16(text), vec![1, b'S', 0, 0, 1, 0, 0, 0]].concat());
            let mut answer = token(0xAA, &inner);
            if !closes_early {
                answer.extend([0xFD, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
            peer.answer(&answer).await;
        })
        .await;
        let e = Session::connect(&target(address, Tls::off())).await.map(drop);
        let Err(Error::Login(m)) = e else { panic!("{e:?}") };
        assert_eq!((m.number, m.state, &*m.server), (18_456, 8, "S"));
    }
}

#[tokio::test]
async fn a_login_that_belongs_elsewhere_says_where() {
    let (address, _task) = serve(|mut peer: Peer| async move {
        peer.message().await.expect("PRELOGIN");
        peer.answer(&prelogin(2)).await;
        peer.message().await.expect("LOGIN7");
        let inner = [&[20, 9, 0, 0, 0x99, 5, 2, 0][..], &utf16("db"), &[0, 0]].concat();
        peer.answer(&[welcome(), token(0xE3, &inner), done(0)].concat()).await;
    })
    .await;
    let e = Session::connect(&target(address, Tls::off())).await.map(drop);
    assert_eq!(e, Err(Error::Routing { host: "db".into(), port: 1433 }));
}
