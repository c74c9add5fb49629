"""What pyinfra knows of a host of what bench/playbooks/facts.yml gathers."""

from pyinfra import host
from pyinfra.facts import hardware, server

for fact in [
    server.Arch,
    server.Date,
    server.Groups,
    server.Hostname,
    server.Kernel,
    server.KernelVersion,
    server.LinuxDistribution,
    server.Mounts,
    server.Os,
    server.OsRelease,
    server.User,
    server.Users,
    hardware.BlockDevices,
    hardware.Cpus,
    hardware.Ipv4Addrs,
    hardware.Ipv6Addrs,
    hardware.Memory,
    hardware.NetworkDevices,
]:
    host.get_fact(fact)
