# Lists the recipes
default:
    @just --list --unsorted

# Format, lints and tidiness, all as errors
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --quiet -- -D warnings
    cargo xtask tidy
    cargo xtask gen --check

# Unit and integration tests; needs neither root nor network
test *FILTER:
    cargo xtask test {{FILTER}}

# End-to-end tests on new lab hosts: `just e2e supermarket`, `just e2e --keep cases`
e2e *OPTIONS:
    cargo xtask e2e {{OPTIONS}}

# Plans against what their apply does: `just fidelity --fast`, `just fidelity supermarket`
fidelity *OPTIONS:
    cargo xtask fidelity {{OPTIONS}}

# Ansible's own integration targets against what Ansible did: `just conformance`, `just conformance copy --explain`
conformance *OPTIONS:
    cargo xtask conformance {{OPTIONS}}

# The same work by Hostler, its peers and a program without an engine: `just bench noop latency --runs 5`
bench *OPTIONS:
    cargo xtask bench {{OPTIONS}}

# Made-up expressions, evaluated by ansible-core and by Hostler: `just template-fuzz --python FILE`
template-fuzz *OPTIONS:
    cargo xtask template-fuzz {{OPTIONS}}

# Test hosts in containers: `just lab up 2`, `just lab ssh leader`, `just lab status`, `just lab down`
lab *COMMAND:
    cargo xtask lab {{COMMAND}}

# The reference of modules and their schemas, from the code
gen:
    cargo xtask gen

# A module's skeleton, its place in the list and its first case
new-module NAME:
    cargo xtask new-module {{NAME}}

# Put right what can be put right by machine
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged --quiet
