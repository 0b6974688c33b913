#!/bin/sh
# Fills the corpora: with the fixtures of bpf-object, compiled for both byte
# orders, with and without debug information, which needs clang; and with the
# project's Containerfiles; and with what cosign wrote, and worse. Then, from
# the top:
#
#   cargo +nightly fuzz run build_containerfile
#   cargo +nightly fuzz run read_object
#   cargo +nightly fuzz run read_signatures
#   cargo +nightly fuzz run strip_debug
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for corpus in read_object strip_debug; do
    mkdir -p "$here/corpus/$corpus"
    for source in "$here"/../crates/bpf-object/tests/fixtures/*.bpf.c; do
        name=$(basename "$source" .bpf.c)
        for target in bpfel bpfeb; do
            for debug in -g -g0; do
                # Questions about types need types.
                if [ "$name$debug" = core-g0 ]; then continue; fi
                clang -target "$target" -O2 -mcpu=v2 "$debug" -fno-addrsig -c "$source" \
                    -o "$here/corpus/$corpus/$name.$target$debug.o"
            done
        done
    done
done
mkdir -p "$here/corpus/build_containerfile"
cp "$here"/../Containerfile.* "$here/corpus/build_containerfile/"
mkdir -p "$here/corpus/read_signatures"
for blob in "$here"/../crates/signature/tests/data/blobs/*; do
    seed="$here/corpus/read_signatures/$(basename "$blob")"
    { cat "$blob"; printf '\0'; cat "$blob"; } > "$seed.old"
    { printf '\0\0'; cat "$blob"; printf '\0'; cat "$blob"; } > "$seed.new"
done
