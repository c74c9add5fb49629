#!/bin/sh
# Writes what ansible-inventory says about each case, for the tests to compare with.
cd "$(dirname "$0")" || exit 1
export ANSIBLE_DEPRECATION_WARNINGS=False
inventory() {
    name=$1
    shift
    ansible-inventory --list "$@" >"expected/$name.json"
    ansible-inventory --list --export "$@" >"expected/$name-export.json"
    ansible-inventory --graph "$@" >"expected/$name-graph.txt"
    ansible-inventory --list --yaml "$@" >"expected/$name-list.yml"
}
inventory ini -i ini/hosts
inventory yaml -i yaml/hosts.yml
inventory script_meta -i script_meta/hosts.sh
inventory script_plain -i script_plain/hosts.sh
inventory directory -i directory
inventory precedence -i precedence/inventory/hosts.yml --playbook-dir precedence/play
inventory several -i ini/hosts -i yaml/hosts.yml -i "web3,other:22,"
inventory constructed -i constructed/hosts -i constructed/groups.yml
inventory leading -i constructed/hosts -i constructed/leading.yml
inventory generator -i generator/hosts.yml
inventory toml -i toml/hosts.toml
