//! Modules that are widely used with Ansible, so that one which is not built here is told from a misspelt one.
//!
//! Those of `ansible.builtin`, and the commonest of collections.

/// The full name of a well-known module, given its full or short name.
pub(super) fn known_module(name: &str) -> Option<String> {
    let name = name.strip_prefix("ansible.legacy.").unwrap_or(name);
    MODULES.iter().find_map(|(collection, names)| {
        let short = match name.strip_prefix(collection) {
            Some(rest) => rest.strip_prefix('.')?,
            None => name,
        };
        names.split_ascii_whitespace().any(|known| known == short).then(|| format!("{collection}.{short}"))
    })
}

#[rustfmt::skip]
const MODULES: &[(&str, &str)] = &[
    ("amazon.aws", "aws_s3 cloudformation ec2 ec2_ami ec2_ami_facts ec2_ami_info ec2_elb_lb ec2_group ec2_key \
        ec2_metadata_facts ec2_security_group ec2_spot_instance ec2_tag ec2_vol ec2_vpc_net_info \
        ec2_vpc_subnet_info s3_bucket"),
    ("ansible.builtin", "add_host apt apt_key apt_repository assemble assert async_status blockinfile command copy \
        cron deb822_repository debconf debug dnf dnf5 dpkg_selections expect fail fetch file find \
        gather_facts get_url getent git group group_by hostname import_playbook import_role import_tasks \
        include_role include_tasks include_vars iptables known_hosts lineinfile meta mount_facts \
        package package_facts pause ping pip raw reboot replace rpm_key script service service_facts \
        set_fact set_stats setup shell slurp stat subversion systemd systemd_service sysvinit tempfile \
        template unarchive uri user validate_argument_spec wait_for wait_for_connection yum_repository \
        "),
    ("ansible.posix", "acl at authorized_key firewalld mount patch seboolean selinux synchronize sysctl"),
    ("ansible.windows", "win_acl win_command win_copy win_feature win_file win_find win_get_url win_package win_ping \
        win_reboot win_reg_stat win_regedit win_service win_shell win_stat win_tempfile win_template \
        win_updates win_user win_wait_for"),
    ("azure.azcollection", "azure_rm_deployment azure_rm_loadbalancer azure_rm_networkinterface azure_rm_publicipaddress \
        azure_rm_resourcegroup azure_rm_securitygroup azure_rm_storageaccount azure_rm_storageaccount_info \
        azure_rm_storageblob azure_rm_subnet azure_rm_virtualmachine azure_rm_virtualmachine_info \
        azure_rm_virtualnetwork azure_rm_virtualnetwork_info"),
    ("chocolatey.chocolatey", "win_chocolatey"),
    ("community.aws", "aws_region_info ec2_eip ec2_eip_info ec2_elb ec2_instance ec2_instance_info ec2_metric_alarm \
        elb_classic_lb elb_network_lb elb_target_group rds route53"),
    ("community.crypto", "openssh_keypair openssl_certificate openssl_csr openssl_csr_pipe openssl_dhparam openssl_pkcs12 \
        openssl_privatekey openssl_privatekey_info openssl_publickey x509_certificate x509_certificate_info \
        x509_certificate_pipe x509_crl"),
    ("community.digitalocean", "digital_ocean_block_storage digital_ocean_droplet digital_ocean_droplet_info digital_ocean_firewall \
        digital_ocean_floating_ip digital_ocean_load_balancer digital_ocean_load_balancer_info digital_ocean_spaces \
        digital_ocean_sshkey digital_ocean_sshkey_info digital_ocean_tag digital_ocean_vpc digital_ocean_vpc_info \
        "),
    ("community.docker", "docker_compose_v2 docker_container docker_container_info docker_host_info docker_image docker_image_build \
        docker_image_info docker_image_pull docker_login docker_network docker_node docker_prune \
        docker_secret docker_stack docker_swarm docker_swarm_info docker_volume"),
    ("community.general", "aix_devices aix_filesystem alternatives apache2_module apk archive bundler capabilities composer \
        crypttab deploy_helper django_manage dnf_config_manager dnf_versionlock docker_service filesize \
        filesystem gce gem git_config haproxy helm hg homebrew homebrew_cask homebrew_tap htpasswd \
        influxdb_database influxdb_retention_policy influxdb_user ini_file ipify_facts jboss jenkins_plugin \
        ldap_attrs ldap_entry linode_v4 locale_gen lvg lvol lxc_container mail make modprobe nagios \
        nmcli npm open_iscsi openbsd_pkg pacman pam_limits pamd parted pkg5 pkgin pkgng portinstall \
        rax redhat_subscription redis rhsm_repository scaleway_compute sefcontext selinux_permissive \
        seport slack snap ssh_config sudoers supervisorctl swupd timezone ufw zfs zypper zypper_repository \
        "),
    ("community.google", "gc_storage gce_net"),
    ("community.kubernetes", "helm_repository"),
    ("community.libvirt", "virt_net virt_pool"),
    ("community.mongodb", "mongodb_user"),
    ("community.mysql", "mysql_db mysql_info mysql_query mysql_replication mysql_user"),
    ("community.postgresql", "postgresql_db postgresql_ext postgresql_membership postgresql_privs postgresql_query postgresql_schema \
        postgresql_user"),
    ("community.rabbitmq", "rabbitmq_binding rabbitmq_exchange rabbitmq_feature_flag rabbitmq_global_parameter rabbitmq_parameter \
        rabbitmq_plugin rabbitmq_policy rabbitmq_queue rabbitmq_user rabbitmq_user_limits rabbitmq_vhost \
        rabbitmq_vhost_limits"),
    ("community.windows", "win_lineinfile win_unzip"),
    ("containers.podman", "podman_container podman_container_info podman_image_info podman_volume"),
    ("debops.debops", "btrfs_subvolume dpkg_divert"),
    ("gluster.gluster", "gluster_volume"),
    ("google.cloud", "gcp_compute_address gcp_compute_backend_service gcp_compute_firewall gcp_compute_global_address \
        gcp_compute_global_forwarding_rule gcp_compute_health_check gcp_compute_instance gcp_compute_instance_group \
        gcp_compute_instance_info gcp_compute_network gcp_compute_subnetwork_info gcp_compute_target_tcp_proxy \
        gcp_resourcemanager_project_info gcp_storage_bucket"),
    ("hetzner.hcloud", "datacenter_info firewall load_balancer load_balancer_info load_balancer_network load_balancer_service \
        load_balancer_target network network_info server server_info server_network ssh_key ssh_key_info \
        subnetwork volume"),
    ("kubernetes.core", "k8s k8s_info"),
    ("linode.cloud", "stackscript"),
    ("ngine_io.cloudstack", "cs_instance cs_securitygroup cs_securitygroup_rule cs_zone_info"),
    ("openstack.cloud", "compute_flavor_info compute_service_info image image_info networks_info security_group security_group_rule \
        "),
    ("openstack.config_template", "config_template"),
    ("openstack.osa", "git_requirements"),
    ("vultr.cloud", "firewall_group firewall_rule instance startup_script"),
];

#[cfg(test)]
mod tests {
    use super::known_module;

    #[test]
    fn knows_modules_by_both_names() {
        assert_eq!(known_module("mysql_user").as_deref(), Some("community.mysql.mysql_user"));
        assert_eq!(known_module("community.mysql.mysql_user").as_deref(), Some("community.mysql.mysql_user"));
        assert_eq!(known_module("ansible.legacy.expect").as_deref(), Some("ansible.builtin.expect"));
        assert_eq!(known_module("community.mysqlx.mysql_user"), None);
        assert_eq!(known_module("coppy"), None);
    }
}
