//! Keywords that set something.

use super::{Keyword, Means, used};

pub(super) static TABLE: &[Keyword] = &[
    used(
        &["Server", "Data Source", "Address", "Addr", "Network Address", "serverName", "Host"],
        Means::Server,
        "database.host, and with HOST,PORT or HOST\\INSTANCE also database.port or database.instance",
    ),
    used(&["Port", "portNumber"], Means::Port, "database.port"),
    used(&["instanceName"], Means::Instance, "database.instance"),
    used(&["Database", "Initial Catalog", "databaseName"], Means::Database, "database.name"),
    used(
        &["User ID", "UID", "User", "userName"],
        Means::User,
        "database.user; with Microsoft Entra ID entra.client_id, and behind an @ entra.tenant",
    ),
    used(
        &["Password", "PWD"],
        Means::Password,
        "database.password; with a service principal entra.client_secret",
    )
    .secret(),
    used(
        &["Integrated Security", "Trusted_Connection"],
        Means::Integrated,
        "database.login = kerberos",
    ),
    used(
        &["authenticationScheme"],
        Means::Scheme,
        "with integratedSecurity=true: NTLM is database.login = ntlm, the others are kerberos",
    ),
    used(
        &["authenticator"],
        Means::Authenticator,
        "ntlm is database.login = ntlm; krb5 and winsspi are kerberos",
    ),
    used(
        &["Authentication"],
        Means::Authentication,
        "database.login, and with Microsoft Entra ID entra.source",
    ),
    used(&["fedauth"], Means::FedAuth, "database.login = entra and entra.source"),
    used(
        &["domain", "domainName"],
        Means::Domain,
        "database.login = ntlm, and stands before the user as DOMAIN\\user",
    ),
    used(&["msiClientId", "applicationclientid"], Means::ClientId, "entra.client_id"),
    used(&["AADSecurePrincipalId"], Means::PrincipalId, "entra.client_id"),
    used(&["AADSecurePrincipalSecret"], Means::PrincipalSecret, "entra.client_secret").secret(),
    used(
        &["clientCertificate", "clientcertpath"],
        Means::ClientCertificate,
        "with a service principal entra.certificate_file",
    ),
    used(
        &["Encrypt", "Use Encryption for Data"],
        Means::Encrypt,
        "database.encrypt: on, strict, login-only for no, off for disable",
    ),
    used(
        &["sslmode"],
        Means::SslMode,
        "database.encrypt; require also trusts any certificate, as dbhub has it",
    ),
    used(
        &["Trust Server Certificate"],
        Means::Trust,
        "database.trust_server_certificate; without effect with strict encryption",
    ),
    used(
        &["Host Name In Certificate"],
        Means::CertificateHost,
        "database.certificate_host; with a wildcard the server's own name is checked",
    ),
    used(
        &["Server Certificate", "certificate", "trustServerCertificateCA"],
        Means::CertificateFile,
        "database.ca_file, as PEM; its dates and the host's name are checked all the same",
    ),
    used(
        &["Connect Timeout", "Connection Timeout", "Timeout", "loginTimeout"],
        Means::ConnectTimeout,
        "pool.connect_timeout, at most an hour; 0, which waits for ever, is not taken",
    ),
    used(&["Application Intent"], Means::Intent, "database.read_intent"),
    used(&["Multi Subnet Failover"], Means::MultiSubnet, "database.multi_subnet_failover"),
    used(&["Application Name", "App", "app name"], Means::ApplicationName, "database.application_name"),
    used(&["Packet Size"], Means::PacketSize, "database.packet_size"),
    used(&["Server SPN"], Means::Spn, "database.spn"),
    used(&["Max Pool Size", "connectionLimit"], Means::MaxPool, "pool.max_size, at most 1000"),
    used(
        &["odbc_connect"],
        Means::OdbcConnect,
        "the ODBC connection string in a URL of SQLAlchemy; nothing else of the URL counts beside it",
    )
    .secret(),
];
