"""Twenty steps that find everything as it should be, as bench/playbooks/noop.yml has them."""

from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.operations import files, server

from common import JINJA, VARS, WORK, source, template

files.directory(path=f"{WORK}/etc", mode="755")
files.directory(path=f"{WORK}/etc/conf.d", mode="750")
files.put(src=source("app.conf"), dest=f"{WORK}/etc/app.conf", mode="644")
files.put(src=source("run.sh"), dest=f"{WORK}/etc/run.sh", mode="755")
files.put(src=source("public.pem"), dest=f"{WORK}/etc/public.pem", mode="600")
files.put(src=source("motd"), dest=f"{WORK}/etc/motd", mode="644")
for name, place, mode in [
    ("server.conf", "etc/server.conf", "644"),
    ("environment", "etc/environment", "640"),
    ("limits.conf", "etc/conf.d/limits.conf", "644"),
    ("upstreams.conf", "etc/conf.d/upstreams.conf", "644"),
]:
    files.template(src=template(f"{name}.j2"), dest=f"{WORK}/{place}", mode=mode, jinja_env_kwargs=JINJA, **VARS)
for name, value in [("port", 8080), ("level", "info"), ("workers", 4), ("name", "shop")]:
    files.line(path=f"{WORK}/etc/settings.ini", line=f"^{name}=.*$", replace=f"{name}={value}")
files.link(path=f"{WORK}/etc/current.conf", target="app.conf", create_remote_dir=False)
files.file(path=f"{WORK}/etc/server.conf", mode="644")
host.get_fact(File, path=f"{WORK}/etc/app.conf")
host.get_fact(File, path=f"{WORK}/etc/settings.ini")
server.shell(commands=[f"test -d {WORK}/etc"])
server.shell(commands=[f"test -f {WORK}/etc/app.conf"])
