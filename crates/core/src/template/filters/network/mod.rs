//! Addresses and networks: `ansible.utils.ipaddr` and its kin.

mod address;
mod hardware;
mod ipaddr;
mod kinds;
mod subnets;

use super::Table;

pub(super) const TABLES: [Table; 3] = [hardware::TABLE, ipaddr::TABLE, subnets::TABLE];
