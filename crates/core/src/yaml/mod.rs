//! YAML as Ansible reads and writes it: PyYAML's YAML 1.1 scalars, with the place of every value.
//!
//! [`load`] gives a tree of [`Node`]s for parsers that want to point at things; [`Node::to_value`] makes plain
//! data of it. [`emit::to_yaml`] is the way back.

mod build;
mod duplicates;
pub mod emit;
mod explain;
mod load;
mod node;
mod relax;
mod scalar;

pub use duplicates::DuplicateKeys;
pub(crate) use load::load_hidden;
pub use load::{load, load_all};
pub use node::{Node, NodeKind, Trust};
pub use scalar::{Scalar, resolve};
