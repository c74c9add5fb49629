# Runs /results/run.sh in a root file system of layers that is gone with this mount namespace.
# Called with new namespaces all around; BASE, SOURCE, TOOLS and RUN name folders.
set -eu
root=$RUN/root
mkdir -p "$root"
mount --make-rprivate /

layered() {
    mkdir -p "$1/upper" "$1/work" && mount -t overlay overlay \
        -o "lowerdir=$TOOLS:$SOURCE:$BASE,upperdir=$1/upper,workdir=$1/work" "$root" 2>/dev/null
}
in_memory() {
    mkdir -p "$RUN/memory" && mount -t tmpfs tmpfs "$RUN/memory" && layered "$RUN/memory"
}
# An overlay cannot lie on an overlay, as in containers: there changes are kept in memory, or all is copied.
layered "$RUN" || in_memory || for layer in "$BASE" "$SOURCE" "$TOOLS"; do cp -a "$layer/." "$root"; done

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys" 2>/dev/null || mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/sshd" "$root/run/lock"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount --bind "$RUN/results" "$root/results"

ip link set lo up
hostname testhost
exec env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" /bin/bash /results/run.sh
