# Shared by the lab's commands: names, folders, and how a host's namespace is entered.
# shellcheck shell=bash
set -euo pipefail

lab_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_store=${QUAY_LAB_STORE:-/var/lib/quaymaster-lab}   # roots and layers, kept between runs
lab_name=${QUAY_LAB_NAME:-quay}                        # several labs may run beside each other
lab_run=/run/quaymaster-lab/$lab_name                  # everything of the running lab
gateway_netns=$lab_name-gw
lan_netns=$lab_name-lan
wan_netns=$lab_name-wan

die() {
  echo "lab: $*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || die "needs root: it makes network namespaces and boots a container"

# The Debian root is named after its package list.
root_dir() {
  echo "$lab_store/root-$(grep -v '^#' "$lab_source/packages" | sha256sum | cut -c1-12)"
}

# The daemons from npm are named after their lock file.
node_dir() {
  echo "$lab_store/node-$(cat "$lab_source/node/"{package.json,package-lock.json,.npmrc} | sha256sum | cut -c1-12)"
}

running() {
  [ -f "$lab_run/nspawn.pid" ] && kill -0 "$(cat "$lab_run/nspawn.pid")" 2>/dev/null
}
