//! Keywords that a string may not have, or not with every value, each with the reason and the mend.

use super::{Keyword, Means, refused};

pub(super) static TABLE: &[Keyword] = &[
    refused(
        &["Failover Partner"],
        Means::Refuse,
        "mirroring is gone; name the listener of an availability group as the server",
    ),
    refused(
        &["AttachDbFilename", "Extended Properties", "Initial File Name"],
        Means::Refuse,
        "no file is attached; attach the database on the server, and name it in Database",
    ),
    refused(
        &["Column Encryption Setting", "ColumnEncryption"],
        Means::ColumnEncryption,
        "Always Encrypted is not done here; leave it out, and such columns come as they are stored",
    ),
    refused(
        &["Context Connection"],
        Means::ContextConnection,
        "it exists only within SQL Server's own process; name a server instead",
    ),
    refused(
        &["User Instance"],
        Means::UserInstance,
        "a user instance listens on a named pipe alone; name an instance with TCP/IP",
    ),
    refused(
        &["Network Library", "Net", "Network", "protocol"],
        Means::Library,
        "only TCP is spoken here; leave it out",
    ),
    refused(
        &["pipe"],
        Means::Refuse,
        "a named pipe is not spoken here, only TCP; leave it out",
    ),
    refused(
        &["DSN", "FileDSN"],
        Means::Dsn,
        "a DSN is kept by the ODBC driver manager, which is not here; write Server, Database, UID and \
         PWD in its place",
    ),
    refused(
        &["accessToken", "accessTokenCallbackClass"],
        Means::Refuse,
        "a token expires within hours; set database.login = entra and an entra.source, such as token-file",
    )
    .secret(),
    refused(
        &["provider connection string", "metadata"],
        Means::Refuse,
        "this is a string of Entity Framework; paste only what stands within the quotes of its \
         provider connection string",
    )
    .secret(),
];
