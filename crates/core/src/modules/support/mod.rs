//! What several modules share.

pub mod diff;
pub mod docker;
pub mod edit;
pub mod encoding;
pub mod file_attributes;
pub mod glob;
pub mod hash;
pub mod json;
pub mod mysql;
pub mod path_info;
pub mod regex;
pub mod replace;
pub mod run;
pub mod split;
pub mod text;
pub mod time;
pub mod tool;
pub mod web;
