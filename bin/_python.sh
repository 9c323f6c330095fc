# Sourced by the commands beside it: sets $here and $python, a Python that is new enough.
here=$(CDPATH= cd -P -- "$(dirname -- "$0")" && pwd -P)
python=
for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "viseme: Python 3.11 or newer is needed and none was found: install one, or name it with PYTHON=/path/to/python3." >&2
    exit 69
fi
