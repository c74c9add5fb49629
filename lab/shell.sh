# Shared by ./quickstart, ./test and .ci/run: shown steps, and packages installed only where they are missing.
# Sourced by bash from the checkout's top folder.

# What a build and a lab need: COMMAND:PACKAGE, or a package that brings no command.
NEEDS_BUILD=(cc:gcc make pkg-config perl git libc6-dev libssl-dev zlib1g-dev)
NEEDS_LAB=(dockerd:docker.io mmdebstrap ip:iproute2 iptables ssh:openssh-client curl)
NEEDS_TEST=(sshd:openssh-server file lsattr:e2fsprogs)
NEEDS_CONFORMANCE=(mmdebstrap unshare:util-linux ip:iproute2 pip:python3-pip)

HOSTLER=${CARGO_TARGET_DIR:-target}/release/hostler

step() {
    STEP=$((${STEP:-0} + 1))
    printf '\n[%d] %s  (%d s so far)\n' "$STEP" "$1" "$SECONDS"
}

# run COMMAND…: shows the command, runs it, and says how long it took.
run() {
    local start=$SECONDS status=0
    printf '$ %s\n' "$*"
    "$@" || status=$?
    printf '  (%d s)\n' $((SECONDS - start))
    return "$status"
}

die() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}

# need NEED…: installs with apt what is missing.
need() {
    local need missing=() root=()
    for need; do
        command -v "${need%%:*}" >/dev/null && continue
        [[ $(dpkg-query -W -f '${Status}' "${need#*:}" 2>/dev/null) == *' installed' ]] && continue
        missing+=("${need#*:}")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null || die "install ${missing[*]} (no apt-get here), then start again"
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null || die "as root: apt-get install ${missing[*]}; then start again"
        root=(sudo)
    fi
    export DEBIAN_FRONTEND=noninteractive
    run "${root[@]}" apt-get update -qq
    run "${root[@]}" apt-get install -qqy --no-install-recommends "${missing[@]}"
}

need_rust() {
    command -v cargo >/dev/null || die "Rust is missing; see https://rustup.rs, then start again"
}

# start_docker: whether Docker runs or could be started. Other errors end the script.
start_docker() {
    local status=0
    cargo xtask lab docker || status=$?
    [[ $status == 0 || $status == 3 ]] || exit "$status"
    return "$status"
}

# sum_of_tests LOG: adds up what cargo, nextest, the end-to-end tests and the bench counted there.
sum_of_tests() {
    awk '
        /^test result: |^(e2e|bench): [0-9]+ passed|^ *Summary \[/ {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) passed += $(i - 1)
                if ($i ~ /^failed/ && $(i - 1) != "exec") failed += $(i - 1)
                if ($i ~ /^failed/ && $(i - 1) == "exec") failed += $(i - 2)
                if ($i ~ /^timed/) failed += $(i - 1)
            }
            sums++
        }
        END { if (sums) printf "%d passed, %d failed\n", passed, failed }
    ' "$1"
}
