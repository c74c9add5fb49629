//! The parameters that all modules for Docker have: where the daemon is.

/// Where the daemon is.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// `unix://PATH` or `tcp://HOST:PORT`.
    pub docker_host: Option<&'a str>,
    /// `auto` or a number such as `1.41`.
    pub api_version: Option<&'a str>,
    /// Seconds.
    pub timeout: Option<i64>,
}

/// Declares a module's `Args` with the parameters for the connection added.
macro_rules! docker_args {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        #[derive(Debug, Clone, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        $(#[$meta])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($body)*
            /// Where the daemon is: `unix://PATH` or `tcp://HOST:PORT`. The environment's `DOCKER_HOST` or
            /// `unix:///var/run/docker.sock` if not given.
            #[serde(default, alias = "docker_url")]
            pub docker_host: Option<String>,
            /// Version of the daemon's API to use: `auto`, or a number such as `1.41`.
            #[serde(default, alias = "docker_api_version")]
            pub api_version: Option<$crate::module::types::LooseString>,
            /// Seconds to wait for an answer of the daemon (60).
            #[serde(default)]
            pub timeout: Option<$crate::module::types::LooseInt>,
            /// Not supported: name of the daemon in its certificate.
            #[serde(default)]
            pub tls_hostname: $crate::modules::support::docker::types::Refused,
            /// Not supported: connections with TLS.
            #[serde(default)]
            pub tls: $crate::modules::support::docker::types::Refused,
            /// Not supported: connections with TLS.
            #[serde(default, alias = "tls_verify")]
            pub validate_certs: $crate::modules::support::docker::types::Refused,
            /// Not supported: connections with TLS.
            #[serde(default, alias = "tls_ca_cert", alias = "cacert_path")]
            pub ca_path: $crate::modules::support::docker::types::Refused,
            /// Not supported: connections with TLS.
            #[serde(default, alias = "tls_client_cert", alias = "cert_path")]
            pub client_cert: $crate::modules::support::docker::types::Refused,
            /// Not supported: connections with TLS.
            #[serde(default, alias = "tls_client_key", alias = "key_path")]
            pub client_key: $crate::modules::support::docker::types::Refused,
            /// Not supported: daemons behind SSH.
            #[serde(default)]
            pub use_ssh_client: $crate::modules::support::docker::types::Refused,
            /// Not supported: more output.
            #[serde(default)]
            pub debug: $crate::modules::support::docker::types::Refused,
        }

        impl $name {
            pub(in crate::modules) fn connection(&self) -> $crate::modules::support::docker::Connection<'_> {
                $crate::modules::support::docker::Connection {
                    docker_host: self.docker_host.as_deref(),
                    api_version: self.api_version.as_ref().map(|version| version.0.as_str()),
                    timeout: self.timeout.map(|timeout| timeout.0),
                }
            }
        }
    };
}
pub(crate) use docker_args;
