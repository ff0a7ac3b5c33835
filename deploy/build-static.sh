#!/usr/bin/env bash
# Builds a fully static bonafide: one file that runs on any Linux kernel, in an empty container too.
#
#   deploy/build-static.sh [OUT]      OUT is the file to write, by default target/static/bonafide
#   PROFILE=dev deploy/build-static.sh    a cargo profile other than `dist` (quick, for a trial)
#
# With the musl target and musl-gcc present the binary is built against musl (and takes mimalloc as allocator), otherwise
# against the glibc of this machine. Static glibc looks host names up by itself: since 2.34 the `files` and `dns`
# services, which are all a container has, are part of libc and no plug-in is loaded at run time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

profile=${PROFILE:-dist}
build=${CARGO_TARGET_DIR:-target}
out=${1:-$build/static/bonafide}

host=$(rustc -vV | sed -n 's/^host: //p')
musl=${host%%-*}-unknown-linux-musl
if [[ -d $(rustc --print target-libdir --target "$musl") ]] && command -v musl-gcc >/dev/null; then
    target=$musl
    export "CC_${musl//-/_}=musl-gcc"
else
    target=$host
fi
echo "build-static: target $target, profile $profile" >&2

# --target is named even when it is the host: only then do the flags stay away from build scripts and macros.
export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
cargo build --locked --bin bonafide --profile "$profile" --target "$target" --target-dir "$build"

# cargo names the folder of the dev profile `debug`
binary=$build/$target/${profile/#dev/debug}/bonafide
if readelf --program-headers --dynamic --wide "$binary" | grep -E 'INTERP|NEEDED' >&2; then
    echo "build-static: $binary still needs a loader or a shared library" >&2
    exit 1
fi
mkdir -p "$(dirname "$out")"
install -m 0755 "$binary" "$out"
echo "build-static: $out, $(stat -c %s "$out") bytes, static" >&2
