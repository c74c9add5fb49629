//! What the modules for MySQL and MariaDB share: the login, quoting, and scripts taken apart.

mod login;
pub mod script;
pub mod text;

pub(crate) use login::mysql_args;
pub use login::{Login, is_denied, unknown_in_plan};
