//! The connector that a controller uses: picks the way to each host.

use super::bootstrap::Bootstrap;
use super::helper::{Helper, Helpers};
use super::host::Host;
use super::local::Local;
use super::transport::Transport;
use super::{Connection, ConnectionError, ConnectionKind, Connector, Target};
use std::path::PathBuf;
use std::sync::Arc;

/// Connects by the way that each target asks for.
pub struct DefaultConnector {
    helpers: Arc<Helpers>,
}

impl DefaultConnector {
    /// `helper` runs on hosts of the architecture it was built for; helpers for others are looked up in `folder` as
    /// `hostler-helper-ARCHITECTURE`.
    pub fn new(helper: Helper, folder: Option<PathBuf>) -> Self {
        Self { helpers: Arc::new(Helpers::new(helper, folder)) }
    }
}

impl Connector for DefaultConnector {
    fn connect(&self, target: &Target) -> Result<Box<dyn Connection>, ConnectionError> {
        if let Some(why) = &target.out_of_reach {
            return Err(why.clone());
        }
        let transport: Box<dyn Transport> = match target.kind {
            ConnectionKind::Local => Box::new(Local::new(target.shell.as_deref(), target.directory.clone())),
            ConnectionKind::Ssh | ConnectionKind::Libssh2 | ConnectionKind::OpenSsh => super::ssh::connect(target)?,
        };
        let bootstrap = Bootstrap::new(Arc::clone(&self.helpers), target.helper_dir.clone());
        Ok(Box::new(Host::new(transport, bootstrap)))
    }
}
