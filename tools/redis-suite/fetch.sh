#!/usr/bin/env bash
# fetch.sh FOLDER: the sources of Debian's redis package, for its unit tests. Uses lists of its own, so the
# machine's sources of packages stay as they are.
set -eu
dir=$(realpath -m "$1")
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/parts"
source /etc/os-release
for each in "debian $VERSION_CODENAME $VERSION_CODENAME-updates" "debian-security $VERSION_CODENAME-security"; do
  read -r archive suites <<<"$each"
  printf 'Types: deb-src\nURIs: http://deb.debian.org/%s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n' "$archive" "$suites"
done >"$dir/parts/sources.sources"
options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$dir/parts" -o "Dir::State::lists=$dir/lists"
  -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" -q update
cd "$dir"
apt-get "${options[@]}" -q source --download-only redis
rm -rf redis && mkdir redis
tar -xzf redis_*.orig.tar.gz -C redis --strip-components=1
for each in server cli benchmark; do ln -sf "/usr/bin/redis-$each" "redis/src/redis-$each"; done
