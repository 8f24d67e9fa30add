#!/bin/sh
# Makes a Docker image of the Postgres server that is installed on this machine, for machines that reach no registry.
#
#   postgres_image.sh IMAGE:TAG
#
# The image behaves like the official one as far as the tests go: it listens on 5432, makes its cluster when it starts, and takes
# POSTGRES_USER and POSTGRES_PASSWORD from the environment.
set -eu

image=$1
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ]; then
    echo "no Postgres server is installed here (Debian and Ubuntu: apt-get install postgresql)" >&2
    exit 1
fi
version=$(basename "$(dirname "$bin")")
home=$(dirname "$bin")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/etc" "$root/run/postgresql" "$root/tmp" "$root/data" "$root/var" "$root/usr/lib/postgresql" \
    "$root/usr/share/postgresql" "$root/usr/lib/locale" "$root/proc" "$root/sys" "$root/dev"
ln -s /run "$root/var/run"
cp -a "$home" "$root/usr/lib/postgresql/"
cp -a "/usr/share/postgresql/$version" "$root/usr/share/postgresql/"
cp -aL /usr/share/zoneinfo "$root/usr/share/"
cp -a /usr/lib/locale/C.u* "$root/usr/lib/locale/" 2>/dev/null || true
cp -L /bin/sh "$root/bin/sh"
# Compiling queries just in time needs a compiler that is larger than everything else here.
rm -rf "$root/usr/lib/postgresql/$version/lib/bitcode" "$root/usr/lib/postgresql/$version/lib/llvmjit.so"

for file in "$root/bin/sh" "$root/usr/lib/postgresql/$version/bin/"* "$root/usr/lib/postgresql/$version/lib/"*.so; do
    ldd "$file" 2>/dev/null | sed -n 's|.*=> \(/[^ ]*\).*|\1|p; s|^[[:space:]]*\(/[^ ]*\).*|\1|p'
done | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done

echo 'postgres:x:999:999::/data:/bin/sh' >"$root/etc/passwd"
echo 'postgres:x:999:' >"$root/etc/group"
cat >"$root/bin/entrypoint" <<'END'
#!/bin/sh
set -eu
data=${PGDATA:-/data}
if [ ! -s "$data/PG_VERSION" ]; then
    echo "${POSTGRES_PASSWORD:-postgres}" >/tmp/password
    initdb -D "$data" -U "${POSTGRES_USER:-postgres}" --pwfile=/tmp/password --auth=scram-sha-256 --locale=C.UTF-8 -E UTF8
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
fi
[ "${1:-}" = postgres ] && shift
exec postgres -D "$data" -c listen_addresses='*' "$@"
END
chmod 755 "$root" "$root/bin/entrypoint"
chmod 1777 "$root/tmp"
chmod 700 "$root/data"

archive="$root.tar"
trap 'rm -rf "$root" "$archive"' EXIT
tar -C "$root" --owner=0 --group=0 --exclude ./data --exclude ./run/postgresql -cf "$archive" .
tar -C "$root" --owner=999 --group=999 -rf "$archive" ./data ./run/postgresql
docker import \
    --change 'USER 999:999' \
    --change "ENV PATH=/usr/lib/postgresql/$version/bin:/bin" \
    --change 'ENTRYPOINT ["/bin/entrypoint"]' \
    --change 'CMD ["postgres"]' \
    --change 'EXPOSE 5432' \
    "$archive" "$image" >/dev/null
