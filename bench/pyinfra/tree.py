"""A directory full of small files, as bench/playbooks/tree.yml has it."""

from pyinfra import host
from pyinfra.operations import files

from common import WORK

files.sync(src=host.data.source, dest=f"{WORK}/tree", mode="644", dir_mode="755")
