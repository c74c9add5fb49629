//! Settings about `group_vars` and `host_vars`, and about which of a host's groups' variables win.

use super::model::Inventory;

/// A source of variables of a host's groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupSource {
    /// `all`, in the inventory's sources.
    AllInventory,
    /// The other groups, there.
    GroupsInventory,
    /// `group_vars/all` beside the sources.
    AllPluginsInventory,
    /// `group_vars/all` beside the playbook.
    AllPluginsPlay,
    /// `group_vars` of the other groups beside the sources.
    GroupsPluginsInventory,
    /// `group_vars` of the other groups beside the playbook.
    GroupsPluginsPlay,
}

impl GroupSource {
    /// All of them with Ansible's names, in the order in which they count where nobody says otherwise.
    pub const ALL: [(&str, Self); 6] = [
        ("all_inventory", Self::AllInventory),
        ("groups_inventory", Self::GroupsInventory),
        ("all_plugins_inventory", Self::AllPluginsInventory),
        ("all_plugins_play", Self::AllPluginsPlay),
        ("groups_plugins_inventory", Self::GroupsPluginsInventory),
        ("groups_plugins_play", Self::GroupsPluginsPlay),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
    }
}

/// When files of variables are read (`run_vars_plugins`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VarsStage {
    /// When variables are asked for.
    #[default]
    Demand,
    /// With the inventory: only those beside its sources count, as if they were written in them.
    Start,
}

/// Whether a plug-in of variables is the one that reads `group_vars` and `host_vars`.
pub fn is_own(name: &str) -> bool {
    matches!(name, "host_group_vars" | "ansible.builtin.host_group_vars" | "ansible.legacy.host_group_vars")
}

impl Inventory {
    /// Whether files with this ending are YAML.
    pub(super) fn is_yaml_extension(&self, extension: &str) -> bool {
        self.options.yaml_extensions.iter().any(|known| known.trim_start_matches('.') == extension)
    }
}
