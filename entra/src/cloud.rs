//! Which cloud a server is in: who issues its tokens, and what they are for.

/// The two names that differ from cloud to cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Where tokens are issued, such as `https://login.microsoftonline.com`, without a slash at the
    /// end.
    pub authority: String,
    /// What they are for (`aud`), such as `https://database.windows.net`, likewise.
    pub resource: String,
}

/// Suffix of a server's name, authority, resource. Synapse, Fabric, Managed Instances and SQL Server
/// outside of Azure have those of the public cloud.
const CLOUDS: [(&str, &str, &str); 3] = [
    ("usgovcloudapi.net", "https://login.microsoftonline.us", "https://database.usgovcloudapi.net"),
    (
        "chinacloudapi.cn",
        "https://login.partner.microsoftonline.cn",
        "https://database.chinacloudapi.cn",
    ),
    ("windows.net", PUBLIC, "https://database.windows.net"),
];

const PUBLIC: &str = "https://login.microsoftonline.com";

impl Cloud {
    /// That of a server, by its name.
    pub fn of(server: &str) -> Self {
        let server = server.trim_end_matches('.').to_ascii_lowercase();
        let ours = |(suffix, ..): &&(&str, &str, &str)| {
            server.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let (_, authority, resource) = CLOUDS.iter().find(ours).unwrap_or(&CLOUDS[2]);
        Self { authority: (*authority).to_owned(), resource: (*resource).to_owned() }
    }

    /// With another authority or resource, where they are not empty. The client's secret goes to
    /// the authority, so that must be `https://`.
    pub(crate) fn with(mut self, authority: &str, resource: &str) -> Result<Self, String> {
        let authority = authority.trim().trim_end_matches('/');
        if !authority.is_empty() {
            let url = if authority.contains("://") {
                authority.to_owned()
            } else {
                format!("https://{authority}")
            };
            let uri: http::Uri = url.parse().map_err(|_| NO_AUTHORITY.to_owned())?;
            let plain = uri.path() == "/" && uri.query().is_none();
            let host = uri.authority().filter(|a| !a.as_str().contains('@'));
            if uri.scheme_str() != Some("https") || host.is_none() || !plain {
                return Err(NO_AUTHORITY.to_owned());
            }
            self.authority = url;
        }
        let resource = resource.trim();
        let resource = resource.strip_suffix("/.default").unwrap_or(resource);
        let resource = resource.trim_end_matches('/');
        if !resource.is_empty() {
            let uri: http::Uri = resource.parse().map_err(|_| NO_RESOURCE.to_owned())?;
            if !["https", "api"].contains(&uri.scheme_str().unwrap_or_default()) {
                return Err(NO_RESOURCE.to_owned());
            }
            resource.clone_into(&mut self.resource);
        }
        Ok(self)
    }

    /// The scope of the v2.0 endpoints.
    pub(crate) fn scope(&self) -> String {
        format!("{}/.default", self.resource)
    }
}

const NO_AUTHORITY: &str = "entra.authority (AZURE_AUTHORITY_HOST): this is no authority; it is the \
                            https:// URL of a host, such as https://login.microsoftonline.com";
const NO_RESOURCE: &str =
    "entra.resource: this is no resource; it is a URL, such as https://database.windows.net";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_name_says_its_cloud() {
        for (server, authority, resource) in [
            ("x.database.windows.net", "microsoftonline.com", "database.windows.net"),
            ("X.DATABASE.WINDOWS.NET.", "microsoftonline.com", "database.windows.net"),
            ("x.database.usgovcloudapi.net", "microsoftonline.us", "database.usgovcloudapi.net"),
            ("x.database.chinacloudapi.cn", "microsoftonline.cn", "database.chinacloudapi.cn"),
            ("w.datawarehouse.fabric.microsoft.com", "microsoftonline.com", "database.windows.net"),
            ("sql7.corp.example", "microsoftonline.com", "database.windows.net"),
            ("evilusgovcloudapi.net", "microsoftonline.com", "database.windows.net"),
        ] {
            let cloud = Cloud::of(server);
            assert!(cloud.authority.ends_with(authority), "{server}: {cloud:?}");
            assert!(cloud.resource.ends_with(resource), "{server}: {cloud:?}");
        }
    }

    #[test]
    fn both_can_be_said() {
        let with = |authority: &str, resource: &str| Cloud::of("").with(authority, resource);
        let fr = with("login.sovcloud-identity.fr", "").expect("an authority");
        assert_eq!(fr.authority, "https://login.sovcloud-identity.fr");
        let slash = with("https://login.microsoftonline.us/", "https://r.example//.default");
        let slash = slash.expect("both");
        assert_eq!(slash.authority, "https://login.microsoftonline.us");
        assert_eq!(slash.scope(), "https://r.example/.default");
        for bad in ["http://login.example", "https://u:p@login.example", "https://login.example/x"]
        {
            assert!(with(bad, "").is_err_and(|e| e.contains("https://")), "{bad}");
        }
        assert!(with("", "database").is_err());
    }
}
