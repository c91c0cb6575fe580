//! Keywords that set nothing here, each with the reason.

use super::{Keyword, ignored};

pub(super) static TABLE: &[Keyword] = &[
    ignored(&["Driver", "Provider", "Description"], "no driver or provider is needed"),
    ignored(
        &["Multiple Active Result Sets", "MARS Connection"],
        "one statement at a time is sent on a connection; there is no MARS",
    ),
    ignored(
        &["Enlist", "Transaction Binding", "xopenStates"],
        "there are no distributed transactions here",
    ),
    ignored(&["Persist Security Info"], "a password is never shown again"),
    ignored(&["Pooling", "OLE DB Services"], "connections are always pooled; see the section pool"),
    ignored(&["Min Pool Size"], "connections are made when they are needed"),
    ignored(&["Load Balance Timeout", "Connection Lifetime"], "see pool.max_age"),
    ignored(&["Connection Idle Timeout"], "see pool.idle_timeout"),
    ignored(&["Connection Reset"], "a session is always reset before it is used again"),
    ignored(&["Pool Blocking Period", "poolTimeout"], "see pool.wait"),
    ignored(
        &[
            "Command Timeout",
            "queryTimeout",
            "Request Timeout",
            "cancelQueryTimeout",
            "socketTimeout",
        ],
        "see limits.query_timeout",
    ),
    ignored(&["lockTimeout"], "see limits.lock_timeout"),
    ignored(&["dial timeout"], "see pool.connect_timeout"),
    ignored(&["schema"], "a statement names its schemas; a login has its own default one"),
    ignored(&["isolationLevel"], "a statement sets its isolation level where it needs another"),
    ignored(
        &["QuotedId", "quotedIdentifier", "AnsiNPW", "concatNullYieldsNull"],
        "sessions have the options of the ANSI standard on",
    ),
    ignored(
        &[
            "Connect Retry Count",
            "Connect Retry Interval",
            "retryExec",
            "retryConn",
            "disableRetry",
        ],
        "the pool connects again by itself",
    ),
    ignored(&["Workstation ID", "WSID"], "sessions are told apart by database.application_name"),
    ignored(
        &["IP Address Preference", "Transparent Network IP Resolution"],
        "addresses of both families are tried",
    ),
    ignored(
        &["Current Language", "Language", "Regional"],
        "the texts of SQL Server stay in the language of its login",
    ),
    ignored(
        &[
            "Type System Version",
            "Asynchronous Processing",
            "Data Type Compatibility",
            "vectorTypeSupport",
            "sendTimeAsDatetime",
            "datetimeParameterType",
            "ignoreOffsetOnDateTimeOffsetConversion",
            "calcBigDecimalPrecision",
            "guid conversion",
            "timezone",
            "LongAsMax",
            "GetDataExtensions",
            "AutoTranslate",
            "Use Procedure for Prepare",
            "charset",
            "ClientCharset",
            "unicode_results",
            "Tag with column collation when possible",
        ],
        "rows are read as the server sends them",
    ),
    ignored(&["Replication"], "connections do not take part in replication"),
    ignored(&["Failover Partner SPN"], "mirroring is gone, and with it its failover partner"),
    ignored(
        &[
            "responseBuffering",
            "selectMethod",
            "maxResultBuffer",
            "delayLoadingLobs",
            "fast_executemany",
            "useFMTONLY",
        ],
        "answers are read bit by bit, within the limits of this server",
    ),
    ignored(
        &[
            "prepareMethod",
            "statementPoolingCacheSize",
            "disableStatementPooling",
            "enablePrepareOnFirstPreparedStatementCall",
            "serverPreparedStatementDiscardThreshold",
            "lastUpdateCount",
            "sendStringParametersAsUnicode",
            "autocommit",
        ],
        "statements are sent with their parameters, and not prepared",
    ),
    ignored(
        &[
            "useBulkCopyForBatchInsert",
            "bulkCopyForBatchInsertBatchSize",
            "bulkCopyForBatchInsertCheckConstraints",
            "bulkCopyForBatchInsertFireTriggers",
            "bulkCopyForBatchInsertKeepIdentity",
            "bulkCopyForBatchInsertKeepNulls",
            "bulkCopyForBatchInsertTableLock",
            "bulkCopyForBatchInsertAllowEncryptedValueModifications",
            "cacheBulkCopyMetadata",
            "sendTemporalDataTypesAsStringForBulkCopy",
        ],
        "nothing is copied in bulk",
    ),
    ignored(
        &["trustStore", "trustStoreType", "trustManagerClass", "trustManagerConstructorArg"],
        "write the certificates that are trusted as PEM into database.ca_file",
    ),
    ignored(
        &["trustStorePassword"],
        "write the certificates that are trusted as PEM into database.ca_file",
    )
    .secret(),
    ignored(
        &["sslProtocol", "tlsmin", "fips", "fipsProvider", "encryption"],
        "TLS is 1.2 or 1.3, whichever the server takes",
    ),
    ignored(
        &["clientKey", "sendcertificatechain"],
        "entra.certificate_file holds the key beside the certificate, as PEM without a password",
    ),
    ignored(
        &["clientKeyPassword"],
        "entra.certificate_file holds the key beside the certificate, as PEM without a password",
    )
    .secret(),
    ignored(
        &[
            "realm",
            "jaasConfigurationName",
            "useDefaultJaasConfig",
            "useDefaultGSSCredential",
            "krb5-configfile",
            "krb5-realm",
            "krb5-keytabfile",
            "krb5-credcachefile",
            "krb5-dnslookupkdc",
            "krb5-udppreferencelimit",
        ],
        "Kerberos takes its realm and tickets from the system: /etc/krb5.conf, KRB5CCNAME",
    ),
    ignored(&["epa enabled"], "channel binding is not sent"),
    ignored(
        &[
            "enclaveAttestationProtocol",
            "enclaveAttestationUrl",
            "Attestation Protocol",
            "keyStoreAuthentication",
            "keyStorePrincipalId",
            "keyStoreLocation",
            "keyVaultProviderClientId",
        ],
        "Always Encrypted is not done here",
    ),
    ignored(&["keyStoreSecret", "keyVaultProviderClientKey"], "Always Encrypted is not done here")
        .secret(),
    ignored(
        &[
            "keepAlive",
            "KeepAliveInterval",
            "socketFactoryClass",
            "socketFactoryConstructorArg",
            "serverNameAsACE",
        ],
        "sockets are opened and kept alive by this server's own rules",
    ),
    ignored(
        &[
            "log",
            "notraceid",
            "QueryLog_On",
            "QueryLogFile",
            "QueryLogTime",
            "StatsLog_On",
            "StatsLogFile",
        ],
        "see log.level and the section telemetry",
    ),
    ignored(&["TDS_Version"], "the version of TDS is agreed with the server"),
    ignored(&["SaveFile"], "no such file is written"),
    ignored(&["resource id"], "a managed identity is chosen by its client id: entra.client_id"),
    ignored(
        &[
            "serviceconnectionid",
            "additionallyallowedtenants",
            "disableinstancediscovery",
            "tokenfilepath",
        ],
        "no source of tokens here needs it",
    ),
    ignored(
        &["systemtoken", "userassertion", "clientassertion"],
        "no source of tokens here needs it",
    )
    .secret(),
    ignored(&["failoverport"], "mirroring is gone, and with it its failover partner"),
];
