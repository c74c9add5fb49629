//! The parameters that all modules for MySQL have, and the client's configuration file.

use crate::module::ModuleError;
use crate::system::System;
use crate::system::sql::{SqlAnswer, SqlFailure, SqlRequest};
use std::path::PathBuf;
use std::time::Duration;

/// Who logs in where.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// `login_host`.
    pub host: Option<String>,
    /// `login_port`.
    pub port: Option<i64>,
    /// `login_unix_socket`.
    pub socket: Option<String>,
    /// `login_user`.
    pub user: Option<String>,
    /// `login_password`.
    pub password: Option<String>,
    /// `config_file`.
    pub config_file: Option<String>,
    /// `connect_timeout`, seconds.
    pub timeout: Option<i64>,
    /// The configuration file's host and port count more than the defaults.
    pub config_first: bool,
}

impl Login {
    fn config_path(&self, system: &dyn System) -> PathBuf {
        let given = self.config_file.as_deref().unwrap_or("~/.my.cnf");
        match given.strip_prefix("~/") {
            Some(rest) => system.home().join(rest),
            None => PathBuf::from(given),
        }
    }

    /// A request for `statements` in `database`.
    ///
    /// # Errors
    /// A port that is none.
    pub fn request(
        &self,
        system: &dyn System,
        database: Option<&str>,
        statements: Vec<String>,
    ) -> Result<SqlRequest, ModuleError> {
        let text = system.read_text(&self.config_path(system)).unwrap_or_default();
        let config = |name: &str| option(&text, name);
        let from_file = |name: &str| config(name).filter(|_| self.config_first);
        let port = match from_file("port") {
            Some(port) => port.parse().ok(),
            None => Some(self.port.unwrap_or(3306)),
        };
        let port = port.and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| ModuleError::new("login_port must be a valid unix port number (0-65535)"))?;
        let timeout = u64::try_from(self.timeout.unwrap_or(30)).unwrap_or(30);
        Ok(SqlRequest {
            host: from_file("host").or_else(|| self.host.clone()).unwrap_or_else(|| "localhost".to_owned()),
            port,
            socket: self.socket.clone().or_else(|| config("socket")).map(PathBuf::from),
            user: self.user.clone().or_else(|| config("user")).or_else(|| system.env("USER")),
            password: self.password.clone().or_else(|| config("password")),
            database: database.map(str::to_owned),
            timeout: Some(Duration::from_secs(timeout)),
            statements,
            force: false,
        })
    }

    /// Runs statements that only look.
    ///
    /// # Errors
    /// No connection, or a statement that fails.
    pub fn look(
        &self,
        system: &dyn System,
        database: Option<&str>,
        statements: Vec<String>,
    ) -> Result<Vec<SqlAnswer>, ModuleError> {
        let request = self.request(system, database, statements)?;
        system.sql(&request).map_err(|failure| self.explain(system, &request, failure))
    }

    /// The task's failure.
    pub fn explain(&self, system: &dyn System, request: &SqlRequest, failure: SqlFailure) -> ModuleError {
        if let Some(at) = failure.at {
            let statement = request.statements.get(at).map_or("", String::as_str);
            return ModuleError::new(format!("Cannot execute SQL '{statement}': {}", failure.message));
        }
        let path = self.config_path(system).display().to_string();
        let message = format!(
            "unable to connect to database, check login_user and login_password are correct or {path} has the credentials. \
             Exception message: {}",
            failure.message
        );
        ModuleError::new(message)
    }
}

/// Whether earlier tasks of a plan may bring the server, so that a refused connection says nothing.
pub fn unknown_in_plan(error: ModuleError) -> ModuleError {
    if error.msg.starts_with("unable to connect") && !is_denied(&error) { error.not_known_yet() } else { error }
}

/// Whether the server does not let in who asks.
pub fn is_denied(error: &ModuleError) -> bool {
    error.msg.contains("(1045,") || error.msg.contains("(1044,")
}

/// An entry of the `[client]` section.
fn option(text: &str, name: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']').trim() == "client";
        } else if inside
            && let Some((key, value)) = line.split_once('=')
            && key.trim().replace('-', "_") == name
        {
            let value = value.trim();
            let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
            return Some(quoted('"').or_else(|| quoted('\'')).unwrap_or(value).to_owned());
        }
    }
    None
}

/// Declares a module's `Args` with the parameters for the login added.
macro_rules! mysql_args {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        #[derive(Debug, Clone, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema)]
        $(#[$meta])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($body)*
            /// User; the configuration file's if not given.
            #[serde(default)]
            pub login_user: Option<$crate::module::types::LooseString>,
            /// The user's password; the configuration file's if not given.
            #[serde(default)]
            pub login_password: Option<$crate::module::types::LooseString>,
            /// Host of the server (`localhost`).
            #[serde(default)]
            pub login_host: Option<String>,
            /// Port of the server (3306).
            #[serde(default)]
            pub login_port: Option<$crate::module::types::LooseInt>,
            /// Unix socket of the server.
            #[serde(default)]
            pub login_unix_socket: Option<String>,
            /// The client's configuration file (`~/.my.cnf`).
            #[serde(default)]
            pub config_file: Option<String>,
            /// Seconds to wait for a connection (30).
            #[serde(default)]
            pub connect_timeout: Option<$crate::module::types::LooseInt>,
            /// Not supported: connections with TLS.
            #[serde(default, alias = "ssl_cert")]
            pub client_cert: $crate::modules::support::docker::types::Refused,
            /// Not supported: connections with TLS.
            #[serde(default, alias = "ssl_key")]
            pub client_key: $crate::modules::support::docker::types::Refused,
            /// Not supported: connections with TLS.
            #[serde(default, alias = "ssl_ca")]
            pub ca_cert: $crate::modules::support::docker::types::Refused,
            /// Not supported: connections with TLS.
            #[serde(default)]
            pub check_hostname: $crate::modules::support::docker::types::Refused,
        }

        impl $name {
            fn login(&self) -> $crate::modules::support::mysql::Login {
                $crate::modules::support::mysql::Login {
                    host: self.login_host.clone(),
                    port: self.login_port.map(|port| port.0),
                    socket: self.login_unix_socket.clone(),
                    user: self.login_user.as_ref().map(|user| user.0.clone()),
                    password: self.login_password.as_ref().map(|password| password.0.clone()),
                    config_file: self.config_file.clone(),
                    timeout: self.connect_timeout.map(|timeout| timeout.0),
                    config_first: false,
                }
            }
        }
    };
}
pub(crate) use mysql_args;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_clients_section() {
        let text = "[mysqld]\nuser=mysql\n[client]\nuser = \"root\"\npassword='a=b'\n!includedir /etc\n";
        assert_eq!(option(text, "user").as_deref(), Some("root"));
        assert_eq!(option(text, "password").as_deref(), Some("a=b"));
        assert_eq!(option(text, "host"), None);
    }
}
