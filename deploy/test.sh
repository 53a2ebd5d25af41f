#!/usr/bin/env bash
# test.sh PYTHON [options of pytest]: the suite, two files at a time, each process with servers of its own.
#
# The long files (a browser's, of whole installations) come first, as tests/conftest.py orders them: what is begun last
# is short, and neither process waits for the other at the end.
#
# Many tests wait for real deadlines of real servers, and a neighbour can take the time they need. So what failed is run
# once more by itself, and has to pass then.
#
# No test may take longer than the time pyproject.toml gives it; TEST_SECONDS is for all of them together.
set -uo pipefail
python=$1; shift
pytest=("$python" deploy/within.py "${TEST_SECONDS:-2700}" "$python" -m pytest --durations=25 --durations-min=1)
"${pytest[@]}" -n 2 --dist loadfile --no-loadscope-reorder "$@"
status=$?
if [ $status = 1 ]; then
  echo "What failed is run again, alone."
  "${pytest[@]}" --last-failed --last-failed-no-failures none "$@"
  status=$?
fi
exit $status
