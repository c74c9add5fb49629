//! What several modules share.

pub mod diff;
pub mod file_attributes;
pub mod hash;
pub mod json;
pub mod path_info;
pub mod replace;
pub mod split;
pub mod time;
