//! How a connection is made: TCP, PRELOGIN, TLS and the login, in one time.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::dial;
use crate::error::{Error, Stage};
use crate::login;
use crate::packet::{HEADER, Header, kind, packets};
use crate::prelogin::{self, encryption};
use crate::session::{Session, Way};
use crate::tls::{Encrypt, Tls};
use crate::windows::{Spn, WindowsLogin};
use crate::wire::Wire;

/// The most that one TLS record holds of a packet: SQL Server may close where a packet is cut into
/// two records.
const TLS_PACKET: u32 = 16_383;

/// How long a server may take over the handshake that comes first: one of TDS 7 takes it for half a
/// packet, and waits for the rest.
const STRICT: Duration = Duration::from_secs(4);

/// Where a server is, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name or address; the certificate's name, too, unless [`Tls`] has another.
    pub host: String,
    /// TCP port, 1433 where nobody has changed it.
    pub port: u16,
    /// The instance that must answer, where one is named.
    pub instance: Option<String>,
    /// Every address of the name is tried at the same time (MultiSubnetFailover).
    pub all_at_once: bool,
    /// TLS, shared by all connections to a server.
    pub tls: Tls,
    /// Who logs in, and to which database; its encryption and its times are not used.
    pub login: tiberius::Config,
    /// The Windows account that logs in, instead of who is in `login`.
    pub windows: Option<WindowsLogin>,
    /// What the server is called for a Windows login; otherwise [`service_principal_name`] for a
    /// ticket, and host and port as they are for a password.
    ///
    /// [`service_principal_name`]: crate::service_principal_name
    pub spn: Option<Spn>,
    /// The login is by a token (FEDAUTHREQUIRED).
    pub fed_auth: bool,
    /// Bytes of a packet to ask for, from 512; the server may give another.
    pub packet_size: u32,
    /// For connecting, PRELOGIN, TLS and the login together.
    pub connect_timeout: Duration,
    /// How long the server may take no bytes while a request is sent.
    pub write_timeout: Duration,
    /// How long a connection may be idle before the system asks whether the other end is there.
    pub keep_alive: Duration,
}

// === impl Target ===

impl Target {
    /// With the times and sizes that fit a server in the same network.
    pub fn new(host: impl Into<String>, port: u16, tls: Tls, login: tiberius::Config) -> Self {
        Self {
            host: host.into(),
            port,
            instance: None,
            all_at_once: false,
            tls,
            login,
            windows: None,
            spn: None,
            fed_auth: false,
            packet_size: 8000,
            connect_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(30),
        }
    }

    /// Where it is, as SQL Server's tools write it.
    pub fn at(&self) -> String {
        format!("{},{}", self.host, self.port)
    }

    /// Connects and logs in.
    pub(crate) async fn session(&self) -> Result<Session, Error> {
        let stage = AtomicU8::new(Stage::Connect as u8);
        let all = async {
            let tcp = dial::open(&self.host, self.port, self.all_at_once).await?;
            self.begin(tcp, &stage).await
        };
        self.in_time(all, &stage).await
    }

    /// Logs in over a connection that was made in another way, such as by SQL Server Browser.
    pub(crate) async fn session_over(&self, tcp: TcpStream) -> Result<Session, Error> {
        let stage = AtomicU8::new(Stage::Prelogin as u8);
        self.in_time(self.begin(tcp, &stage), &stage).await
    }

    async fn in_time(
        &self,
        all: impl Future<Output = Result<Session, Error>>,
        stage: &AtomicU8,
    ) -> Result<Session, Error> {
        match tokio::time::timeout(self.connect_timeout, Box::pin(all)).await {
            Ok(made) => made,
            Err(_) => Err(Error::Slow(Stage::of(stage.load(Ordering::Relaxed)))),
        }
    }

    async fn begin(&self, tcp: TcpStream, stage: &AtomicU8) -> Result<Session, Error> {
        let at = |s: Stage| stage.store(s as u8, Ordering::Relaxed);
        self.tune(&tcp).map_err(|e| Error::lost(&e))?;
        let peer = tcp.peer_addr().ok();
        // A named instance has its port from SQL Server Browser.
        let port = peer.map_or(self.port, |a| a.port());
        let encrypt = self.tls.encrypt();
        let strict = encrypt == Encrypt::Strict;
        let mut wire = Wire::Plain(tcp);
        if strict {
            at(Stage::Tls);
            let handshake = self.encrypted(wire, false);
            let limit = STRICT.min(self.connect_timeout);
            wire = tokio::time::timeout(limit, handshake)
                .await
                .map_err(|_| Error::Slow(Stage::Tls))??;
        }
        at(Stage::Prelogin);
        let answer = self.prelogin(&mut wire).await?;
        if self.instance.is_some() && answer.other_instance() {
            let what = "the server that answers is another instance than the one that is named";
            return Err(Error::Unreachable(what.into()));
        }
        let login_only = !strict && self.agree(answer.encryption)?;
        if !strict && encrypt != Encrypt::Off {
            at(Stage::Tls);
            wire = self.encrypted(wire, true).await?;
        }
        let way = Way { peer, tls: wire.tls_seen(), login_only };
        let handshake = match &self.windows {
            None => None,
            Some(w) => {
                at(Stage::Ticket);
                Some(w.begin(&self.host, port, self.spn.as_ref()).await?)
            }
        };
        at(Stage::Login);
        let mut size = self.packet_size.clamp(512, 32_767);
        if wire.is_tls() && !login_only {
            size = size.min(TLS_PACKET);
        }
        let mut config = self.login.clone();
        config.encryption(tiberius::EncryptionLevel::NotSupported);
        config.handshake_timeout(None);
        config.host(&self.host);
        config.port(port);
        config.packet_size(size);
        if let Some(i) = &self.instance {
            config.instance_name(i);
        }
        if handshake.is_some() {
            config.authentication(tiberius::AuthMethod::None);
        }
        let known = login::login(&mut wire, config, &answer, login_only, handshake).await?;
        Ok(Session::new(wire, known, way, answer.version(), self.write_timeout))
    }

    async fn encrypted(&self, wire: Wire, tds: bool) -> Result<Wire, Error> {
        match wire {
            Wire::Plain(tcp) => Box::pin(self.tls.handshake(tcp, &self.host, tds)).await,
            other => Ok(other),
        }
    }

    /// Whether TLS is for LOGIN7 alone, as both sides' ENCRYPTION comes out (MS-TDS 2.2.6.5).
    fn agree(&self, answered: u8) -> Result<bool, Error> {
        match (self.tls.encrypt(), answered) {
            (Encrypt::Off, encryption::NOT_SUPPORTED | encryption::OFF) => Ok(false),
            (Encrypt::Off, _) => Err(Error::Encryption(
                "the server demands TLS, and database.encrypt (MSSQL_ENCRYPT) is off",
            )),
            (Encrypt::LoginOnly, encryption::OFF) => Ok(true),
            (Encrypt::On | Encrypt::LoginOnly, encryption::ON | encryption::REQUIRED) => Ok(false),
            _ => Err(Error::Encryption(
                "the server does not offer TLS, and database.encrypt (MSSQL_ENCRYPT) asks for it",
            )),
        }
    }

    async fn prelogin(&self, wire: &mut Wire) -> Result<prelogin::PreloginAnswer, Error> {
        let request = prelogin::Request {
            encryption: match self.tls.encrypt() {
                Encrypt::On | Encrypt::Strict => encryption::ON,
                Encrypt::LoginOnly => encryption::OFF,
                Encrypt::Off => encryption::NOT_SUPPORTED,
            },
            instance: self.instance.as_deref(),
            fed_auth: self.fed_auth,
        };
        let packet = packets(kind::PRELOGIN, &request.write(), 4096);
        let all = async {
            wire.write_all(&packet).await?;
            wire.flush().await?;
            let mut payload = Vec::new();
            loop {
                let mut header = [0; HEADER];
                wire.read_exact(&mut header).await?;
                let h = Header::read(&header).filter(|h| h.kind == kind::REPLY);
                let Some(h) = h else { return Err(io::ErrorKind::InvalidData.into()) };
                let at = payload.len();
                payload.resize(at + h.payload, 0);
                wire.read_exact(&mut payload[at..]).await?;
                if h.last {
                    return Ok(payload);
                }
                if payload.len() > 64 << 10 {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        };
        let payload = all.await.map_err(|e: io::Error| match e.kind() {
            io::ErrorKind::InvalidData => {
                Error::protocol("it does not answer as a SQL Server does")
            }
            _ => Error::lost(&e),
        })?;
        prelogin::PreloginAnswer::read(&payload)
    }

    fn tune(&self, tcp: &TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        // Three questions, a second apart, before the other end is taken for gone.
        let asked =
            TcpKeepalive::new().with_time(self.keep_alive).with_interval(Duration::from_secs(1));
        SockRef::from(tcp).set_tcp_keepalive(&asked)
    }
}

impl Stage {
    fn of(n: u8) -> Self {
        [Stage::Connect, Stage::Prelogin, Stage::Tls, Stage::Ticket, Stage::Login]
            .into_iter()
            .find(|s| *s as u8 == n)
            .unwrap_or(Stage::Connect)
    }
}
