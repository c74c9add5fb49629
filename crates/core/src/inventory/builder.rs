//! An inventory made in Rust.

use super::{Inventory, LoadOptions};
use crate::diagnostic::Diagnostic;
use crate::value::Map;

/// Collects hosts and groups; mistakes are reported by [`Builder::build`].
pub struct Builder {
    inventory: Inventory,
    error: Option<Diagnostic>,
}

impl Inventory {
    /// Begins an empty inventory.
    ///
    /// ```
    /// use hostler_core::{inventory::Inventory, value::Map};
    ///
    /// let inventory = Inventory::builder()
    ///     .host("web1", Map::from_iter([("ansible_host".into(), "10.0.0.1".into())]))
    ///     .host("web2", Map::default())
    ///     .group("web", ["web1", "web2"])
    ///     .group_vars("web", Map::from_iter([("port".into(), 80.into())]))
    ///     .build()?;
    /// assert_eq!(inventory.groups_of("web1"), ["web".into()]);
    /// # Ok::<(), hostler_core::diagnostic::Diagnostic>(())
    /// ```
    pub fn builder() -> Builder {
        Builder { inventory: Self::new(LoadOptions::default()), error: None }
    }
}

impl Builder {
    fn attempt(mut self, change: impl FnOnce(&mut Inventory) -> Result<(), Diagnostic>) -> Self {
        if self.error.is_none() {
            self.error = change(&mut self.inventory).err();
        }
        self
    }

    /// A host with its variables.
    #[must_use]
    pub fn host(self, name: &str, vars: Map) -> Self {
        self.attempt(|inventory| {
            inventory.ensure_host(name, None, None)?;
            vars.into_iter().for_each(|(key, value)| inventory.set_host_var(name, key, value));
            Ok(())
        })
    }

    /// A group with hosts in it. Hosts that are not there yet are made.
    #[must_use]
    pub fn group<'a>(self, name: &str, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.attempt(|inventory| {
            let group = inventory.ensure_group(name)?;
            hosts.into_iter().try_for_each(|host| inventory.ensure_host(host, Some(&group), None))
        })
    }

    /// Groups inside a group. Those that are not there yet are made.
    #[must_use]
    pub fn children<'a>(self, parent: &str, children: impl IntoIterator<Item = &'a str>) -> Self {
        self.attempt(|inventory| {
            let parent = inventory.ensure_group(parent)?;
            children.into_iter().try_for_each(|child| {
                let child = inventory.ensure_group(child)?;
                inventory.add_child(&parent, &child).map(drop)
            })
        })
    }

    /// Variables of a group.
    #[must_use]
    pub fn group_vars(self, group: &str, vars: Map) -> Self {
        self.attempt(|inventory| {
            let group = inventory.ensure_group(group)?;
            vars.into_iter().try_for_each(|(key, value)| inventory.set_group_var(&group, key, value))
        })
    }

    /// The inventory.
    ///
    /// # Errors
    /// The first mistake, such as an empty name or a group inside itself.
    pub fn build(mut self) -> Result<Inventory, Diagnostic> {
        match self.error {
            Some(error) => Err(error),
            None => {
                self.inventory.reconcile();
                Ok(self.inventory)
            }
        }
    }
}
