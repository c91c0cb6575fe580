//! One client connection: PRELOGIN, TLS, LOGIN7, then requests, with an eye on
//! Attention while one runs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::catalog::DATABASE;
use crate::error::Error;
use crate::messages;
use crate::run::Engine;
use crate::tds::out::{Out, Piece};
use crate::tds::request::{self, Login, Request};
use crate::tds::token::{self, Done, status};
use crate::tds::wire::{self, Message, PreloginIo, Stream, kind, read_message};
use crate::types::{Type, Value};
use crate::{Attention, Inner};

/// Serves one connection to its end.
pub(crate) async fn serve(inner: Arc<Inner>, mut tcp: TcpStream, spid: i64) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    if inner.faults().drop_before_login {
        return Ok(());
    }
    let Some(hello) = read_message(&mut tcp).await? else { return Ok(()) };
    if hello.kind != kind::PRELOGIN {
        return Ok(());
    }
    let wants = prelogin_encryption(&hello.body);
    // 0 off (login only), 1 on, 2 not supported, 3 required.
    let answer = match (wants, inner.options.tls) {
        (_, false) => 2,
        (0, true) => 0,
        (2, true) => 2,
        _ => 1,
    };
    let mut out = BytesMut::new();
    wire::packets(&prelogin_answer(answer), 4096, &mut 0, true, &mut out);
    tcp.write_all(&out).await?;
    let mut stream = match answer {
        1 => Stream::Tls(Box::new(handshake(&inner.acceptor, tcp).await?)),
        0 => return login_only_tls(inner, tcp, spid).await,
        _ => Stream::Plain(tcp),
    };
    let Some(login) = read_message(&mut stream).await? else { return Ok(()) };
    session(inner, stream, login, spid).await
}

async fn handshake(
    acceptor: &TlsAcceptor,
    tcp: TcpStream,
) -> io::Result<tokio_rustls::server::TlsStream<PreloginIo>> {
    let mut tls = acceptor.accept(PreloginIo::new(tcp)).await?;
    tls.get_mut().0.finish();
    Ok(tls)
}

/// ENCRYPT_OFF: only LOGIN7 is encrypted; afterwards the socket is plain again.
async fn login_only_tls(inner: Arc<Inner>, tcp: TcpStream, spid: i64) -> io::Result<()> {
    let mut tls = handshake(&inner.acceptor, tcp).await?;
    let Some(login) = read_message(&mut tls).await? else { return Ok(()) };
    let (io, _) = tls.into_inner();
    session(inner, Stream::Plain(io.into_inner()), login, spid).await
}

fn prelogin_encryption(body: &[u8]) -> u8 {
    let mut at = 0;
    while let Some([token, o1, o2, _, _]) =
        body.get(at..at + 5).and_then(|b| <[u8; 5]>::try_from(b).ok())
    {
        if token == 0xFF {
            break;
        }
        if token == 1 {
            return body.get(usize::from(u16::from_be_bytes([o1, o2]))).copied().unwrap_or(2);
        }
        at += 5;
    }
    2
}

fn prelogin_answer(encryption: u8) -> Bytes {
    let mut b = BytesMut::new();
    // VERSION, ENCRYPTION, INSTOPT, THREADID, MARS: offsets follow the table of 26 bytes.
    for (token, offset, len) in [(0u8, 26u16, 6u16), (1, 32, 1), (2, 33, 1), (3, 34, 0), (4, 34, 1)]
    {
        b.put_u8(token);
        b.put_u16(offset);
        b.put_u16(len);
    }
    b.put_u8(0xFF);
    b.put_slice(&[15, 0, 0x07, 0xD0, 0, 0]);
    b.put_slice(&[encryption, 0, 0]);
    b.freeze()
}

async fn session(
    inner: Arc<Inner>,
    mut stream: Stream,
    message: Message,
    spid: i64,
) -> io::Result<()> {
    if message.kind != kind::LOGIN {
        return Ok(());
    }
    let mut login = request::login(message.body.freeze())?;
    // A TLS record holds 16 KiB, and a packet may not be larger.
    if matches!(stream, Stream::Tls(_)) {
        login.packet_size = login.packet_size.min(16_383);
    }
    let faults = inner.faults();
    if let Some(d) = faults.login_delay {
        tokio::time::sleep(d).await;
    }
    let mut b = BytesMut::new();
    let refusal = refuse(&inner, &login);
    let ok = refusal.is_none();
    match refusal {
        Some(e) if login.tds_version >> 24 < 0x72 => {
            token::error_before_7_2(&e, &mut b);
        }
        Some(e) => {
            token::error(&e, &mut b);
            token::done(Done::Statement, status::ERROR, 0, 0, &mut b);
        }
        None => greet(&login, faults.route_to.as_ref(), &mut b),
    }
    let mut out = BytesMut::new();
    wire::packets(&b, 4096, &mut 1, true, &mut out);
    stream.write_all(&out).await?;
    stream.flush().await?;
    if !ok || faults.route_to.is_some() {
        return stream.shutdown().await;
    }
    run(inner, stream, login, spid).await
}

fn refuse(inner: &Inner, login: &Login) -> Option<Error> {
    // Older clients read other tokens, and have no date, time, datetime2 and datetimeoffset.
    if !(0x73..=0x74).contains(&(login.tds_version >> 24)) {
        let version = login.tds_version;
        return Some(Error::unsupported(format!(
            "TDS {:x}.{:x}",
            version >> 28,
            version >> 24 & 0xF
        )));
    }
    if login.user != inner.options.user || login.password != inner.options.password {
        return Some(messages::login_failed(&login.user));
    }
    let known = login.database.is_empty()
        || ["master", "tempdb", DATABASE].iter().any(|d| d.eq_ignore_ascii_case(&login.database));
    (!known).then(|| messages::cannot_open_database(&login.database))
}

fn greet(login: &Login, route: Option<&(String, u16)>, b: &mut BytesMut) {
    let database = if login.database.is_empty() { DATABASE } else { &login.database };
    token::env_text(1, database, "master", b);
    token::info(5701, 0, 2, 1, &format!("Changed database context to '{database}'."), b);
    token::env_bytes(7, &token::COLLATION, &[], b);
    token::env_text(2, "us_english", "", b);
    token::info(5703, 0, 1, 1, "Changed language setting to us_english.", b);
    token::login_ack(login.tds_version, b);
    token::env_text(4, &login.packet_size.to_string(), "4096", b);
    if let Some((host, port)) = route {
        token::env_routing(host, *port, b);
    }
    token::done(Done::Statement, 0, 0, 0, b);
}

async fn run(inner: Arc<Inner>, stream: Stream, login: Login, spid: i64) -> io::Result<()> {
    let cancel = Arc::new(AtomicBool::new(false));
    let (to_engine, mut requests) = mpsc::channel::<Request>(1);
    let (pieces, mut answers) = mpsc::channel::<Piece>(4);
    let (handle_tx, handle_rx) = tokio::sync::oneshot::channel();
    let (state, engine_cancel, size) = (inner.clone(), cancel.clone(), login.packet_size);
    // SQLite blocks, so each session's engine has a thread of its own; it ends
    // when the connection does.
    std::thread::Builder::new().name("sandbox-session".into()).spawn(move || {
        let made = Engine::new(state.shared.clone(), spid, &login.user, &login.app, &login.host, engine_cancel.clone());
        let Ok(mut engine) = made else { return };
        let _ = handle_tx.send(engine.interrupt_handle());
        while let Some(r) = requests.blocking_recv() {
            let mut out = Out::new(pieces.clone(), engine_cancel.clone(), state.rows_sent.clone());
            let mut faults = state.faults();
            out.row_delay = faults.row_delay;
            out.drop_after_rows = faults.drop_after_rows;
            let untyped = |r: &Request| matches!(r, Request::Rpc(all) if all.iter().flat_map(|r| &r.params).any(|p| p.ty == Type::Null));
            let refused = (faults.refuse_untyped && untyped(&r)).then(|| {
                messages::untyped_parameter()
            });
            if let Some(e) = refused.or_else(|| faults.error.take()) {
                state.set_faults(|f| f.error = None);
                let _ = out.write(|b| token::error(&e, b));
                let rpc = matches!(r, Request::Rpc(_));
                out.done(if rpc { Done::Proc } else { Done::Statement }, status::ERROR, 0, 0);
                out.end(false);
            } else if !scripted(&state, &r, &mut out) {
                engine.run(r, &mut out);
            }
        }
    })?;
    let Ok(interrupt) = handle_rx.await else { return Ok(()) };
    let (mut reader, mut writer) = tokio::io::split(stream);
    let result = requests_loop(
        &inner,
        &mut reader,
        &mut writer,
        &to_engine,
        &mut answers,
        &cancel,
        &interrupt,
        size,
    )
    .await;
    // Whatever still runs must stop, or its thread would outlive the connection.
    cancel.store(true, Ordering::Release);
    interrupt.interrupt();
    answers.close();
    result
}

#[expect(clippy::too_many_arguments, reason = "the two halves of one connection and its engine")]
async fn requests_loop(
    inner: &Inner,
    reader: &mut ReadHalf<Stream>,
    writer: &mut WriteHalf<Stream>,
    to_engine: &mpsc::Sender<Request>,
    answers: &mut mpsc::Receiver<Piece>,
    cancel: &AtomicBool,
    interrupt: &rusqlite::InterruptHandle,
    size: usize,
) -> io::Result<()> {
    let mut early: Option<Option<Message>> = None;
    loop {
        let message = match early.take() {
            Some(m) => m,
            None => read_message(reader).await?,
        };
        let Some(message) = message else { return Ok(()) };
        if message.kind == kind::ATTENTION {
            // Nothing runs: the acknowledgement stands alone.
            acknowledge(inner, reader, writer, BytesMut::new(), size, &mut 1).await?;
            continue;
        }
        let request = request::read(message.kind, message.body.freeze());
        inner.requests.fetch_add(1, Ordering::Relaxed);
        cancel.store(false, Ordering::Release);
        if to_engine.send(request).await.is_err() {
            return Ok(());
        }
        let mut buf = BytesMut::new();
        let mut id = 1u8;
        let mut next = Box::pin(read_message(reader));
        let mut attention = false;
        loop {
            tokio::select! {
                m = &mut next, if !attention && early.is_none() => match m? {
                    Some(m) if m.kind == kind::ATTENTION => {
                        inner.attentions.fetch_add(1, Ordering::Relaxed);
                        attention = true;
                        if inner.faults().attention != Attention::Lost {
                            cancel.store(true, Ordering::Release);
                            interrupt.interrupt();
                        }
                    }
                    None => return Ok(()),
                    other => early = Some(other),
                },
                piece = answers.recv() => match piece {
                    None | Some(Piece::Drop) => {
                        let mut out = BytesMut::new();
                        wire::packets(&buf, size, &mut id, false, &mut out);
                        writer.write_all(&out).await?;
                        return writer.flush().await;
                    }
                    Some(Piece::Data(d)) => {
                        buf.extend_from_slice(&d);
                        if buf.len() > size - 8 {
                            // Only the last packet of a message may be short.
                            let whole = (buf.len() - 1) / (size - 8) * (size - 8);
                            let full = buf.split_to(whole);
                            let mut out = BytesMut::with_capacity(full.len() + 64);
                            wire::packets(&full, size, &mut id, false, &mut out);
                            writer.write_all(&out).await?;
                        }
                    }
                    Some(Piece::Flush) => {
                        if !buf.is_empty() {
                            let mut out = BytesMut::new();
                            wire::packets(&buf.split(), size, &mut id, false, &mut out);
                            writer.write_all(&out).await?;
                        }
                        writer.flush().await?;
                    }
                    Some(Piece::End) => break,
                },
            }
        }
        if attention {
            drop(next);
            acknowledge(inner, reader, writer, buf, size, &mut id).await?;
            continue;
        }
        let mut out = BytesMut::with_capacity(buf.len() + 64);
        wire::packets(&buf, size, &mut id, true, &mut out);
        writer.write_all(&out).await?;
        writer.flush().await?;
        // The read that watched for an Attention may already hold a part of the next message.
        if early.is_none() {
            early = Some(next.await?);
        }
    }
}

/// DONE with the attention bit, unless a fault keeps it back.
async fn acknowledge(
    inner: &Inner,
    reader: &mut ReadHalf<Stream>,
    writer: &mut WriteHalf<Stream>,
    mut buf: BytesMut,
    size: usize,
    id: &mut u8,
) -> io::Result<()> {
    match inner.faults().attention {
        Attention::Lost => {
            // Whoever gave up closes the connection, and with it goes what its transaction locked.
            while read_message(reader).await?.is_some() {}
            return Ok(());
        }
        Attention::Late(d) => tokio::time::sleep(d).await,
        Attention::Normal => {}
    }
    token::done(Done::Statement, status::ATTENTION, 0, 0, &mut buf);
    let mut out = BytesMut::new();
    wire::packets(&buf, size, id, true, &mut out);
    writer.write_all(&out).await?;
    writer.flush().await
}

/// Answers from the scripts, if one has this text.
fn scripted(inner: &Inner, r: &Request, out: &mut Out) -> bool {
    let scripts = inner.scripts.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    if scripts.is_empty() {
        return false;
    }
    let (text, rpc) = match r {
        Request::Batch(t) => (t.as_str(), false),
        Request::Rpc(all) => {
            let [one] = all.as_slice() else { return false };
            let params = &one.params;
            let inner = params.iter().find(|p| p.name == "@q").or(params.first());
            match inner.map(|p| &p.value) {
                Some(Value::Str(s)) => (s.as_str(), true),
                _ => return false,
            }
        }
        _ => return false,
    };
    let Some(script) = scripts.get(text.trim()).cloned() else { return false };
    drop(scripts);
    let (each, last) =
        if rpc { (Done::InProc, Done::Proc) } else { (Done::Statement, Done::Statement) };
    let mut result = out.write(|b| b.extend_from_slice(&script.head));
    for _ in 0..script.repeat {
        if result.is_err() {
            break;
        }
        result = out.check().and_then(|()| out.write(|b| b.extend_from_slice(&script.rows)));
        out.rows_sent.fetch_add(script.rows_per_repeat, Ordering::Relaxed);
    }
    let cancelled = result.is_err();
    out.done(each, status::COUNT, 0xC1, script.repeat * script.rows_per_repeat);
    if rpc {
        let _ = out.write(|b| token::return_status(0, b));
        out.done(last, 0, 0, 0);
    }
    out.end(cancelled);
    true
}
