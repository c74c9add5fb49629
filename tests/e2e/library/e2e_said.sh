#!/bin/sh
. "$1"
echo "{\"changed\": true, \"said\": \"$text\", \"env\": \"$FOO\"}"
