//! The Secret Service of freedesktop.org, over the session bus. Its own session is `plain`: the bus is
//! a socket of the same user, whose programs may ask the service themselves, so that a key agreed on
//! with it would keep nothing from anybody.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, Proxy};

use super::{Kept, KeyStoreError, MayAsk, SERVICE};

const NAME: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";

/// Session, parameters, the secret and its type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// How long the service may take; and a person, who types a password.
const SERVICE_TAKES: Duration = Duration::from_secs(20);
const PERSON_TAKES: Duration = Duration::from_secs(120);

pub(super) fn read(name: &str, ask: MayAsk) -> Kept<Vec<u8>> {
    apart(ask, async |bus| {
        let item = bus.found(name, ask).await?.swap_remove(0);
        let session = bus.session().await?;
        let item = bus.proxy(item, "Item").await?;
        let (_, _, secret, _): Secret = item.call("GetSecret", &(session,)).await?;
        Ok(secret)
    })
}

pub(super) fn write(name: &str, secret: &str) -> Kept<()> {
    apart(MayAsk::Yes, async |bus| {
        let collection: OwnedObjectPath = bus.service.call("ReadAlias", &("default",)).await?;
        if collection.as_str() == "/" {
            return Err(KeyStoreError::NoStore("it has no default keyring".into()));
        }
        bus.unlock(vec![collection.clone()], MayAsk::Yes).await?;
        let session = bus.session().await?;
        let properties: HashMap<&str, Value<'_>> = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", format!("{SERVICE}: {name}").into()),
            ("org.freedesktop.Secret.Item.Attributes", attributes(name).into()),
        ]);
        let secret: Secret = (session, Vec::new(), secret.as_bytes().to_vec(), "text/plain".into());
        let collection = bus.proxy(collection, "Collection").await?;
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) =
            collection.call("CreateItem", &(properties, secret, true)).await?;
        bus.answered(prompt, MayAsk::Yes).await
    })
}

pub(super) fn remove(name: &str) -> Kept<()> {
    apart(MayAsk::Yes, async |bus| {
        for item in bus.found(name, MayAsk::Yes).await? {
            let prompt: OwnedObjectPath =
                bus.proxy(item, "Item").await?.call("Delete", &()).await?;
            bus.answered(prompt, MayAsk::Yes).await?;
        }
        Ok(())
    })
}

/// What an item is found by.
fn attributes(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("service", SERVICE), ("account", name)])
}

/// Does it on a thread and a runtime of its own: the caller may be within one, on which nobody may wait.
fn apart<T: Send>(ask: MayAsk, work: impl AsyncFnOnce(&Bus) -> Kept<T> + Send) -> Kept<T> {
    let limit = if ask == MayAsk::Yes { PERSON_TAKES } else { SERVICE_TAKES };
    let alone = || {
        let unusable = |e: std::io::Error| KeyStoreError::Unusable(e.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(unusable)?.block_on(async {
            let bus_and_work = async { work(&Bus::open().await?).await };
            let late = || format!("it did not answer within {} s", limit.as_secs());
            match tokio::time::timeout(limit, bus_and_work).await {
                Ok(done) => done,
                Err(_) => Err(KeyStoreError::Unusable(late())),
            }
        })
    };
    let ended = std::thread::scope(|s| s.spawn(alone).join());
    ended.unwrap_or_else(|_| Err(KeyStoreError::Unusable("its thread ended".into())))
}

/// A connection to the session bus, and the service there.
struct Bus {
    connection: Connection,
    service: Proxy<'static>,
}

// === impl Bus ===

impl Bus {
    async fn open() -> Kept<Self> {
        let no_bus = |e: zbus::Error| KeyStoreError::NoStore(format!("no session bus: {e}"));
        let connection = Connection::session().await.map_err(no_bus)?;
        let service = interface(&connection, SERVICE_PATH.try_into()?, "Service").await?;
        Ok(Self { connection, service })
    }

    async fn proxy(&self, path: OwnedObjectPath, of: &str) -> Kept<Proxy<'static>> {
        Ok(interface(&self.connection, path.into_inner(), of).await?)
    }

    async fn session(&self) -> Kept<OwnedObjectPath> {
        let given: (OwnedValue, OwnedObjectPath) =
            self.service.call("OpenSession", &("plain", Value::from(""))).await?;
        Ok(given.1)
    }

    /// The items of this name, unlocked; at least one.
    async fn found(&self, name: &str, ask: MayAsk) -> Kept<Vec<OwnedObjectPath>> {
        let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
            self.service.call("SearchItems", &(attributes(name),)).await?;
        if !open.is_empty() {
            return Ok(open);
        }
        if locked.is_empty() {
            return Err(KeyStoreError::NoSecret);
        }
        self.unlock(locked.clone(), ask).await?;
        Ok(locked)
    }

    async fn unlock(&self, what: Vec<OwnedObjectPath>, ask: MayAsk) -> Kept<()> {
        let (_, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) =
            self.service.call("Unlock", &(what,)).await?;
        self.answered(prompt, ask).await
    }

    /// What the service wants to ask first, if anything (`/` is nothing), with its own window.
    async fn answered(&self, prompt: OwnedObjectPath, ask: MayAsk) -> Kept<()> {
        if prompt.as_str() == "/" {
            return Ok(());
        }
        if ask == MayAsk::No {
            return Err(KeyStoreError::Locked);
        }
        let prompt = self.proxy(prompt, "Prompt").await?;
        let mut completed = prompt.receive_signal("Completed").await?;
        let () = prompt.call("Prompt", &("",)).await?;
        let said = completed.next().await.ok_or(KeyStoreError::Locked)?;
        let (dismissed, _): (bool, OwnedValue) = said.body().deserialize()?;
        if dismissed { Err(KeyStoreError::Locked) } else { Ok(()) }
    }
}

async fn interface(
    connection: &Connection,
    path: ObjectPath<'static>,
    of: &str,
) -> zbus::Result<Proxy<'static>> {
    Proxy::new(connection, NAME, path, format!("org.freedesktop.Secret.{of}")).await
}

// === impl KeyStoreError ===

impl From<zbus::Error> for KeyStoreError {
    fn from(e: zbus::Error) -> Self {
        let zbus::Error::MethodError(name, why, _) = &e else {
            return Self::Unusable(e.to_string());
        };
        match name.as_str() {
            "org.freedesktop.Secret.Error.IsLocked" => Self::Locked,
            "org.freedesktop.Secret.Error.NoSuchObject" => Self::NoSecret,
            // The bus has nobody of this name, and could start nobody.
            "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner" => Self::NoStore(why_or(why, name)),
            start if start.starts_with("org.freedesktop.DBus.Error.Spawn") => {
                Self::NoStore(why_or(why, name))
            }
            _ => Self::Unusable(why_or(why, name)),
        }
    }
}

impl From<zbus::zvariant::Error> for KeyStoreError {
    fn from(e: zbus::zvariant::Error) -> Self {
        Self::Unusable(e.to_string())
    }
}

fn why_or(why: &Option<String>, name: &str) -> String {
    why.clone().unwrap_or_else(|| name.to_owned())
}
