echo before
echo giving up >&2
exit 42
