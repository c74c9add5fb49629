"""One look, as bench/playbooks/one.yml has it."""

from pyinfra.operations import files

from common import WORK

files.directory(path=WORK)
