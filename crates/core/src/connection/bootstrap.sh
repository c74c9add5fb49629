# Finds or receives the helper and becomes it. Arguments: marker, SHA-256, size, architecture, directory to try first,
# and `new` where the cached one must not be used.
# Answers are lines that begin with the marker: RUN (frames follow), NEED (send the helper's bytes), ARCH (another
# architecture), PUT (no tools to receive a file: bring it by SFTP), FAIL (with the reason).
# For sh of any make: no arrays, no local. It is sent as one line inside single quotes through shells of any kind, so
# it has no single quote, exclamation mark or backslash, and every line ends where a blank may follow.
m=$1; h=$2; n=$3; a=$4; d0=$5; q=$6;
has() { command -v "$1" >/dev/null 2>&1; };
x=;
if [ -r /proc/sys/kernel/arch ]; then read -r x </proc/sys/kernel/arch; elif has uname; then x=$(uname -m); fi;
if [ -z "$x" ] || [ "$x" = "$a" ]; then :; else echo "$m ARCH $x"; exit 0; fi;
u=;
who() {
if [ -n "$u" ]; then return; fi;
if [ -r /proc/self/status ]; then while read -r k v w z; do if [ "$k" = Uid: ]; then u=$w; break; fi; done </proc/self/status; fi;
if [ -z "$u" ]; then u=$(id -u 2>/dev/null) || u=me; fi;
};
mine() { if [ -L "$1" ]; then return 1; fi; [ -d "$1" ] && [ -O "$1" ]; };
run() {
f=$1/helper-$h;
if [ -L "$f" ]; then return 1; fi;
mine "$1" && [ -f "$f" ] && [ -O "$f" ] && [ -x "$f" ] && [ -s "$f" ] && echo "$m RUN" && exec "$f" ${2:-kept};
};
able() {
if [ -d "$1" ]; then mine "$1" && chmod 0700 "$1" 2>/dev/null; else mkdir -p -m 0700 "$1" 2>/dev/null && mine "$1"; fi || return 1;
t=$1/helper-$h.$$;
{ true >"$t"; } 2>/dev/null && chmod 0700 "$t" && ("$t") 2>/dev/null && return;
rm -f "$t";
return 1;
};
receive() {
echo "$m NEED $1";
head -c "$n" >"$t" || { rm -f "$t"; return 1; };
for x in "$1"/helper-*; do case ${x##*/} in *.*|"helper-$h") ;; *) rm -f "$x";; esac; done;
mv -f "$t" "$1/helper-$h";
};
each() {
if [ -n "$d0" ]; then "$1" "$d0" && return; fi;
if [ -n "$HOME" ] && [ -O "$HOME" ]; then "$1" "$HOME/.cache/hostler" && return; fi;
if [ -n "$XDG_RUNTIME_DIR" ] && [ -O "$XDG_RUNTIME_DIR" ]; then "$1" "$XDG_RUNTIME_DIR/hostler" && return; fi;
who;
for b in /var/tmp /tmp /dev/shm; do "$1" "$b/hostler-$u" && return; done;
return 1;
};
if [ -z "$q" ]; then
if [ -n "$d0" ]; then run "$d0"; fi;
if [ -n "$d0" ] && able "$d0"; then :; else each run; fi;
fi;
who;
for x in mkdir chmod mv rm head; do if has $x; then :; else echo "$m PUT $u $HOME"; exit 0; fi; done;
place() { able "$1" && d=$1; };
if each place; then :; else echo "$m FAIL no directory for the helper: the home directory, /var/tmp, /tmp and /dev/shm are missing, not writable or mounted noexec; set ansible_remote_tmp"; exit 1; fi;
if receive "$d"; then :; else echo "$m FAIL the helper did not arrive whole in $d: is the disk full?"; exit 1; fi;
run "$d" new;
echo "$m FAIL the helper in $d cannot be started";
