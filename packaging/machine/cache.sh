# shellcheck shell=sh disable=SC2034
# Where machines are kept between runs, and how the scripts beside this file speak. Sourced by them.

machines=${CLOISTER_CACHE:-/var/cache/cloister}/machines
mirror=${CLOISTER_MIRROR:-http://deb.debian.org/debian}
security_mirror=${CLOISTER_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
# In a machine every account must be able to enter the folders that lead to its programs.
umask 022

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

need_machines() {
    [ "$(id -u)" = 0 ] || die "only root can make and boot machines"
    for program in "$@"; do
        command -v "$program" >/dev/null || die "$program is missing; packaging/machine/setup installs it"
    done
    mkdir -p "$machines"
}

fingerprint() { sha256sum | cut -c1-16; }

# A second process waits here until the first has made the same thing. The lock ends with us.
only_one_makes() {
    exec 9>"$machines/$1.lock"
    flock 9
}
