"""One large file, as bench/playbooks/big.yml has it."""

from pyinfra import host
from pyinfra.operations import files

from common import WORK

files.put(src=host.data.source, dest=f"{WORK}/big", mode="644")
