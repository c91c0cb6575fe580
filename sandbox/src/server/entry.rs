//! The way in: PRELOGIN, TLS, LOGIN7, and what is answered to each.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Server;
use super::admit::{Admitted, admit, admit_windows, check_version};
use super::connection;
use super::features::SECURITY_TOKEN;
use super::login::{self, Login7};
use super::options::Options;
use super::prelogin::{self, Hello, TokenTerms, encryption};
use super::seen::SeenLogin;
use super::stream::{Stream, handshake, strict_handshake};
use super::windows::shake_hands;
use crate::error::Error;
use crate::run::Login;
use crate::tds::token::{self, Done, status};
use crate::tds::wire::{self, Message, kind, read_message};

/// The packet size until a login asks for another.
const PACKET_SIZE: usize = 4096;

/// The first byte of a TLS handshake (RFC 8446 §5.1, ContentType).
const TLS_HANDSHAKE: u8 = 22;

/// Serves one connection to its end.
pub(super) async fn serve(server: Arc<Server>, mut tcp: TcpStream, spid: i64) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    if server.faults().drop_before_login {
        return Ok(());
    }
    let mut first = [0];
    if tcp.peek(&mut first).await? == 1 && first[0] == TLS_HANDSHAKE {
        return serve_strict(server, tcp, spid).await;
    }
    let Some(hello) = read_message(&mut tcp).await? else { return Ok(()) };
    if hello.kind != kind::PRELOGIN {
        return Ok(());
    }
    let hello = prelogin::read(&hello.body);
    let answer = match hello.encryption {
        _ if !server.options.tls => encryption::NOT_SUPPORTED,
        wanted @ (encryption::OFF | encryption::NOT_SUPPORTED) => wanted,
        // Whoever wants it, or requires it.
        _ => encryption::ON,
    };
    let terms = agree(&server.options, &hello, answer != encryption::NOT_SUPPORTED)?;
    let mut out = BytesMut::new();
    wire::packets(&prelogin::answer(answer, &terms), PACKET_SIZE, &mut 0, true, &mut out);
    tcp.write_all(&out).await?;
    let (stream, login) = match answer {
        encryption::ON => {
            let mut tls = handshake(&server.tls.in_prelogin, tcp).await?;
            let login = read_message(&mut tls).await?;
            (Stream::Tls(Box::new(tls)), login)
        }
        // Only LOGIN7 is encrypted; afterwards the socket is plain again.
        encryption::OFF => {
            let mut tls = handshake(&server.tls.in_prelogin, tcp).await?;
            let login = read_message(&mut tls).await?;
            (Stream::Plain(tls.into_inner().0.into_inner()), login)
        }
        _ => {
            let login = read_message(&mut tcp).await?;
            (Stream::Plain(tcp), login)
        }
    };
    session(server, stream, login, terms, spid).await
}

/// TDS 8.0: TLS comes first, and all else is within it.
async fn serve_strict(server: Arc<Server>, tcp: TcpStream, spid: i64) -> io::Result<()> {
    if !server.options.tls {
        return Ok(());
    }
    let mut tls = strict_handshake(&server.tls.strict, tcp).await?;
    let hello = match read_message(&mut tls).await? {
        Some(hello) if hello.kind == kind::PRELOGIN => prelogin::read(&hello.body),
        _ => return Ok(()),
    };
    let terms = agree(&server.options, &hello, true)?;
    let mut out = BytesMut::new();
    let answer = prelogin::answer(encryption::ON, &terms);
    wire::packets(&answer, PACKET_SIZE, &mut 0, true, &mut out);
    tls.write_all(&out).await?;
    tls.flush().await?;
    let login = read_message(&mut tls).await?;
    session(server, Stream::Tls(Box::new(tls)), login, terms, spid).await
}

/// What is agreed about tokens: who does not ask for a login by one is offered none.
fn agree(options: &Options, hello: &Hello, encrypted: bool) -> io::Result<TokenTerms> {
    let required = hello.federated && !options.principals.is_empty();
    let nonce = (required && options.nonce).then(prelogin::new_nonce).transpose()?;
    Ok(TokenTerms { encrypted, required, nonce, of_client: hello.nonce })
}

/// Whether a login may come in.
async fn decide(
    server: &Server,
    stream: &mut Stream,
    login: &Login7,
    terms: &TokenTerms,
) -> io::Result<Result<Admitted, Vec<Error>>> {
    let (options, shared) = (&server.options, &server.shared);
    if let Some(fedauth) = &login.features.fedauth {
        // Other libraries bring none with LOGIN7.
        if fedauth.library == SECURITY_TOKEN {
            server.keep_token(&fedauth.token);
        }
    }
    if let Err(e) = check_version(login.tds_version) {
        return Ok(Err(vec![e]));
    }
    if let Some(refusal) = server.next_login_error() {
        return Ok(Err(vec![refusal]));
    }
    let Some(first) = login.sspi.clone() else {
        return Ok(admit(options, shared, login, terms));
    };
    let acceptor = options.windows_acceptor.as_ref();
    Ok(match shake_hands(acceptor, stream, first, PACKET_SIZE).await? {
        Err(e) => Err(vec![e]),
        Ok(name) => admit_windows(options, shared, login, &name),
    })
}

/// Answers the login, and then requests.
async fn session(
    server: Arc<Server>,
    mut stream: Stream,
    message: Option<Message>,
    terms: TokenTerms,
    spid: i64,
) -> io::Result<()> {
    let Some(message) = message.filter(|m| m.kind == kind::LOGIN) else { return Ok(()) };
    let mut login = login::read(message.body.freeze())?;
    let faults = server.faults();
    if let Some(delay) = faults.login_delay {
        tokio::time::sleep(delay).await;
    }
    let admitted = decide(&server, &mut stream, &login, &terms).await?;
    server.remember(SeenLogin::new(&login, &admitted));
    // A TLS record holds 16 KiB, and a packet may not be larger.
    if matches!(stream, Stream::Tls(_)) {
        login.packet_size = login.packet_size.min(16_383);
    }
    let mut tokens = BytesMut::new();
    let route = login::route(&login, &faults);
    match &admitted {
        Err(told) if login.tds_version >> 24 < 0x72 => {
            told.iter().for_each(|e| token::error_before_7_2(e, &mut tokens));
        }
        Err(told) => {
            told.iter().for_each(|e| token::error(e, &mut tokens));
            token::done(Done::Statement, status::ERROR, 0, 0, &mut tokens);
        }
        Ok(admitted) => {
            let database = &admitted.database;
            login::greet(&login, database, terms.of_client, route, &faults, &mut tokens);
        }
    }
    let mut out = BytesMut::new();
    wire::packets(&tokens, PACKET_SIZE, &mut 1, true, &mut out);
    stream.write_all(&out).await?;
    stream.flush().await?;
    match admitted {
        Ok(admitted) if route.is_none() => {
            let size = login.packet_size;
            let Login7 { program, host, .. } = login;
            let Admitted { login: user, database, access } = admitted;
            let login = Login { user, program, host, database, access };
            connection::run(server, stream, size, login, spid).await
        }
        _ => stream.shutdown().await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::SandboxPrincipal;
    use super::*;

    #[test]
    fn tokens_are_offered_to_those_who_ask_and_where_somebody_has_one() {
        let nobody = Options::default();
        let somebody =
            Options { principals: vec![SandboxPrincipal::default()], ..Options::default() };
        let offered = |options: &Options, federated| {
            let hello = Hello { encryption: encryption::ON, federated, nonce: Some([2; 32]) };
            let terms = agree(options, &hello, true).expect("terms");
            assert_eq!(terms.of_client, Some([2; 32]));
            (terms.required, terms.nonce.is_some())
        };
        assert_eq!(offered(&somebody, true), (true, true));
        assert_eq!(offered(&somebody, false), (false, false));
        assert_eq!(offered(&nobody, true), (false, false));
        let without_nonce = Options { nonce: false, ..somebody };
        assert_eq!(offered(&without_nonce, true), (true, false));
    }
}
