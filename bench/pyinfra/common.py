"""What the deploys share: the templates' variables (bench/playbooks/vars.yml has the same) and where things are."""

from pathlib import Path

from pyinfra import host

PLAYBOOKS = Path(__file__).parent.parent / "playbooks"
WORK = host.data.work
VARS = {
    "service_name": "shop",
    "listen_port": 8080,
    "workers": 4,
    "log_level": "info",
    "upstreams": [
        {"name": "one", "address": "10.0.0.1", "weight": 5},
        {"name": "two", "address": "10.0.0.2", "weight": 3},
        {"name": "three", "address": "10.0.0.3", "weight": 1},
    ],
    "limits": {"open_files": 65536, "processes": 4096},
    "settings": {"cache_size": 256, "retries": 3, "timeout": 30, "compress": True},
}
# As Ansible's templates are read.
JINJA = {"trim_blocks": True}


def source(name):
    return str(PLAYBOOKS / "files" / name)


def template(name):
    return str(PLAYBOOKS / "templates" / name)
