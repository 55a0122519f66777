# Holds the engines and the registry, and waits for the end of its own standard input. Arguments: the folder, the registry's address.
trap '' INT
folder=$1
registry=$2
export CONTAINERS_CONF="$folder/containers.conf" CONTAINERS_REGISTRIES_CONF="$folder/registries.conf"

dockerd -H "unix://$folder/docker.sock" --data-root "$folder/docker" --exec-root "$folder/docker-run" --pidfile "$folder/docker.pid" \
    --iptables=false --ip6tables=false --bridge=none --insecure-registry "$registry" --shutdown-timeout 1 >"$folder/docker.log" 2>&1 &
docker=$!
podman --root "$folder/podman" --runroot "$folder/podman-run" system service --time=0 "unix://$folder/podman.sock" >"$folder/podman.log" 2>&1 &
podman=$!
docker-registry serve "$folder/registry.yml" >"$folder/registry.log" 2>&1 &
pids="$! $docker"

while read -r _; do :; done

podman --root "$folder/podman" --runroot "$folder/podman-run" rm --all --force --time 0 >/dev/null 2>&1
podman --root "$folder/podman" --runroot "$folder/podman-run" network prune --force >/dev/null 2>&1
kill "$podman" 2>/dev/null
kill $pids 2>/dev/null
wait
# Bridges outlive their engine, and the addresses of networks with them.
grep -aoE 'br-[0-9a-f]{12}' "$folder/docker/network/files/local-kv.db" 2>/dev/null | sort -u |
    while read -r bridge; do ip link delete "$bridge" 2>/dev/null; done
# What is still mounted below the folder, the innermost first.
cut -d ' ' -f 2 /proc/mounts | grep "^$folder/" | sort -r | while read -r place; do umount -l "$place"; done
rm -rf "$folder"
