#!/usr/bin/env bash
# Install the Python peer into a virtual environment: bench/peer/install.sh [folder]
# The benchmarks and the oracle scripts need it; the product and its tests never do.
set -euo pipefail

venv="${1:-.venv-peer}"
here="$(cd "$(dirname "$0")" && pwd)"

python3 -m venv "$venv"
# The CPU build where the configured index offers one: the other carries gigabytes of CUDA.
"$venv/bin/pip" install --quiet "torch==2.13.0+cpu" 2>/dev/null || "$venv/bin/pip" install --quiet "torch==2.13.0"
"$venv/bin/pip" install --quiet -r "$here/../../test/oracle/requirements.txt"
"$venv/bin/python" -c "import adapters, torch; print('adapters', adapters.__version__, 'on torch', torch.__version__)"
