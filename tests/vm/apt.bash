# SPDX-License-Identifier: GPL-2.0-only
# Debian's packages of any suite and architecture, to be unpacked and not installed. Needs no privilege.
# shellcheck shell=bash

# The mirrors are those of this machine; the lists are our own, so that root's may be of another suite,
# old or missing.
deb() {
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $1 $2 main"
}

# The exit status of a script that cannot have packages, through no fault of its own.
NO_PACKAGES=3

# mirror_answers: fetch the smallest file of this machine's own suite, the way that apt-get does, with its proxies.
mirror_answers() {
    /usr/lib/apt/apt-helper -o Acquire::Retries=1 download-file "${mirror[release]}" "$1/answer"
}

# Anything that fails where packages can be had is a fault: of this script, or of what it expects of them.
# shellcheck disable=SC2317 # called by a trap
explain_failure() {
    local status=$?
    ((status == 0 || status == NO_PACKAGES)) || mirror_answers "$1" || {
        echo "${mirror[release]} cannot be reached: no packages can be had" >&2
        exit "$NO_PACKAGES"
    }
    exit "$status"
}

# configure_apt FOLDER SUITES [ARCHITECTURE]: from here on apt-get and apt-cache know those suites
# (comma between them), and those of this machine's programs too. One process at a time. Ends with NO_PACKAGES
# where there are none.
configure_apt() {
    local apt=$1 suites=${2//,/ } architecture=${3:-amd64} suite uri release
    declare -gA mirror=()

    # shellcheck disable=SC2016 # the words are apt-get's
    while read -r uri release; do
        case $uri:$release in
        *-security) mirror[security]=$uri ;;
        */debian/:*) mirror[main]=$uri mirror[release]=${uri}dists/$release/InRelease ;;
        esac
    done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages')

    if [[ -z ${mirror[main]:-} ]]; then
        echo "this machine's apt has no sources of Debian's packages" >&2
        exit "$NO_PACKAGES"
    fi
    # Cross-building wants the same version of two architectures, which come at different times there.
    [[ $architecture == amd64 ]] || unset 'mirror[security]'

    mkdir -p "$apt"/{lists/partial,archives/partial,empty}
    : >"$apt/status"
    for suite in $suites; do
        deb "${mirror[main]}" "$suite"
        [[ -z ${mirror[security]:-} || $suite == *-backports ]] ||
            deb "${mirror[security]}" "$suite-security"
    done >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "$apt/empty";
Dir::Etc::PreferencesParts "$apt/empty";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; "amd64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "2";
Debug::NoLocking "true";
CONF
    export APT_CONFIG=$apt/apt.conf
    exec {lock}>"$apt/lock"
    flock "$lock"
    # shellcheck disable=SC2064 # as it is now
    trap "explain_failure '$apt'" EXIT
    apt-get -q update --error-on=any
}
