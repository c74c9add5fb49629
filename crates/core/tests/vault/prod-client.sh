#!/bin/sh
# Prints the password of the vault id that it is told.
[ "$1 $2" = "--vault-id prod" ] && echo "fixture password of prod"
