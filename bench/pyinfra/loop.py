"""One step for each of many items, as bench/playbooks/loop.yml has it."""

from pyinfra import host
from pyinfra.operations import files

from common import WORK

for item in range(1, 1 + int(host.data.size)):
    files.directory(path=f"{WORK}/{item}", mode="755")
